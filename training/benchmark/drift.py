"""``python -m training.benchmark drift``: how often drift reports alarm where nothing has changed, and where it has.

Logs are made from an outcome pack: prompts are drawn with replacement, a policy that explores draws lanes, half of the
answers are rated. In the recent window something is changed, by more and more.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from router_ml.offline.drift import LEVEL, drift
from router_ml.offline.drifting.windows import RUN, Thinning, stacked
from router_ml.offline.floors import wilson
from router_ml.storage.database.records import LoggedData
from training.benchmark.drift_logs import Change, World
from training.outcomes import DEFAULT, load_pack

SIZES = ((400, 200), (4_000, 1_000), (2_000, 150), (11_200, 200))
THINNED = (100_000, 1_000)  # more than is kept of a window: clean reports alone
LARGE = (80_000, 20_000)
CHANGES: dict[str, dict[str, Change]] = {
    "nothing": {"": Change()},
    "nothing, requests in sessions": {"": Change(bursts=True)},
    "a new topic, share of requests": {f"{x:.0%}": Change(topic=x) for x in (0.03, 0.06, 0.12)},
    "one intent, share that moves to it": {f"{x:.0%}": Change(mix=x) for x in (0.05, 0.1, 0.2)},
    "a lane gets worse, by": {f"{x:g}": Change(quality=x) for x in (0.05, 0.1, 0.2)},
    "the same, half way through the window": {f"{x:g}": Change(quality=x, begins=0.5) for x in (0.1, 0.2)},
    "a lane costs more, by": {f"{x - 1:.0%}": Change(cost=x) for x in (1.05, 1.1, 1.3)},
    "a lane is slower, by": {f"{x - 1:.0%}": Change(latency=x) for x in (1.1, 1.3)},
}


@dataclass(frozen=True)
class Row:
    """Of ``reports`` on one change, how many alarmed, and which checks did."""

    change: str
    size: str
    reference: int
    recent: int
    reports: int
    alarms: int
    checks: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with a 95% interval of the share that alarmed."""
        low, high = wilson(self.alarms / self.reports, self.reports, confidence=0.95)
        return {**vars(self), "share": self.alarms / self.reports, "low": low, "high": high}


def measure(
    world: World, change: Change, *, sizes: tuple[int, int], reports: int, level: float, seed: int
) -> tuple[int, Counter[str]]:
    """How many of so many reports alarm, and how often each check does."""
    alarms, checks = 0, Counter[str]()
    for index in range(reports):
        random = np.random.default_rng([seed, index])
        windows = [_as_read(data) for data in world.windows(*sizes, change, random)]
        found = drift(*windows, level=level, seed=index).drifted
        alarms += bool(found)
        checks.update({check.name for check in found})
    return alarms, checks


def _as_read(data: LoggedData) -> LoggedData:
    """What reading the window from a log would keep of it."""
    kept = Thinning(RUN)
    kept.add(data)
    return stacked(*kept.parts)


def main(
    data: Annotated[Path, typer.Option(help="Outcome pack (path without ending).")] = DEFAULT,
    reports: Annotated[int, typer.Option(min=1, help="Reports where nothing has changed, per size.")] = 400,
    power: Annotated[int, typer.Option(min=0, help="Reports per change and size.")] = 40,
    level: Annotated[float, typer.Option(help="Share of clean reports that may alarm.")] = LEVEL,
    thinned: Annotated[int, typer.Option(min=0, help="Clean reports on a reference that is too large to keep.")] = 60,
    seed: int = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """False alarms of drift reports, and what they find."""
    world, rows = World.of(load_pack(data), seed=seed), []
    tasks = [(name, size, change) for name, each in CHANGES.items() for size, change in each.items()]
    for name, size, change in track(tasks, "reports", console=Console(stderr=True), transient=True):
        calm = name.startswith("nothing")
        counts = dict.fromkeys(SIZES, reports if calm else power) | {THINNED: thinned if calm else 0}
        for sizes, count in counts.items():
            if not count:
                continue
            alarms, checks = measure(world, change, sizes=sizes, reports=count, level=level, seed=seed)
            rows.append(Row(name, size, *sizes, count, alarms, dict(checks.most_common(4))))
    took = seconds(world, seed=seed)
    if as_json:
        record = {"data": data.name, "level": level, "seconds": took, "rows": [row.to_dict() for row in rows]}
        sys.stdout.write(json.dumps(record) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132, highlight=False)
    console.print(_table(rows), f"A report on {LARGE[0]:,} + {LARGE[1]:,} decisions took {took:.1f} s of CPU.")


def seconds(world: World, *, sizes: tuple[int, int] = LARGE, seed: int = 0) -> float:
    """CPU time of a report on so many decisions: what a busy machine does not change."""
    windows = world.windows(*sizes, Change(), np.random.default_rng(seed))
    start = process_time()
    drift(*windows, seed=seed)
    return process_time() - start


def _table(rows: list[Row]) -> Table:
    table = Table("what has changed", "by", "decisions", "alarms", "95% interval", "most often by", box=None)
    for row in rows:
        record = row.to_dict()
        named = ", ".join(f"{name} {count / row.reports:.2f}" for name, count in row.checks.items())
        interval = f"{record['low']:.3f} to {record['high']:.3f}"
        sizes = f"{row.reference} + {row.recent}"
        table.add_row(row.change, row.size, sizes, f"{record['share']:.3f}", interval, named)
    return table
