"""Small suites on disk, a bench on a fault server, and checks that only tests know."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Barrier
from typing import Any

import yaml

from benchmarks.execution.setting import config_on
from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.faults import FaultServer
from training.evals.bench import Bench
from training.evals.registry import Seen, check
from training.evals.result import Verdict
from training.evals.suite import Suite, load_suite

TOGETHER = Barrier(33)


@check("tiny_says")
def says(seen: Seen, *, text: str) -> Verdict:
    """Whether a text is in the answer."""
    if seen.attempt.error is not None:
        return Verdict("tiny_says", False, "error", detail=seen.attempt.error)
    return Verdict("tiny_says", text in seen.attempt.text, "" if text in seen.attempt.text else "wrong")


@check("tiny_breaks")
def breaks(seen: Seen) -> Verdict:
    """A check with a mistake in it."""
    raise KeyError(seen.case.id)


@check("tiny_together")
def together(seen: Seen) -> Verdict:
    """Passes once 33 checks run at the same time, more than a loop has threads by default."""
    TOGETHER.wait(20.0)
    return Verdict("tiny_together", True)


@check("tiny_judged")
def judged(seen: Seen) -> Verdict:
    """Asks the lane that judges."""
    from router_ml.contract import Decoding
    from router_ml.execution.lanes.calls import LaneCall
    from router_ml.execution.lanes.failures import LaneFailure

    assert seen.bench.ask is not None
    assert seen.bench.judge is not None
    try:
        reply = seen.bench.ask(
            LaneCall(seen.bench.judge, [{"role": "user", "content": seen.attempt.text}], Decoding(), 5.0)
        )
    except LaneFailure as failure:
        return Verdict("tiny_judged", None, detail=failure.kind)
    return Verdict("tiny_judged", True, cost_usd=reply.usage.cost_usd or 0.0)


def suite_at(folder: Path, cases: list[dict[str, Any]], **file: Any) -> Suite:
    """A suite of some cases; ``file`` is the rest of ``suite.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "name": folder.name,
        "version": "1",
        "title": "Tiny",
        "catches": {"wrong": "It says something else.", "error": "There was no answer."},
        "authored": True,
        "checks": [{"check": "tiny_says", "text": "short answer"}],
        **file,
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(said))
    lines = [json.dumps({"intent": "qa", "domain": "general", **case}) for case in cases]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n")
    return load_suite(folder)


def questions(n: int) -> list[dict[str, Any]]:
    """As many cases that ask something."""
    return [{"id": f"q{at}", "ask": f"What is {at} plus {at}?"} for at in range(n)]


def bench_on(server: FaultServer, **changes: Any) -> Bench:
    """A bench whose lanes are on a server; they are patient, since a first call loads much, and pause shortly."""
    config: RouterConfig = config_on(server)
    patient = {name: lane.endpoint.model_copy(update={"timeout_ms": 20_000.0}) for name, lane in config.lanes.items()}
    lanes = {name: lane.model_copy(update={"endpoint": patient[name]}) for name, lane in config.lanes.items()}
    quick = config.fallback.model_copy(update={"backoff_ms": 1.0})
    config = config.model_copy(update={"lanes": lanes, "fallback": quick, **changes})
    return Bench(config, Router(config))
