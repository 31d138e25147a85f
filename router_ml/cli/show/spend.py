"""Spend and rewards as rich renderables."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.config.rewards import Rewards, Signal
from router_ml.offline.judging.sums import SpendRow
from router_ml.offline.rewards import Remapped
from router_ml.offline.spend import Spend

_SHOWN = 40


def spend_page(found: Spend) -> RenderableType:
    """The total in words, the groups, the rules, and what is to be known about the figures."""
    parts: list[RenderableType] = [*(Text(line) for line in _sentences(found)), Text("")]
    table = _table(*found.by, "requests", "USD", "retries", "fallbacks", "failed", "exploration", "rules", "saved, 95%")
    for row in found.rows[:_SHOWN]:
        table.add_row(*(Text(name) for name in row.group), *_cells(row))
    table.add_row(*(Text("total" if not index else "") for index in range(len(found.by))), *_cells(found.total))
    parts.append(table)
    if len(found.rows) > _SHOWN:
        parts.append(Text(f"{len(found.rows) - _SHOWN} smaller groups are in --format csv."))
    if found.rules:
        parts.extend((Text(""), _rules(found)))
    return Group(*parts, *(Text(note, style="dim") for note in found.notes))


def _sentences(found: Spend) -> list[str]:
    row, against = found.total, found.baseline or "the dearest lane that rules left"
    sources = f"{row.executed} by their hops, {row.reported} by an outcome, {row.expected} as expected"
    lines = [f"${row.cost_usd:.4f} for {row.requests} requests: {sources}; {row.nowhere} went nowhere."]
    if row.compared and row.saved_share is not None:
        share, half = row.saved_share, row.saved_share_half
        sure = "interval not known" if half is None else f"95% interval: {share - half:.1%} to {share + half:.1%}"
        lines.append(f"Against always {against}: {share:.1%} cheaper ({sure}) on {row.compared} requests.")
    return lines


def _cells(row: SpendRow) -> list[str]:
    half = "" if row.saved_share_half is None else f" +- {row.saved_share_half:.1%}"
    return [
        str(row.requests),
        *(f"{usd:.4f}" for usd in (row.cost_usd, row.retries_usd, row.fallbacks_usd, row.failed_usd)),
        *(f"{usd:+.4f}" for usd in (row.exploration_usd, row.rules_usd)),
        "" if row.saved_share is None else f"{row.saved_share:.1%}{half}",
    ]


def _rules(found: Spend) -> Table:
    table = _table("rule", "kept from the learned lane", "expected USD", "quality each", "not priced", "stopped")
    for rule in found.rules[:_SHOWN]:
        priced = rule.requests - rule.unpriced
        quality = f"{rule.quality / priced:+.3f}" if priced else ""
        cells = (str(rule.requests), f"{rule.usd:+.4f}", quality, str(rule.unpriced), str(rule.stopped))
        table.add_row(Text(rule.rule), *cells)
    return table


def rewards_page(mapping: Rewards) -> RenderableType:
    """The rules of a mapping."""
    table = _table("signal", "rule", "weight")
    for name, rule in mapping.signals.items():
        table.add_row(Text(name), Text(_rule(rule)), f"{rule.weight:g}")
    how = "the first that says something decides" if mapping.combine == "priority" else "their weighted mean counts"
    sources = [f"{name} picks {source.rated_probability:.1%}" for name, source in mapping.sources.items()]
    lines = [f"Of several signals {how}.", f"{len(mapping.overrides)} overrides.", *sources]
    return Group(table, *(Text(line) for line in lines))


def _rule(rule: Signal) -> str:
    if rule.values is not None:
        return ", ".join(
            f"{word} {'nothing' if worth is None else f'{worth:g}'}" for word, worth in rule.values.items()
        )
    if rule.scale is not None:
        return f"{rule.scale.worst:g} is 0, {rule.scale.best:g} is 1" + (", clipped" if rule.scale.clip else "")
    if rule.within is not None:
        return f"up to {rule.within:g} is {rule.then:g}, later {_worth(rule.later)}"
    return "kept, says nothing"


def _worth(quality: float | None) -> str:
    return "nothing" if quality is None else f"{quality:g}"


def remapped_page(found: Remapped) -> RenderableType:
    """How lanes move."""
    head = (
        f"{found.changed} of {found.outcomes} outcomes would have another quality; {found.with_signals} have signals."
    )
    table = _table("lane", "outcomes", "rated", "then", "quality", "then", "moved", "95% interval")
    for lane in found.lanes:
        interval = "not known" if lane.half is None or lane.moved is None else _interval(lane.moved, lane.half)
        means = ("" if value is None else f"{value:.3f}" for value in (lane.before, lane.after))
        moved = "" if lane.moved is None else f"{lane.moved:+.3f}"
        counts = (str(lane.outcomes), str(lane.rated_before), str(lane.rated_after))
        table.add_row(Text(lane.lane), *counts, *means, moved, interval)
    unread = (f"{count} cannot be mapped: {why}" for why, count in found.unread.items())
    return Group(Text(head), table, *(Text(line) for line in unread))


def _interval(value: float, half: float) -> str:
    return f"{value - half:+.3f} to {value + half:+.3f}"


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table
