"""Right answers spoilt in ways that are known, to measure how many of them the checks find."""

from __future__ import annotations

import re
from collections.abc import Callable

from training.evals.case import Case

_CITED = re.compile(r"(\s*\[[^\]\n]*\])")
_NUMBER = re.compile(r"(?<![\w.:,-])\d+(?![\w:]|[.,]\d)")
_VERB = re.compile(r"\b(is|are|was|were|may|can|could|must|has|have|had|does|do|did|will|would|needs?)\b(?! not\b)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_CONDITION = re.compile(r",? ?\b(?:if|unless|as long as|provided|because|when|only when|only if|except)\b[^.;,\[]*")


def _plainly(text: str, change: Callable[[str], str]) -> str:
    """A text with all changed that is no citation."""
    return "".join(part if _CITED.fullmatch(part) else change(part) for part in _CITED.split(text))


def number(case: Case) -> str | None:
    """Every number another one."""
    return _plainly(case.reference or "", lambda part: _NUMBER.sub(lambda found: str(int(found[0]) + 7), part))


def negation(case: Case) -> str | None:
    """Its first statement denied, or no longer denied."""
    text = case.reference or ""
    if " not " in text:
        return text.replace(" not ", " ", 1)
    return _VERB.sub(r"\1 not", text, count=1)


def name(case: Case) -> str | None:
    """Its first name in the middle of a sentence another one."""
    changed = _plainly(case.reference or "", lambda part: _NAME.sub("Vintervik", part, count=1))
    return changed if "Vintervik" in changed else None


def condition(case: Case) -> str | None:
    """Without what follows its first "if", "unless", "only" and the like, up to the next comma or full stop."""
    return _plainly(case.reference or "", lambda part: _CONDITION.sub("", part, count=1))


def uncited(case: Case) -> str | None:
    """Without its citations."""
    return _CITED.sub("", case.reference or "")


def near_miss(case: Case) -> str | None:
    """Every citation that of a passage which does not answer, of the same document where one was given."""
    stray = [name for name in case.passages if name not in case.sources]
    document = case.sources[0].partition("#")[0]
    near = [name for name in stray if name.partition("#")[0] == document] or stray
    return _CITED.sub(f" [{near[0]}]", case.reference or "") if near else None


def invented(case: Case) -> str | None:
    """Every citation that of a passage which was not given."""
    return _CITED.sub(" [handbook#12]", case.reference or "")


def abstaining(case: Case) -> str | None:
    """No answer."""
    return "The passages do not answer this question."


def padded(case: Case) -> str | None:
    """With a sentence more that no passage bears, under the citation of a source."""
    return f"{case.reference} The mayor inaugurated a swimming pool [{case.sources[0]}]."


WAYS: dict[str, tuple[Callable[[Case], str | None], str]] = {
    "number": (number, "unsupported"),
    "negation": (negation, "unsupported"),
    "name": (name, "unsupported"),
    "condition": (condition, "any"),
    "padded": (padded, "unsupported"),
    "uncited": (uncited, "uncited"),
    "near miss": (near_miss, "wrong_source"),
    "invented": (invented, "invented_citation"),
    "abstaining": (abstaining, "over_abstention"),
}
"""Way -> how an answer to a case that can be answered is spoilt, and the failure that has to be found, "any" of them
where several fit."""
