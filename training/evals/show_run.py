"""What a run came to, and what one would cost, as tables and as JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.config import RouterConfig
from training.evals.counts import Count, counts_of
from training.evals.forecast import expected_usd
from training.evals.jobs import Job
from training.evals.running import Ran
from training.evals.suite import Suite


def as_json(ran: Ran, suites: Sequence[Suite]) -> dict[str, Any]:
    """Counts by suite and lane, alarms, and what is missing."""
    return {
        "run": ran.record.run,
        "folder": str(ran.folder),
        "status": ran.record.status,
        "spent_usd": ran.record.spent_usd,
        "left_out": ran.record.left_out,
        "not_allowed": ran.record.not_allowed,
        "broken": ran.record.broken,
        "counts": [{**asdict(one), "not_judged": one.not_judged} for one in counts_of(ran.results, suites)],
        "alarms": _alarms(ran, suites),
    }


def table(ran: Ran, suites: Sequence[Suite]) -> RenderableType:
    """Suite x lane, then what each failure means that alarms, and what is missing."""
    shown = Table(title=f"Run {ran.record.run}")
    for name in ("suite", "lane", "asked", "passed", "failed", "not judged", "$", "p50 ms", "failures"):
        shown.add_column(name, justify="left" if name in ("suite", "lane", "failures") else "right")
    for one in counts_of(ran.results, suites):
        shown.add_row(*_row(one))
    means = {name: said for suite in suites for name, said in suite.file.catches.items()}
    lines = [
        f"ALARM {one['suite']} on {one['lane']}: {one['failure']} ({one['n']}). {means.get(one['failure'], '')}"
        for one in _alarms(ran, suites)
    ]
    lines += [
        f"Left out of {suite} on {lane}: {', '.join(f'{n} ({why})' for why, n in reasons.items())}."
        for suite, by_lane in ran.record.left_out.items()
        for lane, reasons in by_lane.items()
    ]
    lines += [f"The rules keep {n} cases from lane {lane}." for lane, n in ran.record.not_allowed.items()]
    lines += [
        f"Check {name} broke {n} times; what it looked at is not judged." for name, n in ran.record.broken.items()
    ]
    return Group(shown, *(Text(line) for line in lines))


def expected_json(jobs: Sequence[Job], config: RouterConfig) -> list[dict[str, Any]]:
    """Attempts and expected USD by suite and lane, judges not counted; USD None where the router chooses."""
    n: Counter[tuple[str, str]] = Counter()
    usd: dict[tuple[str, str], float | None] = defaultdict(float)
    for job in jobs:
        key = job.suite.name, job.arm.lane
        n[key] += 1
        known = job.arm.lane in config.lanes
        usd[key] = (usd[key] or 0.0) + expected_usd(config, job.suite, job.case, job.arm.lane) if known else None
    return [
        {"suite": suite, "lane": lane, "attempts": k, "expected_usd": usd[suite, lane]}
        for (suite, lane), k in n.items()
    ]


def expected_table(jobs: Sequence[Job], config: RouterConfig) -> RenderableType:
    """The same as a table."""
    shown = Table(title="Nothing was sent")
    for name in ("suite", "lane", "attempts", "expected $"):
        shown.add_column(name, justify="left" if name in ("suite", "lane") else "right")
    for one in expected_json(jobs, config):
        usd = one["expected_usd"]
        shown.add_row(one["suite"], one["lane"], str(one["attempts"]), "-" if usd is None else f"{usd:.4f}")
    return shown


def _row(one: Count) -> tuple[str, ...]:
    ring = {name: f"{name} {n}{' (!)' if name in one.alarms else ''}" for name, n in one.failures.items()}
    latency = "-" if one.latency_ms is None else f"{one.latency_ms:.0f}"
    numbers = (one.asked, one.passed, one.failed, one.not_judged)
    paid = f"{one.cost_usd + one.judged_usd:.4f}"
    return (one.suite, one.lane, *map(str, numbers), paid, latency, ", ".join(ring.values()))


def _alarms(ran: Ran, suites: Sequence[Suite]) -> list[dict[str, Any]]:
    """Of attempts, and of checks that look at many results: any one of these that failed."""
    found = [
        {
            "suite": one.suite,
            "lane": one.lane,
            "failure": name,
            "n": f"{one.failures[name]} of {one.passed + one.failed}",
        }
        for one in counts_of(ran.results, suites)
        for name in one.alarms
    ]
    for suite, verdicts in ran.across.items():
        found += [
            {"suite": suite, "lane": one.lane, "failure": one.failure, "n": "all together"}
            for one in verdicts
            if one.passed is False
        ]
    return found
