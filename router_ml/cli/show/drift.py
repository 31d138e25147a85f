"""How a drift report is shown."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.drift import Check, DriftReport


def drift_page(report: DriftReport) -> RenderableType:
    """What drifted and what to do about it, then all checks, then what could not be tested."""
    count = len(report.drifted)
    verdict = f"{count} of {len(report.checks)} checks drifted." if count else "No drift."
    verdict = verdict if report.checks else "Nothing could be tested."
    (first, last, before), (since, until, after) = report.reference, report.recent
    windows = f"{before} decisions from {first} to {last}, against {after} from {since} to {until}."
    parts: list[RenderableType] = [
        Text(verdict, style="bold red" if count or not report.checks else "green"),
        Text(windows),
        Text(f"Where nothing has changed, at most {report.level:.0%} of such reports alarm.", style="dim"),
    ]
    parts += [Text(f"{_named(check)}: {check.found}{_since(check)}. {check.do}") for check in report.drifted]
    if report.checks:
        parts.append(_table(report))
    parts += [Text(f"not tested: {name}: {why}", style="dim") for name, why in report.not_tested.items()]
    return Group(*parts)


def _table(report: DriftReport) -> Table:
    table = Table("check", "verdict", "p, adjusted", "effect", "decisions", "found", box=None)
    for check in report.checks:
        small = not check.drifted and check.p_value is not None and check.p_value <= report.level
        verdict = Text("drift", style="bold red") if check.drifted else Text("too small" if small else "same")
        p_value = "certain" if check.p_value is None else f"{check.p_value:.4f}"
        rows = f"{check.rows[0]} / {check.rows[1]}"
        table.add_row(Text(_named(check)), verdict, p_value, f"{check.effect:.3f}", rows, Text(check.found))
    return table


def _named(check: Check) -> str:
    return f"{check.name} {check.lane}".strip()


def _since(check: Check) -> str:
    return f", since {check.since}" if check.since else ""
