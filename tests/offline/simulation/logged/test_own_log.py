"""The policy of a log, played on it while nothing happens, does what the log did, failures of calls included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.contract import Constraints, Execution, Hop
from router_ml.offline.simulate import Source, open_source, simulate
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.world.building import build_world
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
ROWS = 240
FAILS = 0.4
MS = 400.0
LOST = 48
"""Every so many requests nothing answers."""


def _write(bundle: Bundle, path: Path) -> None:
    """A good lane of which many calls fail, and a bad one that they fall back to."""
    rng = np.random.default_rng(1)
    place = {"provider": "p", "region": "eu", "boundary": "vendor"}
    with EventLog(path) as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        for row in range(ROWS):
            request = RouteRequest(
                text=f"Which of {row} and {row + 7} is prime?",
                traffic_class="pilot",
                metadata={"user": f"u{row}", "region": "eu"},
                constraints=Constraints(allow_lanes=("private", "balanced")),
            )
            at = START + timedelta(minutes=38 * row)
            decision = router.predict_route(request, seed=row, now=at, decision_id=f"own-{row}")
            hop = Hop(lane=str(decision.lane), latency_ms=MS, tokens_in=20, tokens_out=50, cost_usd=3e-4, **place)
            hops: tuple[Hop, ...] = (hop,)
            if decision.lane == "balanced" and rng.random() < FAILS:
                failed = Hop(lane="balanced", kind="server_error", error="503", latency_ms=30.0, **place)
                hops = (failed, hop.model_copy(update={"lane": "private", "attempt": 2, "cost_usd": 2e-5}))
            lost = row % LOST == 0
            if lost:
                hops = (hop.model_copy(update={"kind": "server_error", "error": "503", "cost_usd": None}),)
            execution = Execution(
                execution_id=f"e{row}",
                decision_id=decision.decision_id,
                at=at + timedelta(seconds=1),
                status="failed" if lost else "answered",
                hops=hops,
                final_lane=None if lost else hops[-1].lane,
            )
            log.write([of_execution(execution, at)])
            if lost:
                continue
            good = 0.95 if hops[-1].lane == "balanced" else 0.1
            quality, when = float(rng.random() < good), at + timedelta(hours=1)
            log.log_outcome(Outcome(decision_id=decision.decision_id, quality=quality, rated_probability=1.0, at=when))


@pytest.fixture(scope="module")
def path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "log.sqlite"
    _write(bundle, path)
    return path


@pytest.fixture(scope="module")
def quiet(bundle: Bundle, path: Path) -> Study:
    return simulate(bundle, "quiet_week", source=Source(log=str(path)), policies=())


def test_failures_that_are_in_the_outcomes_do_not_come_again(quiet: Study, path: Path) -> None:
    with EventLog(path) as log:
        data = log.logged()
    quality, usd = np.nanmean(data.quality), np.nanmean(data.cost_usd)
    champion = quiet.results[0]
    assert champion.failed_calls == 0
    assert champion.quality.low < quality < champion.quality.high
    assert champion.cost.low < usd < champion.cost.high
    assert champion.latency.p50 == pytest.approx(np.nanmedian(data.latency_ms), rel=0.1)
    assert any("calls fail again only in the scenario's troubles" in note for note in quiet.notes)
    assert any(f"{ROWS // LOST} of {ROWS} requests of the log were not answered" in note for note in quiet.notes)


def test_limits_of_the_spike_hold_for_the_lanes_of_the_log(bundle: Bundle, path: Path) -> None:
    opened = open_source(Source(log=str(path)), bundle, load_scenario("traffic_spike"))
    world = build_world(opened.scenario, opened.kinds, bundle.config, main={"balanced": 1.0})
    limits = {(each.requests_per_minute, each.max_concurrency) for each in world.behaviour.values()}
    assert limits == {(40, 12)}
