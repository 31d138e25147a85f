"""savings, slices, next and explain with a question: true sentences, stable JSON, errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def log(yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 rated decisions of the small router, which draws between two lanes."""
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    random = np.random.default_rng(0)
    requests = [RouteRequest(text=f"What is {i} plus {i}?") for i in range(300)]
    with EventLog(path) as events:
        decided = Router.load(yaml, log=path).predict_routes(requests, seeds=range(300))
        events.log_outcomes(
            Outcome(decision_id=each.decision_id, quality=float(random.random() < 0.8), cost_usd=cost, at=NOW)
            for each in decided
            for cost in [0.004 if each.lane == "fast[red]" else 0.0001]
        )
    return path


def test_savings_of_a_log(run: Run, log: Path, yaml: Path) -> None:
    code, out, err = run("savings", "--log", log, "--model", yaml, "--baseline", "fast[red]", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["baseline"] == "fast[red]"
    assert {"sentence", "cheaper", "cheaper_half", "quality", "low", "verdict", "cells", "in_sample"} <= set(found)
    code, out, _ = run("savings", "--log", log, "--model", yaml, "--baseline", "fast[red]")
    assert code == 0
    assert " ".join(out.split()).startswith(found["sentence"])


def test_slices_of_a_log(run: Run, log: Path, yaml: Path) -> None:
    code, out, _ = run("slices", "--log", log, "--model", yaml, "--json")
    (cell,) = json.loads(out)["slices"]
    assert code == 0
    assert cell["rows"] == 300
    assert sum(cell["evidence"].values()) == 300
    assert run("slices", "--log", log, "--model", yaml)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["savings"], "No event log is named"),
        (["savings", "--baseline", "slow"], "Nothing is known here about lane 'slow'"),
        (["slices", "--class", "gold"], "no decision of the traffic class 'gold'"),
        (["slices", "--min-rows", "1000"], "the largest has 300"),
        (["next"], "has no learned part to judge"),
        (["savings", "--data", "nowhere"], "Found both --data and --log"),
    ],
)
def test_mistakes_are_one_line_that_says_what_to_do(
    run: Run, log: Path, yaml: Path, arguments: list[str], complaint: str
) -> None:
    named = [] if arguments == ["savings"] else ["--log", log]
    code, out, err = run(*arguments, *named, "--model", yaml)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_bundle_is_not_judged_on_what_it_has_learned_from(run: Run, root: Path) -> None:
    """Unless asked to, and then the first words say so."""
    pack = root / "data" / "outcomes" / "judged"
    code, _, err = run("savings", "--data", pack)
    assert code == 2
    assert "has learned from" in err
    assert "training.benchmark savings" in err
    code, out, _ = run("savings", "--data", pack, "--in-sample", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["in_sample"]
    assert found["sentence"].startswith("In sample, so better than it will be: ")


def test_next_names_rows_and_lanes_of_a_pack(run: Run, root: Path) -> None:
    pack = root / "data" / "outcomes" / "judged"
    code, out, _ = run("next", "--data", pack, "-n", "5", "--budget", "1", "--json")
    found = json.loads(out)
    assert code == 0
    assert 0 < len(found["prompts"]) <= 5
    assert found["cost_usd"] <= 1
    for prompt in found["prompts"]:
        assert prompt["id"].isdigit()
        assert set(prompt["lanes"]) <= {"code", "extraction", "openai", "anthropic"}, "the others were run already"


def test_next_names_decisions_of_a_log(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    router = Router.load(shipped_bundle(), log=path)
    ids = {each.decision_id for each in router.predict_routes([RouteRequest(text=f"Is {i} odd?") for i in range(12)])}
    code, out, _ = run("next", "--log", path, "-n", "4")
    chosen = [line.split() for line in out.splitlines() if line.startswith("dec_")]
    assert code == 0
    assert chosen
    assert {line[0] for line in chosen} <= ids
    code, _, err = run("next", "--log", path, "--cell", "qa/nowhere")
    assert code == 2
    assert "no cell qa/nowhere" in err


def test_explain_answers_what_if(run: Run, log: Path, yaml: Path) -> None:
    with EventLog(log) as events:
        decision = next(each for each in events.decisions() if each.lane is not None)
    code, out, _ = run("explain", decision.decision_id, "--log", log, "--deny", str(decision.lane), "--json")
    answer = json.loads(out)["what_if"]
    assert code == 0
    assert answer["changed"]
    assert answer["lane"] != decision.lane
    code, out, _ = run("explain", decision.decision_id, "--log", log, "--floor", "0.1")
    assert "Floor 0.1:" in out
    code, _, err = run("explain", "--deny", "own", "--text", "hello")
    assert code == 2
    assert "without the id" in err
