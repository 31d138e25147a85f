"""The suite ``tools`` on lanes of a real server: what vendors' clients make of calls changes no verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.faults import Fault, FaultServer
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from tests.training.evals.checks.good_tools import right
from tests.training.evals.tiny import bench_on
from training.evals.case import Case
from training.evals.running.record import RunSettings
from training.evals.running.run import Options, run_in
from training.evals.suite import Suite, load_suite

Play = Callable[[Asked], tuple[Fault, Said | None]]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as running:
        yield running


def player(suite: Suite, *, change: Callable[[Case, list[Any]], list[Any]] = lambda case, calls: calls) -> Play:
    """Makes the right calls one after the other, then gives the reference."""
    by_task = {case.ask or case.messages[-1].text: case for case in suite.cases}

    def play(asked: Asked) -> tuple[Fault, Said | None]:
        case = by_task[asked.task]
        calls = change(case, right(case.calls))
        if len(asked.results) < len(calls):
            name, given = calls[len(asked.results)]
            return Fault("good"), Said(calls=((name, json.dumps(given)),), stop="tools")
        return Fault("good"), Said(case.reference or "")

    return play


def failed(server: FaultServer, out: Path, lanes: list[str], *, sample: int | None = None) -> dict[str, set[str]]:
    """Failures by case."""
    options = Options(RunSettings(sample=sample), parallel=4)
    ran = run_in([load_suite("tools")], lanes, bench=bench_on(server), out=out, options=options)
    assert all(one.passed is not None for one in ran.results)
    return {f"{one.arm.lane} {one.case.id}": set(one.failures) for one in ran.results if one.failures}


def test_a_good_lane_has_no_failure_on_either_vendor(server: FaultServer, tmp_path: Path) -> None:
    """Calls and answers survive the shapes of OpenAI and Anthropic."""
    server.play("*", player(load_suite("tools")))
    assert failed(server, tmp_path, ["openai-us", "claude-eu"], sample=5) == {}


@pytest.mark.slow
def test_a_good_lane_passes_all_of_it(server: FaultServer, tmp_path: Path) -> None:
    """Every case, over the wire."""
    server.play("*", player(load_suite("tools")))
    assert failed(server, tmp_path, ["openai-us"]) == {}


@pytest.mark.slow
def test_a_lane_that_answers_without_calling_is_found_out(server: FaultServer, tmp_path: Path) -> None:
    """One that makes no call fails each case that needs one."""
    suite = load_suite("tools")
    server.play("*", player(suite, change=lambda case, calls: []))
    found = failed(server, tmp_path, ["openai-us"])
    needing = {f"openai-us {case.id}" for case in suite.cases if right(case.calls)}
    assert set(found) == needing
