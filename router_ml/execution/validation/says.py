"""What an answer in JSON says in words: whether it declines, or says nothing where its answer should stand.

An object holds other people's words too, so a refusal in it is one only where nothing else is said, or where it stands
in the field that holds the answer; other fields, and an answer spread over several, are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from router_ml.execution.lanes.reply import blank
from router_ml.execution.validation.citations import CITING
from router_ml.execution.validation.refusals import is_refusal

ANSWERS = frozenset(
    "answer response reply result output summary translation completion final_answer answer_text".split()
)
"""Names of fields that hold the answer itself, and not something that it is about."""

_NOTHING = frozenset(
    "refused refusal refuse declined denied rejected error failed failure unable unknown none null n/a na - ok".split()
)


def declines(value: JsonValue) -> bool:
    """Whether a value says no more than that there is no answer.

    >>> declines({"answer": "I can't help with that request.", "confidence": 0.0})
    True
    >>> declines({"from": "support", "said": "I can't help with that request."})
    False
    """
    told = [(name, text) for name, text in _strings(value) if not blank(text) and text.strip().lower() not in _NOTHING]
    longest = max((len(text) for _, text in told), default=0)
    return any(is_refusal(text) for name, text in told if len(told) == 1 or (name in ANSWERS and len(text) == longest))


def says_nothing(value: JsonValue) -> bool:
    """Whether a value is a blank string, or has one in the field of its answer and no other words.

    >>> says_nothing({"answer": "", "confidence": 0}), says_nothing({"total": 3, "note": ""})
    (True, False)
    """
    told = list(_strings(value))
    return any(name in ANSWERS or isinstance(value, str) for name, _ in told) and all(blank(text) for _, text in told)


def _strings(value: JsonValue) -> Iterator[tuple[str, str]]:
    """Each string with the name of the field that it stands in, without those of fields that hold citations."""
    stack = [("", value)]
    while stack:
        name, item = stack.pop()
        if isinstance(item, str):
            yield name, item
        elif isinstance(item, list):
            stack.extend((name, inner) for inner in item)
        elif isinstance(item, dict):
            stack.extend((key.casefold(), inner) for key, inner in item.items() if key.casefold() not in CITING)
