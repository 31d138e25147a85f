"""How steps of a release, versions and canaries look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.offline.canary import CanaryReport
from router_ml.offline.estimating.anytime import Difference
from router_ml.storage.registry import Step, versions
from router_ml.storage.registry.consent import APPROVED
from router_ml.storage.registry.scene import STAGE
from router_ml.storage.registry.standing import ALIASES
from router_ml.storage.registry.verdicts import VERDICT

_STYLES = {"promote": "green", "stop": "bold red", "continue": "dim"}


def release_rows(name: str = "router", *, tracking_uri: str | None = None) -> list[dict[str, Any]]:
    """The versions of a model as plain values, newest first."""
    return [
        {
            "version": found.version,
            "aliases": [alias for alias in ALIASES if alias in found.aliases],
            "stage": found.tags.get(STAGE),
            "verdict": found.tags.get(VERDICT),
            "approved_by": sorted(
                str(json.loads(value)["who"]) for key, value in found.tags.items() if key.startswith(APPROVED)
            ),
            "bundle": found.bundle,
        }
        for found in versions(name, tracking_uri=tracking_uri)
    ]


def releases_page(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """Versions as a table."""
    table = Table("version", "is", "stage", "verdict", "approved by", "bundle", box=None)
    for row in rows:
        listed = (row["version"], ", ".join(row["aliases"]), row["stage"] or "", row["verdict"] or "")
        table.add_row(*(Text(cell) for cell in (*listed, ", ".join(row["approved_by"]), row["bundle"] or "")))
    return table


def step_page(step: Step) -> RenderableType:
    """What was done, and which alias names what now."""
    event = step.event
    table = Table("alias", "before", "now", box=None)
    for alias in ALIASES:
        before, now = step.before.get(alias, ""), step.after.get(alias, "")
        if before or now:
            table.add_row(alias, before, Text(now, style="bold" if now != before else ""))
    said = Text(
        f"{event.kind.replace('_', ' ')}: {event.detail.get('model')}/{event.detail.get('version')}, by {event.who}"
    )
    again = [] if step.resumed is None else [Text(f"Finished first: {step.resumed.kind} by {step.resumed.who}.")]
    return Group(*again, said, table, Text(f"Audit event {event.event_id}.", style="dim"))


def canary_page(report: CanaryReport, *, stopped: bool) -> RenderableType:
    """What is known of a canary."""
    table = Table("canary - champion", "estimate", "interval, at all times", "sessions", box=None)
    for name, found, form in (
        ("quality", report.quality, "+.4f"),
        ("failures", report.failures, "+.4f"),
        ("USD per request", report.cost_usd, "+.6f"),
    ):
        table.add_row(name, *_cells(found, form))
    counted = ", ".join(f"{count} {arm}" for arm, count in report.sessions.items())
    verdict = Text.assemble((report.verdict, _STYLES[report.verdict]), f": {report.why}.")
    end = [Text("The canary has been stopped.", style="bold")] if stopped else []
    return Group(Text(f"Version {report.version}; sessions: {counted}."), table, verdict, *end)


def _cells(found: Difference, form: str) -> tuple[str, str, str]:
    known = found.value == found.value and abs(found.low) != float("inf")
    interval = f"{found.low:{form}} to {found.high:{form}}" if known else "not known yet"
    return (f"{found.value:{form}}" if known else "", interval, str(found.n))
