"""``router-ml drift``: exit 0 nothing, 3 drift, 2 could not be told; for people, for programs, as a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.cli.drift import drift_of_log

Run = Callable[..., tuple[int, str, str]]
START = datetime(2026, 5, 1, tzinfo=UTC)
WINDOWS = ("--reference", "2026-05-01..2026-05-11", "--recent", "2026-05-11..2026-05-15")


@pytest.fixture(scope="module")
def log(yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of ordinary requests in English, then five in which every second one is in another language."""
    path = tmp_path_factory.mktemp("drift") / "log.sqlite"
    router = Router.load(yaml, log=path)
    english = "What does the second clause of this contract mean for the tenant, and who pays for the repairs?"
    german = "Was bedeutet die zweite Klausel dieses Vertrags für den Mieter, und wer zahlt die Reparaturen?"
    for hour in range(0, 15 * 24, 3):
        foreign = hour >= 10 * 24 and hour % 2 == 0
        now = START + timedelta(hours=hour)
        decision = router.predict_route(german if foreign else english, now=now, decision_id=f"d{hour}", seed=hour)
        router.log_outcome(decision.decision_id, quality=0.8, cost_usd=0.001, at=now)
    return path


def test_a_change_is_exit_3_with_what_it_is(run: Run, log: Path, tmp_path: Path) -> None:
    page = tmp_path / "drift.html"
    code, shown, _ = run("drift", "--log", log, *WINDOWS, "--html", page)
    assert code == 3
    assert "language" in shown
    assert "not tested: embedding" in shown
    assert "checks drifted" in page.read_text(encoding="utf-8")
    code, shown, _ = run("drift", "--log", log, *WINDOWS, "--json")
    assert code == 3
    assert "language" in json.loads(shown)["drifted"]


def test_nothing_is_exit_0(run: Run, log: Path) -> None:
    windows = ("--reference", "2026-05-01..2026-05-06", "--recent", "2026-05-06..2026-05-11")
    code, shown, _ = run("drift", "--log", log, *windows)
    assert code == 0
    assert "No drift" in shown


def test_what_cannot_be_told_is_exit_2(run: Run, log: Path) -> None:
    short = ("--reference", "2026-05-01..2026-05-02", "--recent", "2026-05-02..2026-05-03")
    for options in (short, ("--recent", "2031-01-01..2031-02-01"), ("--recent", "soon"), (*WINDOWS, "--level", "2")):
        code, _, errors = run("drift", "--log", log, *options)
        assert code == 2
        assert errors.startswith("router-ml: ")


def test_days_too_few_to_tell_are_exit_2(run: Run, log: Path) -> None:
    """Not "no drift": four days among fourteen are no rarer than 1 in 1001, whatever happened."""
    windows = ("--reference", "2026-05-01..2026-05-11", "--recent", "2026-05-11..2026-05-15")
    alone = (*windows, "--together", "day", "--level", "0.0005")
    code, shown, errors = run("drift", "--log", log, *alone)
    assert code == 2
    assert "10 + 4 blocks" in " ".join(shown.split())
    assert "No drift" not in shown
    assert errors.startswith("router-ml: ")


def test_a_span_ends_now_and_the_reference_before_it(log: Path) -> None:
    report = drift_of_log(str(log), reference="10d", recent="5d", now=START + timedelta(days=15), together="day")
    assert report.reference[2] == 80
    assert report.recent[:2] == ("2026-05-11T00:00:00Z", "2026-05-15T21:00:00Z")
    assert report.blocks == (10, 5)
