"""``router-ml floors``: who got what they were promised, from a log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.offline.floors import as_frame, logged_floors
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def log(yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty rated decisions, floor .5: acme is always served well, all others badly."""
    path = tmp_path_factory.mktemp("floors") / "log.sqlite"
    router = Router.load(yaml, log=path)
    for index in range(40):
        acme = index % 2 == 0
        decision = router.predict_route(f"Question {index}", metadata={"org": "acme"} if acme else {})
        router.log_outcome(decision.decision_id, quality=1.0 if acme else 0.1)
    router.predict_route("not rated")
    return path


def test_the_group_that_is_let_down_comes_first(run: Run, log: Path) -> None:
    code, shown, _ = run("floors", "--log", log, "--by", "org", "--json")
    rows = json.loads(shown)
    assert code == 0
    assert [(row["group"], row["verdict"]) for row in rows] == [("(none)", "missed"), ("acme", "kept")]
    assert [row["requests"] for row in rows] == [21, 20]
    assert rows[0]["quality"] == pytest.approx(0.1)
    code, shown, _ = run("floors", "--log", log, "--by", "org")
    assert code == 0
    assert "missed" in shown
    assert "acme" in shown


@pytest.mark.parametrize("by", ["cell", "language", "class"])
def test_every_decision_is_in_one_group(run: Run, log: Path, by: str) -> None:
    rows = json.loads(run("floors", "--log", log, "--by", by, "--json")[1])
    assert sum(row["requests"] for row in rows) == 41
    assert {row["floor"] for row in rows} == {0.5}


def test_python_gives_the_same_as_a_frame(log: Path) -> None:
    pytest.importorskip("pandas")
    with EventLog(log) as events:
        frame = as_frame(logged_floors(events.logged(), by="org"))
    assert frame["verdict"].tolist() == ["missed", "kept"]


def test_a_log_without_ratings_is_said(run: Run, yaml: Path, tmp_path: Path) -> None:
    Router.load(yaml, log=tmp_path / "log.sqlite").predict_route("hello")
    code, _, errors = run("floors", "--log", tmp_path / "log.sqlite")
    assert code == 2
    assert "None of 1 decisions is rated" in errors
