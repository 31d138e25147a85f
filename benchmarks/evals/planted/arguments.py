"""Calls with something wrong in them: the tool, its arguments, or how they are written."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.evals.lanes.played import Asking, Played, ToolCall
from benchmarks.evals.planted.failure import Bend

_LOOKALIKES = {
    "issue_refund": "create_credit_note",
    "create_credit_note": "issue_refund",
    "cancel_order": "cancel_subscription",
    "cancel_subscription": "cancel_order",
}
_RENAMED = {
    "create_credit_note": ("order_id", "invoice_id", "INV"),
    "issue_refund": ("invoice_id", "order_id", "ORD"),
    "cancel_subscription": ("order_id", "subscription_id", "SUB"),
    "cancel_order": ("subscription_id", "order_id", "ORD"),
}
_DIGITS = {"INV": 4, "ORD": 4, "SUB": 3}
_FREE = {"reason", "note", "room", "limit"}


def with_call(played: Played, at: int, call: ToolCall) -> Played:
    """The same with another call in the place of one."""
    places = iter(range(len(played.calls)))
    batches = tuple(tuple(call if next(places) == at else one for one in batch) for batch in played.batches)
    return replace(played, batches=batches)


def on_calls(change: Callable[[Asking, ToolCall], dict[str, Any] | None]) -> Bend:
    """Change the arguments of the first call that they can be changed of."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        for at, call in enumerate(played.calls):
            changed = change(asking, call)
            if changed is not None and changed != call.arguments:
                return with_call(played, at, ToolCall(call.tool, changed))
        return None

    return bend


def lookalike(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    """The tool that looks like the right one, with its arguments as far as they fit."""
    for at, call in enumerate(played.calls):
        other = _LOOKALIKES.get(call.tool)
        if other in asking.case.tools and other is not None:
            old, new, letters = _RENAMED[other]
            kept = {name: one for name, one in call.arguments.items() if name not in (old, "reason", "note", "when")}
            number = str(call.arguments[old]).partition("-")[2]
            given = {**kept, new: f"{letters}-{number.zfill(_DIGITS[letters])[-_DIGITS[letters] :]}"}
            return with_call(played, at, ToolCall(other, given))
    return None


def swapped(asking: Asking, call: ToolCall) -> dict[str, Any] | None:
    """``from`` and ``to`` change places."""
    given = call.arguments
    return {**given, "from": given["to"], "to": given["from"]} if {"from", "to"} <= set(given) else None


def in_cents(asking: Asking, call: ToolCall) -> dict[str, Any] | None:
    """Money in cents, and minutes a sixth of what they are."""
    name = next((one for one in ("amount", "duration_minutes") if one in call.arguments), None)
    if name is None:
        return None
    value = call.arguments[name]
    return {**call.arguments, name: round(value * 100) if name == "amount" else max(5, value // 6)}


def other_id(asking: Asking, call: ToolCall) -> dict[str, Any] | None:
    """The last digit of an id is another."""
    for name, value in call.arguments.items():
        if isinstance(value, str) and re.fullmatch(r"[A-Z]{3}-\d+", value):
            return {**call.arguments, name: value[:-1] + str((int(value[-1]) + 1) % 10)}
    return None


def left_out(asking: Asking, call: ToolCall) -> dict[str, Any] | None:
    """What the request says and the tool does not insist on is left out, where the default is something else."""
    schema: Any = asking.suite.file.tools[call.tool].parameters
    for name, value in call.arguments.items():
        shape = schema["properties"].get(name, {})
        if name not in schema.get("required", ()) and name not in _FREE and shape.get("default", value) != value:
            return {key: one for key, one in call.arguments.items() if key != name}
    return None


def broken(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    """Arguments that end before their last brace."""
    if not played.calls:
        return None
    call = played.calls[0]
    return with_call(played, 0, ToolCall(call.tool, raw=json.dumps(call.arguments)[:-1]))


def own_tool(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    """A tool that was not offered."""
    return (
        with_call(played, 0, ToolCall("lookup_everything", {"query": asking.question[:40]})) if played.calls else None
    )
