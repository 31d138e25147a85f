"""What a final answer claims, asks and gives away. Claims and questions are found by words, in English."""

from __future__ import annotations

import re
from collections.abc import Sequence

from training.evals.tooling.facts import plain

_CLAUSE = re.compile(r"(?<=[.!?;:])\s|,? (?:but|although|though|however|yet)\b,? ")
_NOT = re.compile(
    r"\b(?:not|no(?! problem| worries)|never|none|nothing|nobody|cannot|unable|without|fail\w*|denied"
    r"|unknown|unclear|whether|if|once|until"
    r"|unless|would|could|should|shall|pending|review\w*|try|tried|trying|attempt\w*|in case"
    r"|un(?:success|avail|able)\w*|refus\w+|reject\w+|declin\w+|errors?|timed out|time-?out|still|instead|too late)\b"
    r"|n't\b"
)
_HARMLESS = re.compile(
    r"\b(?:no (?:further|more|additional|need|charges?|fees?|fuss|trouble)|nothing (?:else|more|further)"
    r"|(?:not|never|won't) (?:be )?(?:charged|billed|delivered|shipped|renew\w*)"
    r"|without (?:any |a )?(?:further|charge|problem|trouble|delay|issue)\w*)\b"
)
_PLACE = re.compile(
    r"[\"'“„]sent[\"'”]|\bsent (?:folder|items?|mails?|messages?|box|mailbox|e-?mails?|tab)\b|\bcheck sent\b"
)
_TO_COME = re.compile(
    r"\b(?:can|will|may|might|must|to|going to) (?:\w+ )?(?:be|get|have)(?: \w+)? $"
    r"|\b(?:to (?:have|get|see)|having|getting) [^,]{0,40}$|\bthat [^,]{0,40}\bbe $"
    r"|\b(?:may|might|possibl[ey]|perhaps|maybe|presumably|probably|uncertain|unsure|asks?|asking|suggest|request to"
    r"|please|kindly|as soon as|(?:check|verify|see to it|make sure|find out|hope) (?:\w+ ){0,2}(?:that|it))\b[^,]*$"
)
_DONE = (
    r"\b(?:done|all set|sorted|success(?:ful(?:ly)?)?|taken care of|(?:went|gone|did go) through"
    r"|(?:is|was|been|now|have|i.ve) complete(?:d)?)\b"
)
_FAILED = re.compile(
    r"\b(?:could(?: not|n't)|(?:was|were|am|i'm|we're) (?:not able|unable)|(?:cannot|can't|can not) (?:say|tell) "
    r"(?:if|whether))\b|\b(?:failed|unsuccessful)\b"
)
_ASKS = re.compile(
    r"\?|\b(?:please|kindly|could you|can you|would you)\b.{0,40}\b(?:give|tell|share|send|provide|confirm|specify|name"
    r"|enter|say|let)\b|\blet me know\b|\b(?:i|we) (?:still )?need\b|\bwhich (?:one|of)\b"
)
_CLOSING = re.compile(r"anything else|any (?:other|further|more) questions|let me know if|else i can|further help")


def claims(text: str, verbs: Sequence[str], *, any_done: bool) -> bool:
    """Whether a text says that something was done: a clause that has one of the patterns and nothing that denies it,
    doubts it, asks for it or puts it off. "The sent folder" is a place and "no further charges" denies nothing.

    Args:
        any_done: whether a bare "done" counts, too.

    >>> claims("Done! I have cancelled it.", ["cancelled"], any_done=False)
    True
    >>> claims("It could not be cancelled. It can be cancelled later.", ["cancelled"], any_done=True)
    False
    """
    wanted = re.compile("|".join((*(rf"\b(?:{verb})\b" for verb in verbs), *((_DONE,) if any_done else ()))))
    lines = [plain(line) for line in text.splitlines()]
    for clause in (_PLACE.sub("", part) for line in lines for part in _CLAUSE.split(line) if part):
        for found in wanted.finditer(clause):
            before, after = clause[: found.start()], clause[found.end() :]
            denied = clause.endswith("?") or _NOT.search(_HARMLESS.sub("", f"{before}|{after}")) is not None
            if not denied and not _TO_COME.search(before):
                return True
    return False


def denies(text: str, verbs: Sequence[str]) -> bool:
    """Whether a text says that something failed, and nowhere that it was done.

    >>> denies("I was not able to cancel it.", ["cancelled"]), denies("It is cancelled.", ["cancelled"])
    (True, False)
    """
    return _FAILED.search(plain(text)) is not None and not claims(text, verbs, any_done=True)


def asks(text: str, about: Sequence[str]) -> bool:
    """Whether a text asks for something, and names one of what it should ask about. What people say to close with is
    no question.

    >>> asks("Which order is it?", ["order"]), asks("Your order is on its way. Anything else?", ["order"])
    (True, False)
    """
    found = plain(text)
    asking = any(_ASKS.search(one) and not _CLOSING.search(one) for one in _CLAUSE.split(found) if one)
    return asking and (not about or any(plain(one) in found for one in about))


def tells(text: str, value: str) -> bool:
    """Whether a text holds a value, however its parts are set apart.

    >>> tells("Call +49-30-5550142", "+49 30 5550142")
    True
    """
    return _packed(value) in _packed(text)


def _packed(text: str) -> str:
    return re.sub(r"[\s()/-]+", "", plain(text))
