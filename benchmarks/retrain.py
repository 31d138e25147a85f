"""``python -m benchmarks.retrain``: how long a challenger takes to learn from a log, step by step, and in what memory.

The log is made up: the prompts of the shipped pack again and again, each a little different, decided once by the
shipped bundle and drawn anew each time from those propensities. What is measured is time and memory, not quality.
Learning runs in a process of its own, from the log alone and without what an earlier run has left.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer

from router_ml.contract import Constraints, Outcome, RouteDecision, RouteRequest
from router_ml.offline.simulation.traffic.packed import understood
from router_ml.router import Router
from router_ml.ruling.case import features_vector
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog, Features
from router_ml.storage.loading import shipped_bundle
from training.logged.sample import MOST_ROWS
from training.outcomes import Pack, load_pack
from training.retraining.gathering import gather
from training.retraining.stages import Stages
from training.retraining.steps import certified, compared, fitted, written

AT_ONCE = 5_000
RATED = 0.7
START = datetime(2026, 1, 1, tzinfo=UTC)
Result = TypeVar("Result")


def build(path: Path, rows: int) -> float:
    """A log of so many decisions with embeddings, 70% of them rated; the seconds it took."""
    started, bundle, random = time.perf_counter(), Bundle.load(shipped_bundle()), np.random.default_rng(0)
    pack = load_pack(encoder=bundle.encoder.sha256)
    lanes = {name: pack.lanes.index(x.outcomes) for name, x in bundle.config.lanes.items() if x.outcomes in pack.lanes}
    templates = list(decided(pack, bundle, tuple(lanes), min(rows, len(pack.group))))
    with EventLog(path) as log:
        for start in range(0, rows, AT_ONCE):
            decisions, outcomes = [], []
            for row in range(start, min(start + AT_ONCE, rows)):
                at = row % len(templates)
                template, vector = templates[at]
                names = list(template.propensities)
                lane = names[int(random.choice(len(names), p=list(template.propensities.values())))]
                when = START + timedelta(seconds=row)
                changes = {"decision_id": f"dec-{row}", "created_at": when, "lane": lane}
                changes["propensity"] = template.propensities[lane]
                embedding = pack.contexts.embedding[at] + random.normal(scale=0.01, size=768).astype(np.float32)
                features = Features(bundle.encoder.sha256, embedding / np.linalg.norm(embedding), vector)
                decisions.append((template.model_copy(update=changes), features))
                rated = random.random() < RATED
                outcomes.append(
                    Outcome(
                        decision_id=f"dec-{row}",
                        executed_lane=lane,
                        quality=float(pack.quality[at, lanes[lane]]) if rated else None,
                        rated_probability=RATED,
                        cost_usd=float(pack.cost_usd[at, lanes[lane]]),
                        at=when + timedelta(minutes=5),
                    )
                )
            log.log_decisions(decisions)
            log.log_outcomes(outcomes)
    return time.perf_counter() - started


def decided(
    pack: Pack, bundle: Bundle, lanes: tuple[str, ...], count: int
) -> Iterator[tuple[RouteDecision, np.ndarray]]:
    """Decisions of the shipped bundle about the pack's first prompts, and their features."""
    router = Router(bundle.config, bundle=bundle)
    request = RouteRequest(text="(none)", traffic_class="pilot", constraints=Constraints(allow_lanes=lanes))
    for row in range(count):
        seen = understood(pack, row, bundle)
        decision = router.decide(request, seen, seed=row, now=START)
        if decision.lane is not None:
            yield decision, features_vector(seen)


def measure(path: Path, most: int) -> dict[str, float | list[float]]:
    """Seconds of each step of a retraining from this log, by the clock and of the processor, and the peak memory of
    this process."""
    report: dict[str, float | list[float]] = {}

    def timed(name: str, call: Callable[[], Result]) -> Result:
        started, worked = time.perf_counter(), time.process_time()
        result = call()
        report[name] = [round(time.perf_counter() - started, 1), round(time.process_time() - worked, 1)]
        return result

    started, worked = time.perf_counter(), time.process_time()
    with EventLog(path) as log, Stages.in_folder(None) as stages, tempfile.TemporaryDirectory() as out:
        found = timed("read and check", lambda: gather(shipped_bundle(), pack=None, log=log, most=most))
        learning = timed("quality, cost, bandit", lambda: fitted(stages, found))
        promises, _ = timed("promises", lambda: certified(stages, found))
        timed("compare with the base", lambda: compared(found, learning))
        timed(
            "bundle",
            lambda: written(found, learning, promises, out=Path(out, "new"), now=START),
        )
    report["seconds"] = [round(time.perf_counter() - started, 1), round(time.process_time() - worked, 1)]
    report["decisions"] = found.reading.counts.decisions if found.reading else 0
    report["ratings"] = found.from_log
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return report


def main(
    rows: Annotated[int, typer.Option(help="Decisions in the log.")] = 100_000,
    log: Annotated[Path | None, typer.Option(help="Keep the log in this file, or use the one that is there.")] = None,
    most: Annotated[int, typer.Option(help="Decisions to fit to.")] = MOST_ROWS,
    only_measure: Annotated[bool, typer.Option("--only-measure", hidden=True)] = False,
) -> None:
    """Build a log and learn from it."""
    with tempfile.TemporaryDirectory() as temporary:
        path = log or Path(temporary, "log.sqlite")
        if only_measure:
            sys.stdout.write(json.dumps(measure(path, most), indent=1) + "\n")
            return
        if not path.is_file():
            sys.stderr.write(f"a log of {rows} decisions built in {build(path, rows):.0f} s\n")
        command = [sys.executable, "-m", "benchmarks.retrain", "--log", str(path), "--most", str(most)]
        subprocess.run([*command, "--only-measure"], check=True)


if __name__ == "__main__":
    typer.run(main)
