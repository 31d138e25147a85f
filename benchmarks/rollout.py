"""What following a release costs a request, how fast a promotion is served, and how fast harm is seen.

Run with ``python -m benchmarks.rollout``; latencies are of one thread, with all guardrails, without a log.
"""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from router_ml import Rollout, Router
from router_ml.offline.estimating.anytime import bounded
from router_ml.state.memory import Memory
from router_ml.storage.bundle import Bundle, seal
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.registry import Lifecycle, Standing

TEXT = "Please summarise the attached note about our holiday plans in three short sentences for the whole team. " * 3
SHARE, MARGIN, BASE = 0.1, 0.01, 0.75
console = Console()


class OneBundle:
    """The shipped bundle as every version."""

    def __init__(self, bundle: Bundle, aliases: dict[str, str]) -> None:
        self.bundle, self.aliases = bundle, aliases

    def standing(self) -> Standing:
        """As it was given."""
        return Standing("router", self.aliases, "salt", SHARE, "draw")

    def open(self, version: str, *, memory: Memory | None) -> Router:
        """The same bundle again."""
        return Router(self.bundle.config, bundle=self.bundle, registry=f"router/{version}", memory=memory)


def latencies(rounds: int) -> None:
    """Requests by a router, and by rollouts with more and more arms; in turns, so that a busy machine hits all."""
    bundle = Bundle.load(shipped_bundle())
    cases: dict[str, Router | Rollout] = {"Router": Router(bundle.config, bundle=bundle)}
    champion = {"champion": "1"}
    for name, aliases in (
        ("Rollout, champion alone", champion),
        ("Rollout, with a canary", {**champion, "canary": "2"}),
        ("Rollout, with a canary and a shadow", {**champion, "canary": "2", "shadow": "3"}),
    ):
        cases[name] = Rollout(OneBundle(bundle, aliases), poll_seconds=0)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(5):
        for name, router in cases.items():
            for _ in range(rounds // 5):
                wall, cpu = time.perf_counter(), time.thread_time()
                router.predict_route(TEXT)
                took[name].append((1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - cpu)))
            if isinstance(router, Rollout):
                router.drain()
    table = Table("predict_route", "CPU ms, p50", "wall ms, p50", "p99", title="A request", title_justify="left")
    for name, found in took.items():
        wall, cpu = np.array(found).T
        median, worst = np.percentile(wall, [50, 99])
        table.add_row(name, f"{np.median(cpu):.2f}", f"{median:.1f}", f"{worst:.1f}")
    console.print(table)
    for router in cases.values():
        router.close()


def swap(rounds: int) -> None:
    """From the command of a promotion to the first decision of the new champion, looking every two seconds."""
    took = []
    with TemporaryDirectory() as temporary, EventLog("sqlite://") as log:
        folder, store = Path(temporary), f"sqlite:///{temporary}/mlflow.db"
        release = Lifecycle(log, tracking_uri=store)
        source = shipped_bundle()
        encoder = Bundle.load(source).encoder.sha256
        for number in range(1, rounds + 2):
            made = shutil.copytree(source, folder / str(number))
            seal(made, name="router", created_at=datetime.now(UTC), encoder_sha256=encoder, training={"n": number})
            release.register(made, who="benchmark", why="to be measured")
        release.promote(1, who="benchmark", why="the first one")
        with Rollout.open(tracking_uri=store) as serving:
            for number in range(2, rounds + 2):
                release.promote(number, who="benchmark", why="the next one", force=True)
                promoted = time.perf_counter()
                while serving.predict_route(TEXT).versions.registry != f"router/{number}":
                    pass
                took.append(time.perf_counter() - promoted)
    console.print(
        f"From promotion to the first decision by the new champion: {np.median(took):.1f} s in the median, "
        f"{max(took):.1f} s at most, of {rounds}; requests went on all the while."
    )


def harm(rounds: int) -> None:
    """Of canaries with a tenth of the sessions and a success rate that is lower, how many are stopped by when."""
    rng = np.random.default_rng(0)
    sizes = (2000, 5000, 10_000, 20_000)
    title = f"Share of {rounds} canaries that are stopped; success of the champion {BASE}, margin {MARGIN}"
    table = Table("lower by", *(f"{n:,} rated sessions" for n in sizes), title=title, title_justify="left")
    for lower in (0.0, 0.05, 0.1, 0.2):
        stopped = []
        for n in sizes:
            share, found = np.full(n, SHARE), 0
            for _ in range(rounds):
                canary = rng.random(n) < SHARE
                x = (rng.random(n) < np.where(canary, BASE - lower, BASE)).astype(float)
                found += bounded(x, canary, share).high < -MARGIN
            stopped.append(f"{found / rounds:.3f}")
        table.add_row(f"{lower:.2f}", *stopped)
    console.print(table)


def main(
    rounds: Annotated[int, typer.Option(help="Requests per case.")] = 1000,
    swaps: Annotated[int, typer.Option(help="Promotions.")] = 5,
    canaries: Annotated[int, typer.Option(help="Simulated canaries per cell.")] = 400,
) -> None:
    """Measure all three."""
    latencies(rounds)
    swap(swaps)
    harm(canaries)


if __name__ == "__main__":
    typer.run(main)
