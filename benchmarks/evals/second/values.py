"""Arguments of calls with other values than the request says."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.evals.lanes.played import Asking, Played, ToolCall
from benchmarks.evals.planted.failure import Bend

Argument = Callable[[str, Any], Any]


def changed(change: Argument) -> Bend:
    """Every call has an argument changed."""

    def with_changes(call: ToolCall) -> ToolCall:
        return replace(call, arguments={name: change(name, value) for name, value in call.arguments.items()})

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        batches = tuple(tuple(with_changes(call) for call in batch) for batch in played.batches)
        return None if batches == played.batches else replace(played, batches=batches)

    return bend


def turned_id(name: str, value: Any) -> Any:
    """The last two digits of an id, the other way round."""
    hit = re.fullmatch(r"([A-Z]+-)(\d*)(\d)(\d)", value) if isinstance(value, str) else None
    return f"{hit[1]}{hit[2]}{hit[4]}{hit[3]}" if hit and hit[3] != hit[4] else value


def next_day(name: str, value: Any) -> Any:
    """A day late."""
    hit = re.match(r"(\d{4}-\d\d-)(\d\d)", value) if isinstance(value, str) else None
    return f"{hit[1]}{int(hit[2]) % 28 + 1:02}{value[10:]}" if hit else value


def other_day(name: str, value: Any) -> Any:
    """Day, month and year with dots."""
    hit = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(T.*)?", value) if isinstance(value, str) else None
    return f"{hit[3]}.{hit[2]}.{hit[1]}" if hit else value


def other_queue(name: str, value: Any) -> Any:
    """Another queue, another priority."""
    turned = {"high": "urgent", "urgent": "high", "low": "normal", "technical": "shipping", "billing": "people"}
    return turned.get(value, value) if name in ("priority", "queue") else value
