"""A proof on request as rich renderables."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.proof import Proof

_SHOWN = 20
_STYLES = {"proven": "green", "exceptions": "bold red", "not shown": "yellow"}


def proof_page(found: Proof) -> RenderableType:
    """The chain first, then the answer with its counts, exceptions, rules in force, and what it rests on."""
    chain = found.chain
    state = "is whole" if chain.ok else f"is broken: {' '.join(chain.problems[:3])}"
    window = f"from {found.since or 'the beginning'} until {found.until or 'now'}"
    parts: list[RenderableType] = [
        Text(f"Chain of {chain.entries} entries by {chain.writers} writers {state}."),
        Text(f"Where {found.where or 'anything'}, never {found.never}; {window}."),
        Text(found.answer, style=_STYLES[found.answer]),
        Text(
            f"{found.matched} of {found.decisions} decisions: {found.executed} executed in {found.hops} hops, "
            f"{found.planned_only} planned only, {found.nowhere} went nowhere; {found.perhaps} of them counted because "
            f"it is not known. {found.exceptions} exceptions, {found.unknown} places not known."
        ),
    ]
    if found.listed:
        parts.extend((Text(""), _exceptions(found)))
        if found.exceptions > _SHOWN:
            parts.append(Text(f"{found.exceptions - _SHOWN} more; --json lists the first {len(found.listed)}."))
    parts.extend((Text(""), _versions(found)))
    parts.extend(
        Text(f"{event.at:%Y-%m-%d %H:%M} {event.kind} by {event.who}: {event.why}") for event in found.changes[:_SHOWN]
    )
    if len(found.changes) > _SHOWN:
        parts.append(Text(f"{len(found.changes) - _SHOWN} more changes; --json lists all."))
    parts.extend((Text(""), *(Text(note) for note in found.notes)))
    if found.recall:
        parts.append(Text("Measured recall: " + "; ".join(map(str, found.recall)) + "."))
        parts.append(Text(f"Measured by {found.recall[0].command}", style="dim"))
    return Group(*parts)


def _exceptions(found: Proof) -> Table:
    table = _table("decision", "at", "execution", "hop", "lane", "provider", "lane region", "boundary", "")
    table.columns[0].no_wrap = True  # an id that is broken over lines cannot be copied
    for each in found.listed[:_SHOWN]:
        said = (
            ("as the decision froze it", each.frozen),
            ("--where not known", each.perhaps),
            ("place as planned", each.only_planned),
            ("the lane that answered", each.execution is not None and each.hop is None),
            (f"named by an outcome of {each.outcome}", each.outcome is not None),
        )
        numbers = ("" if number is None else str(number) for number in (each.execution, each.hop))
        places = (Text(place or "?") for place in (each.lane, each.provider, each.lane_region, each.boundary))
        remark = "; ".join(text for text, holds in said if holds)
        table.add_row(Text(each.decision_id), f"{each.at:%Y-%m-%d %H:%M}", *numbers, *places, Text(remark))
    return table


def _versions(found: Proof) -> Table:
    table = _table("rules in force", "configuration", "bundle", "from", "to", "decisions", "of these asked")
    for each in found.versions[:_SHOWN]:
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (each.first, each.last))
        digests = (Text(each.policy_sha256[:12]), Text(each.config_sha256[:12]), Text(each.bundle))
        table.add_row(*digests, *times, str(each.decisions), str(each.matched))
    return table


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table
