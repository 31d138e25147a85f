"""``router-ml evaluate``: the exit code is the verdict, for a pipeline to act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml import Router, RouteRequest
from router_ml.contract import Outcome
from router_ml.offline import gate
from router_ml.offline.gate import Verdict
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]
EXAMPLE = "- {name: a card number, request: 'My card is 4111 1111 1111 1111', expect: {excludes: [fast]}}\n"


@pytest.fixture(scope="module")
def log(router: Router, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "log.sqlite"
    requests = [RouteRequest(text=f"What is {number} times 12?", traffic_class="pilot") for number in range(20)]
    with EventLog(path) as events:
        writer = Router(router.config, bundle=router.bundle, log=events)
        for decision in writer.predict_routes(requests, seeds=range(len(requests))):
            events.log_outcome(
                Outcome(decision_id=decision.decision_id, quality=1.0, cost_usd=1e-3, at=decision.created_at)
            )
    return path


def test_a_bundle_against_itself(run: Run, models: Path, log: Path, tmp_path: Path) -> None:
    """The champion is found by itself: the model that routes by default wrote this log."""
    table, report = tmp_path / "examples.yaml", tmp_path / "report.html"
    table.write_text(EXAMPLE, encoding="utf-8")
    arguments = ("--bundle", models, "--log", log, "--examples", table, "--report", report, "--json")
    code, out, err = run("evaluate", *arguments)
    found = json.loads(out)
    assert (code, err, found["verdict"]) == (3, "", "hold")
    assert found["champion"] == found["challenger"]
    states = {check["name"]: check["passed"] for check in found["checks"]}
    assert states["guardrails"]
    assert states["latency"] is not None
    assert "Checks" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(("word", "code"), [("promote", 0), ("hold", 3), ("reject", 4)])
def test_the_exit_code_is_the_verdict(
    run: Run, models: Path, log: Path, monkeypatch: pytest.MonkeyPatch, word: gate.Word, code: int
) -> None:
    monkeypatch.setattr(gate, "evaluate", lambda *_, **__: Verdict(word, ()))
    seen, out, err = run("evaluate", "--bundle", models, "--log", log)
    assert (seen, err) == (code, "")
    assert out.lower().startswith(word)


def test_a_router_without_learned_parts_is_no_challenger(run: Run, yaml: Path, log: Path) -> None:
    code, _, err = run("evaluate", "--bundle", yaml, "--log", log)
    assert code == 2
    assert "no learned part" in err
