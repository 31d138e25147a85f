"""The suites ``contract`` and ``budgets`` over the wire: a good lane rings nothing, a bent one rings by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router_ml.config import load_config
from router_ml.faults import Fault, FaultServer
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from router_ml.faults.configured import faulty_config, model_of
from training.evals.bench import Bench
from training.evals.case import Case
from training.evals.reporting.summary import summarise
from training.evals.running.record import RunSettings
from training.evals.running.run import Options, run_in
from training.evals.suite import load_suite

SUITES = [load_suite(name) for name in ("contract", "budgets")]
CASES = [case for suite in SUITES for case in suite.cases]
Bend = Callable[[Said], tuple[Fault, Said]]


def lane(bend: Bend) -> Callable[[Asked], tuple[Fault, Said | None]]:
    """A lane that knows the references, and does something to each answer."""

    def play(asked: Asked) -> tuple[Fault, Said | None]:
        said = "\n".join(text for _, text in asked.messages)
        case: Case = next(one for one in CASES if str(one.ask).strip() in said)
        if case.calls and asked.tools and not asked.results:
            calls = tuple((call.tool, json.dumps(call.arguments)) for call in case.calls)
            return Fault("good"), Said(calls=calls, stop="tools")
        return bend(Said(text=str(case.reference)))

    return play


GOOD = Fault("good")
BENDS: dict[str, tuple[Bend, set[str]]] = {
    "fast": (lambda said: (GOOD, said), set()),
    "balanced": (lambda said: (GOOD, replace(said, text=f"Sure! {said.text}")), {"prose_around_json", "not_a_label"}),
    "premium": (lambda said: (GOOD, replace(said, text=said.text + " And so on." * 500)), {"verbose", "too_long"}),
    "openai": (lambda said: (GOOD, replace(said, tokens_out=9000)), {"thinking_too_long", "too_expensive"}),
    "private": (lambda said: (Fault("rate_limit", retry_after=0.01), said), {"rate_limited", "throttled_under_load"}),
}


@pytest.mark.slow
def test_each_lane_rings_by_its_name(root: Path, tmp_path: Path) -> None:
    """Of five lanes, the good one rings nothing and each of the others what is wrong with it."""
    with FaultServer() as server:
        config = faulty_config(server, load_config(root / "models" / "default" / "router.yaml"))
        for name, (bend, _) in BENDS.items():
            server.play(model_of(config.lanes[name]), lane(bend))
        options = Options(RunSettings(), budget_usd=1000.0, parallel=8)
        ran = run_in(SUITES, list(BENDS), bench=Bench(config), out=tmp_path, options=options)
    rung: dict[str, set[str]] = {name: set() for name in BENDS}
    for row, failure in summarise(ran.results, SUITES, across=ran.across).alarms:
        rung[row.lane].add(failure.name)
    assert rung["fast"] == set()
    for name, (_, wanted) in BENDS.items():
        assert wanted <= rung[name], (name, rung[name])
    assert not ran.record.broken
