"""What a run would ask and cost, before anything is sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from router_ml.config import RouterConfig
from training.evals.asking.forecast import expected_usd
from training.evals.running.jobs import Job


def expected_json(jobs: Sequence[Job], config: RouterConfig) -> list[dict[str, Any]]:
    """Attempts and expected USD by suite and lane, judges not counted; USD None where the router chooses, 0 where it
    decides alone."""
    n: Counter[tuple[str, str]] = Counter()
    usd: defaultdict[tuple[str, str], float | None] = defaultdict(float)
    for job in jobs:
        key = job.suite.name, job.arm.lane
        n[key] += 1
        known, before = job.arm.lane in config.lanes, usd[key]
        if known and before is not None:
            usd[key] = before + expected_usd(config, job.suite, job.case, job.arm.lane)
        elif not known and job.case.decided is None:
            usd[key] = None
    return [
        {"suite": suite, "lane": lane, "attempts": attempts, "expected_usd": usd[suite, lane]}
        for (suite, lane), attempts in n.items()
    ]


def expected_table(jobs: Sequence[Job], config: RouterConfig) -> RenderableType:
    """The same as a table."""
    shown = Table(title="Nothing was sent", title_justify="left")
    for name in ("suite", "lane", "attempts", "expected USD"):
        shown.add_column(name, justify="left" if name in ("suite", "lane") else "right")
    for one in expected_json(jobs, config):
        usd = one["expected_usd"]
        shown.add_row(one["suite"], one["lane"], str(one["attempts"]), "-" if usd is None else f"{usd:.4f}")
    return shown
