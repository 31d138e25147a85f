"""What is said to a request: what suits it, and how each fault bends that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from router_ml.faults.asked import Asked
from router_ml.faults.fault import Fault, Kind
from router_ml.faults.fitting import fit, misfit

Stop = Literal["end", "tools", "length", "filter", "refusal"]

REFUSED = "I'm sorry, but I can't help with that request."
SHORT = "This is a short answer to what was asked."
UNKNOWN_TOOL, UNKNOWN_PASSAGE, UNKNOWN_LABEL = "no_such_tool", "no-such-passage", "no_such_label"


@dataclass(frozen=True)
class Said:
    """An answer before it takes a vendor's shape.

    ``calls``: names of tools with their arguments; ``nothing``: not even an empty answer; ``served_model``,
    ``fingerprint``: what the server says it is, by default the model that was asked for, and nothing.
    """

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    stop: Stop = "end"
    refusal: str | None = None
    nothing: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    served_model: str | None = None
    fingerprint: str | None = None


def answer(asked: Asked, fault: Fault, said: Said | None = None) -> Said:
    """The answer to a request under a fault that lets one through; ``said`` instead of one that suits the request."""
    said = _bent(asked, fault, good(asked) if said is None else said)
    if fault.text is not None and not said.nothing:
        said = replace(said, text=fault.text, calls=(), stop="end" if said.stop == "tools" else said.stop)
    thinking = fault.thinking if fault.thinking is not None else ("Let me think." if asked.thinks else "")
    written = len(said.text) + len(thinking) + sum(len(name) + len(given) for name, given in said.calls)
    return replace(
        said,
        thinking=thinking,
        tokens_in=said.tokens_in or asked.tokens if fault.tokens_in is None else fault.tokens_in,
        tokens_out=said.tokens_out or 1 + written // 4 if fault.tokens_out is None else fault.tokens_out,
    )


def good(asked: Asked) -> Said:
    """What suits a request: the call of a tool that it needs, what a tool said, JSON that fits, a label, a citation,
    or a short text."""
    tool = _tool_to_call(asked)
    if tool is not None:
        name, schema = tool
        return Said(calls=((name, _dumps(fit(schema, about=asked.task))),), stop="tools")
    if asked.schema is not None:
        value = fit(asked.schema, cited=asked.passages)
        return Said(value if isinstance(value, str) and "type" not in asked.schema else _dumps(value))
    if asked.labels:
        return Said(asked.labels[0])
    found = f"{SHORT} The tool says: {asked.results[-1]}" if asked.results else SHORT
    return Said(f"{found} [{asked.passages[0]}]" if asked.passages else found)


def _tool_to_call(asked: Asked) -> tuple[str, dict[str, Any]] | None:
    """The tool that is asked for by name, or by the request's own words; each is called once."""
    if asked.choice == "none" or not asked.tools:
        return None
    named = next((one for one in asked.tools if one[0] == asked.choice), None)
    if named is not None:
        return None if named[0] in asked.called else named
    if asked.called or (asked.results and asked.choice != "required"):
        return None
    words = asked.task.casefold()
    meant = (one for one in asked.tools if re.search(rf"\b{re.escape(one[0].replace('_', ' ').casefold())}\b", words))
    return next(meant, asked.tools[0] if asked.choice == "required" else None)


def _bent(asked: Asked, fault: Fault, said: Said) -> Said:
    bend = _BENDS.get(fault.kind)
    return said if bend is None else bend(asked, fault, said)


def _cut_off(asked: Asked, fault: Fault, said: Said) -> Said:
    if not said.calls:
        return replace(said, text=said.text[: max(1, len(said.text) // 2)], stop="length")
    calls = tuple((name, given[: len(given) // 2]) for name, given in said.calls)
    return replace(said, calls=calls, stop="length")


def _refused(asked: Asked, fault: Fault, said: Said) -> Said:
    return Said(refusal=REFUSED, stop="refusal") if fault.form == "field" else Said(REFUSED)


def _again(asked: Asked, fault: Fault, said: Said) -> Said:
    name, schema = asked.tools[0] if asked.tools else (UNKNOWN_TOOL, {"type": "object"})
    return Said(calls=((name, _dumps(fit(schema, about=asked.task))),), stop="tools")


def _misfitting(asked: Asked, fault: Fault, said: Said) -> Said:
    if said.calls:
        return replace(said, calls=tuple((name, _dumps(misfit({"type": "object"}))) for name, _ in said.calls))
    if asked.schema is not None:
        return replace(said, text=_dumps(misfit(asked.schema)))
    return replace(said, text=UNKNOWN_LABEL) if asked.labels else said


def _invented(asked: Asked, fault: Fault, said: Said) -> Said:
    if said.calls:
        return said
    text = said.text
    for known in asked.passages:
        text = text.replace(known, UNKNOWN_PASSAGE)
    if UNKNOWN_PASSAGE not in text and asked.schema is None and not asked.labels:
        text = f"{text or SHORT} [{UNKNOWN_PASSAGE}]"
    return Said(text)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_BENDS: dict[Kind, Callable[[Asked, Fault, Said], Said]] = {
    "truncated": _cut_off,
    "empty_choices": lambda asked, fault, said: Said(nothing=True),
    "empty_text": lambda asked, fault, said: Said(),
    "refusal": _refused,
    "content_filter": lambda asked, fault, said: Said(stop="filter"),
    "wrong_schema": _misfitting,
    "invented_citation": _invented,
    "tool_loop": _again,
}
