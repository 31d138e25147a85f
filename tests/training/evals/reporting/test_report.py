"""The command ``report``, on a run as it lies on the disk; into the log and into MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from router_ml.storage.eventlog import EventLog
from training.evals.__main__ import build
from training.evals.reporting.logged import evaluations
from training.evals.reporting.runs import folders, read_run
from training.evals.reporting.tracked import track
from training.evals.result import Result
from training.evals.results import append
from training.evals.running.record import RunArm, RunRecord, RunSettings, RunSuite, write_record

MakeResult = Callable[..., Result]


@pytest.fixture
def out(tmp_path: Path, make_result: MakeResult) -> Path:
    """A folder of two runs of a lane; the later one is worse."""
    for number, run in enumerate(("one", "two")):
        results = [
            make_result(case, run=run, failure="wrong_shape" if case < 6 * number else None) for case in range(20)
        ]
        append(tmp_path / run / "results.jsonl", results)
        write_record(
            tmp_path / run,
            RunRecord(
                run=run,
                started=results[0].at + timedelta(hours=number),
                status="done",
                suites=(RunSuite(name="contract", version="1", digest="d1", folder="gone", cases=20),),
                arms=(RunArm(lane="balanced", model="mock/balanced", version="1"),),
                settings=RunSettings(),
            ),
        )
    return tmp_path


def test_the_latest_run_is_reported_and_an_alarm_is_an_exit_code(out: Path) -> None:
    """As a job in CI needs it."""
    said = CliRunner().invoke(build(), ["report", "--out", str(out), "--json"])
    assert said.exit_code == 1
    assert json.loads(said.stdout)["runs"] == ["two"]
    assert CliRunner().invoke(build(), ["report", "one", "--out", str(out)]).exit_code == 0


def test_a_run_that_cannot_be_read_takes_no_other_with_it(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The latest of the others is reported, and the folder that is left out is named. A run without results is no
    success."""
    (out / "torn").mkdir()
    (out / "torn" / "run.json").write_text("{")
    assert [folder.name for folder in folders(out)] == ["one", "two"]
    assert "torn" in caplog.text
    (out / "one" / "results.jsonl").unlink()
    assert CliRunner().invoke(build(), ["report", "one", "--out", str(out)]).exit_code == 2


def test_two_runs_are_compared_and_kept(out: Path) -> None:
    """One call: the difference as JSON, a page, and the results in a log."""
    log, shown = out / "log.db", out / "page.html"
    options = ["two", "--against", "one", "--out", str(out), "--json", "--html", str(shown), "--log", str(log)]
    said = CliRunner().invoke(build(), ["report", *options])
    (difference,) = json.loads(said.stdout)["differences"]
    assert difference["difference"] == pytest.approx(-0.3)
    assert len(difference["broke"]) == 6
    assert "Against the run before" in shown.read_text(encoding="utf-8")
    with EventLog(log) as events:
        assert len(list(evaluations(events))) == 20


@pytest.mark.slow  # MLflow makes its store first
def test_a_run_is_a_run_in_mlflow(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suites, lanes and settings as parameters, shares with intervals as metrics, results and report as files."""
    pytest.importorskip("mlflow", reason="needs mlflow or mlflow-skinny")
    pytest.importorskip("alembic", reason="a store of SQLite needs alembic, which full MLflow brings")
    from mlflow import MlflowClient

    store = f"sqlite:///{out / 'mlflow.db'}"
    name = track(read_run("two", out=out), tracking_uri=store)
    client = MlflowClient(store, store)
    run: Any = client.get_run(name)
    assert run.data.metrics["contract/balanced/share"] == pytest.approx(0.7)
    assert run.data.metrics["contract/balanced/share_low"] < 0.7 < run.data.metrics["contract/balanced/share_high"]
    assert run.data.params["suite/contract"] == "1 d1"
    assert run.data.tags["evaluation"] == "two"
    assert {one.path for one in client.list_artifacts(name)} >= {"results.jsonl", "report.html", "run.json"}
