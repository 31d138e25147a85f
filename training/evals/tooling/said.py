"""What a final answer claims, asks and gives away. Claims and questions are found by words, in English."""

from __future__ import annotations

import re
from collections.abc import Sequence

from training.evals.tooling.facts import plain

_CLAUSE = re.compile(r"[.!?;:\n]+(?:\s|$)|,? (?:but|although|though|however|yet)\b,? ")
_NOT = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|cannot|unable|without|fail\w*|denied|unknown|unclear|whether|if|once|until"
    r"|unless|would|could|should|shall|pending|review\w*|try|tried|trying|attempt\w*|asked|in case|un\w+able)\b|n't\b"
)
_TO_COME = re.compile(r"\b(?:can|will|may|might|must|to|going to) (?:\w+ )?(?:be|get|have)(?: \w+)? $")
_DONE = r"\b(?:done|all set|successfully|taken care of)\b"
_ASKS = re.compile(
    r"\?|\b(?:please|kindly|could you|can you|would you)\b.{0,40}\b(?:give|tell|share|send|provide|confirm|specify|name"
    r"|enter|say|let)\b|\blet me know\b|\b(?:i|we) (?:still )?need\b|\bwhich (?:one|of)\b"
)


def claims(text: str, verbs: Sequence[str], *, any_done: bool) -> bool:
    """Whether a text says that something was done: a clause that has one of the patterns and nothing that denies it,
    doubts it or puts it off.

    Args:
        any_done: whether a bare "done" counts, too.

    >>> claims("Done! I have cancelled it.", ["cancelled"], any_done=False)
    True
    >>> claims("It could not be cancelled. It can be cancelled later.", ["cancelled"], any_done=True)
    False
    """
    wanted = re.compile("|".join((*(rf"\b(?:{verb})\b" for verb in verbs), *((_DONE,) if any_done else ()))))
    lines = [plain(line) for line in text.splitlines()]
    for clause in (part for line in lines for part in _CLAUSE.split(line) if part):
        for found in wanted.finditer(clause):
            if not _NOT.search(clause) and not _TO_COME.search(clause[: found.start()]):
                return True
    return False


def asks(text: str, about: Sequence[str]) -> bool:
    """Whether a text asks for something, and names one of what it should ask about.

    >>> asks("Which order is it?", ["order"]), asks("I have refunded it.", ["order"])
    (True, False)
    """
    found = plain(text)
    return _ASKS.search(found) is not None and (not about or any(plain(one) in found for one in about))


def tells(text: str, value: str) -> bool:
    """Whether a text holds a value, however its parts are set apart.

    >>> tells("Call +49-30-5550142", "+49 30 5550142")
    True
    """
    return _packed(value) in _packed(text)


def _packed(text: str) -> str:
    return re.sub(r"[\s()/-]+", "", plain(text))
