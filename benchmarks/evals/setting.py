"""Lanes on a fault server, and suites that are run against them by the real runner."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evals.lanes.finding import Book
from benchmarks.evals.lanes.player import Player
from benchmarks.execution.setting import config_on
from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.contract import Decoding
from router_ml.execution.lanes.calls import LaneCall, LiteLLMLanes
from router_ml.faults import FaultServer
from router_ml.faults.configured import model_of
from training.evals.bench import Bench
from training.evals.reporting.summary import Summary, summarise
from training.evals.running.run import Options, run_in
from training.evals.suite import NAMES, Suite, load_suite

LIKE = "openai-us"
"""The lane of the drills that all others are copied from."""
_PATIENCE_MS = 120_000.0
_PARALLEL = 32


@dataclass(frozen=True)
class Stage:
    """A server, the suites, and how lanes on it are asked."""

    server: FaultServer
    suites: Mapping[str, Suite]
    book: Book

    def bench(self, players: Mapping[str, Player]) -> Bench:
        """A bench with one lane for each player."""
        config = _config(self.server, tuple(players))
        for name, player in players.items():
            self.server.play(model_of(config.lanes[name]), player.play)
        return Bench(config, Router(config))

    def run(self, players: Mapping[str, Player], suites: Sequence[str] = NAMES, *, seed: int = 0) -> Summary:
        """What the suites say of lanes, by the runner and the report that everybody uses."""
        chosen = [self.suites[name] for name in suites]
        bench = self.bench(players)
        with tempfile.TemporaryDirectory() as folder:
            options = Options(parallel=_PARALLEL, anew=True)
            ran = run_in(chosen, list(players), bench=bench, out=Path(folder), options=options)
        return summarise(ran.results, chosen, across=ran.across)


@contextmanager
def stage(names: Sequence[str] = NAMES) -> Iterator[Stage]:
    """A stage whose server has been called once, since the first call of a client loads much."""
    suites = {name: load_suite(name) for name in names}
    book = Book(suites.values())
    with FaultServer(bodies=False) as server:
        there = Stage(server, suites, book)
        bench = there.bench({"warm": Player(book)})
        call = LaneCall("warm", [{"role": "user", "content": "Good day."}], Decoding(), 60.0)
        asyncio.run(LiteLLMLanes(bench.config.lanes).call(call))
        yield there


def _config(server: FaultServer, names: Sequence[str]) -> RouterConfig:
    """The configuration of the drills with other lanes, which are patient, and pause shortly before they ask again."""
    base = config_on(server)
    like = base.lanes[LIKE]
    patient = like.endpoint.model_copy(update={"timeout_ms": _PATIENCE_MS, "max_concurrency": None})
    lanes = {
        name: like.model_copy(update={"model": f"openai/{name}", "endpoint": patient, "failure_domain": name})
        for name in names
    }
    quick = base.fallback.model_copy(update={"backoff_ms": 1.0})
    return base.model_copy(update={"lanes": lanes, "fallback": quick})
