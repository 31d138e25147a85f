"""How approvals look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.contract import Approval

if TYPE_CHECKING:
    from router_ml.cli.approvals import Seen
    from router_ml.execution.reviews.reviews import Suspended

_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""What could repaint the terminal of whoever decides."""


def approvals_page(found: Sequence[Approval], *, now: datetime) -> RenderableType:
    """A line for each, the first to expire first."""
    if not found:
        return Text("Nothing waits for a person.")
    table = Table(title="Waiting for a person", title_justify="left")
    for name in ("approval", "what", "queue", "age", "expires in", "reason"):
        table.add_column(name, overflow="fold")
    for step in found:
        left = "" if step.expires_at is None else _span(step.expires_at - now)
        row = (step.approval_id, _what(step), step.queue or "", _span(now - step.at), left, step.reason or "")
        table.add_row(*map(Text, row))
    return table


def approval_page(found: Seen) -> RenderableType:
    """What somebody has to see who decides."""
    step = found.approval
    head = Text(f"{step.approval_id}: {_what(step)}, {step.state}", "bold")
    lines = [f"Decision {step.decision_id}, queue {step.queue or 'none'}. {step.reason or ''}"]
    if step.expires_at is not None and step.state == "requested":
        lines.append(f"Expires {step.expires_at:%Y-%m-%d %H:%M} UTC; then: {step.on_expiry}.")
    if step.who is not None:
        lines.append(f"{step.who}: {step.why}")
    lines += _waits(found.suspended) if found.suspended is not None else ["What waited is over, and was deleted."]
    return Group(head, *(Text(line) for line in lines))


def _waits(found: Suspended) -> Iterator[str]:
    if not found.whole:
        yield "Its words are private: only the process that asked can show them, and grant it."
        return
    yield from (f"{message.get('role')}: {_whole(message.get('content'))}" for message in found.messages)
    if found.tool_request is not None:
        yield f"Wants to call {_whole(found.tool_request.name)} with:"
        yield from _arguments(found.tool_request.arguments)
    if found.answer is not None:
        yield f"Answer of {found.lane or 'a lane'}: {_whole(found.answer)}"


def _what(step: Approval) -> str:
    return f"tool {step.tool or 'that is not planned'}" if step.subject == "tool" else "request"


def _arguments(said: str) -> Iterator[str]:
    """Each argument on a line of its own; what is no JSON object as it is."""
    try:
        given = json.loads(said)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        yield f"  {_whole(said)}"
        return
    for name, value in given.items():
        yield f"  {_whole(name)} = {_whole(json.dumps(value, ensure_ascii=False))}"


def _whole(said: object) -> str:
    r"""A text, whole: what is cut off cannot be agreed to.

    >>> _whole("pay\x1b[2J") == "pay\N{REPLACEMENT CHARACTER}[2J"
    True
    """
    return ("" if said is None else str(said)).translate(_CONTROLS)


def _span(time: timedelta) -> str:
    """Days, hours or minutes.

    >>> [_span(timedelta(minutes=m)) for m in (-3, 0.5, 59, 61, 3000)]
    ['0 min', '0 min', '59 min', '1.0 h', '2.1 d']
    """
    minutes = max(time.total_seconds(), 0) / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 60 * 24 else f"{minutes / 60 / 24:.1f} d"
