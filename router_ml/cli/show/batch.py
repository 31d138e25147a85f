"""How runs over partitions are shown."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.engine import OpeReport
from router_ml.offline.engine.export import Exported
from router_ml.offline.engine.run import Report


def report_page(report: Report) -> RenderableType:
    """What was done, how fast, and what was there already."""
    done = report.partitions - report.kept
    speed = f", {report.rows / report.seconds:,.0f} a second" if report.rows and report.seconds > 0 else ""
    kept = f" {report.kept} were there already." if report.kept else ""
    return Text(
        f"{report.task}: {report.rows:,} rows of {done} partitions in {report.seconds:.1f} s{speed} "
        f"({report.engine}, {report.workers} at once).{kept} Results: {report.out}"
    )


def ope_page(report: OpeReport) -> RenderableType:
    """Estimates, the headline first."""
    table = Table("estimator", "value", "95% interval", "effective rows", "largest weight", box=None)
    for each in report.estimates.values():
        style = "dim" if each.diagnostic else ""
        span = f"{each.low:.6g} to {each.high:.6g}"
        cells = (each.name, f"{each.value:.6g}", span, f"{each.effective_sample_size:,.0f}", f"{each.max_weight:.3g}")
        table.add_row(*(Text(cell, style=style) for cell in cells))
    within = f" of {report.clusters:,} clusters" if report.clusters is not None else ""
    left = f"; {report.left_out:,} that were not randomised are left out" if report.left_out else ""
    said = (
        f"{report.decisions:,} decisions{within}, {report.rated:,} with a reward{left}. Dim: diagnostics, no evidence."
    )
    return Group(report_page(report.run), Text(said), table)


def export_page(found: Exported) -> RenderableType:
    """What was written and what was left out."""
    left = "".join(f" {count:,} left out: {reason}." for reason, count in found.left_out.items())
    return Text(f"{found.rows:,} decisions in {found.files} files, over {', '.join(found.lanes)}.{left} {found.out}")
