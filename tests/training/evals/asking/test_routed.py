"""Cases through the whole router: what a user's own router does with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from router_ml.faults import Fault, FaultServer
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from tests.training.evals.asking.test_lane import TOOLS
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.result import ROUTER
from training.evals.running.record import RunSettings
from training.evals.running.run import Options, run_in

ROUTE = Options(RunSettings(target="route"))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as running:
        yield running


def test_the_lane_that_answered_is_written_down(server: FaultServer, tmp_path: Path) -> None:
    """One result a case, of the router as it is, whichever lane it takes; costs and tokens are those of all hops."""
    bench = bench_on(server)
    suite = suite_at(tmp_path / "tiny", questions(4))
    ran = run_in([suite], [], bench=bench, out=tmp_path / "out", options=ROUTE)
    assert [one.arm.lane for one in ran.results] == [ROUTER] * 4
    assert all(one.passed for one in ran.results)
    for one in ran.results:
        assert one.attempt is not None
        assert one.attempt.lane in bench.config.lanes
        assert one.attempt.served_model
        assert one.attempt.cost_usd
    assert run_in([suite], [], bench=bench, out=tmp_path / "out", options=ROUTE).record.arms == ran.record.arms


def test_a_fallback_is_part_of_what_is_measured(server: FaultServer, tmp_path: Path) -> None:
    """Where the first lane fails another one answers, which counts as a retry; also of a class that the router does
    not have."""
    server.script("*", ["server_error", "good"])
    suite = suite_at(tmp_path / "tiny", [{**questions(1)[0], "traffic_class": "not-here"}])
    (made,) = run_in([suite], [], bench=bench_on(server), out=tmp_path / "out", options=ROUTE).results
    assert made.passed
    assert made.attempt is not None
    assert made.attempt.retries == 1


def test_a_route_without_an_answer_is_an_attempt(server: FaultServer, tmp_path: Path) -> None:
    """With how it failed last."""
    server.script("*", ["server_error"])
    suite = suite_at(tmp_path / "tiny", questions(1))
    (made,) = run_in([suite], [], bench=bench_on(server), out=tmp_path / "out", options=ROUTE).results
    assert made.attempt is not None
    assert (made.attempt.reply, made.attempt.lane, made.passed) == (None, ROUTER, False)
    assert made.attempt.error is not None


def test_tools_of_the_suite_are_a_callers_own(server: FaultServer, tmp_path: Path) -> None:
    """Their calls come back, are answered from the script, and the request goes on."""

    def play(asked: Asked) -> tuple[Fault, Said | None]:
        if asked.results:
            return Fault("good"), Said("This is a short answer: delivered.")
        return Fault("good"), Said(calls=(("order_lookup", '{"id": "8812"}'),), stop="tools")

    server.play("*", play)
    case = {
        "id": "one",
        "ask": "Where is order 8812?",
        "tools": ["order_lookup"],
        "script": [{"tool": "order_lookup", "result": {"state": "delivered"}}],
    }
    suite = suite_at(tmp_path / "tiny", [case], tools=TOOLS)
    (made,) = run_in([suite], [], bench=bench_on(server), out=tmp_path / "out", options=ROUTE).results
    assert made.passed
    assert made.attempt is not None
    assert [turn.result for turn in made.attempt.turns] == [{"state": "delivered"}]
    assert made.attempt.rounds == 1
