"""The command: from a folder of results, or a log, to a table, a file and a challenger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.priors import read_priors
from training.evals.__main__ import build
from training.evals.attempt import Attempt
from training.evals.priors.answers import of_results
from training.evals.priors.logged import of_log
from training.evals.reporting.logged import log_results
from training.evals.result import Arm, Result, Verdict
from training.evals.results import append, read_results
from training.evals.suite import load_suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Path:
    """A suite of 40 cases in ``suite``, and in ``run`` the results of a lane that passes three quarters of them."""
    root = tmp_path_factory.mktemp("priors")
    (root / "suite").mkdir()
    cases = [{"id": f"c{n}", "intent": "qa", "domain": "medical", "ask": f"Which of {n} is it?"} for n in range(40)]
    (root / "suite" / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)))
    about = "name: planted\nversion: '1'\ntitle: Planted\ncatches: {wrong: It is wrong.}\n"
    (root / "suite" / "suite.yaml").write_text(about)
    suite, lane = load_suite(root / "suite"), bundle.config.lanes["code"]
    arm, now = Arm("code", lane.model, lane.version), datetime.now(UTC)
    results = [
        Result(
            "r1",
            "planted",
            suite.digest,
            case,
            arm,
            Attempt("code", case.id, None, cost_usd=0.001),
            (Verdict("exact", number % 4 > 0, failure="wrong"),),
            now,
        )
        for number, case in enumerate(suite.cases)
    ]
    append(root / "run" / "results.jsonl", results)
    with EventLog(root / "log.sqlite") as log:
        log_results(log, results, suites={"planted": suite})
    return root


def run(*arguments: str | Path) -> str:
    found = CliRunner().invoke(build(), ["priors", *map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_results_become_a_file_a_table_and_what_is_missing(folder: Path, tmp_path: Path) -> None:
    """With the numbers of the lane, and what the floor of its class still needs."""
    out = tmp_path / "priors.json"
    said = run(folder / "run", "--suite", folder / "suite", "--out", out)
    assert "40" in said
    assert "Not known to reach the floor" in said
    assert read_priors(out).lanes == ("code",)


def test_a_log_and_results_files_together_say_no_more_than_one_of_them(folder: Path) -> None:
    """40 answers are 40 answers, wherever they are kept."""
    record = json.loads(run(folder / "run", "--log", folder / "log.sqlite", "--suite", folder / "suite", "--json"))
    (cell,) = record["cells"]
    assert cell["answers"] == 40
    assert cell["counted"] == pytest.approx(40, rel=1e-3)
    assert cell["low"] < 0.75 < cell["high"]
    assert record["left_out"] == {"in the log and in results files, counted once": 40}
    here = [gap for gap in record["missing"] if (gap["intent"], gap["domain"]) == ("qa", "medical")]
    assert here
    assert all(gap["suites"]["planted"] == 40 for gap in here)


def test_a_log_keeps_all_that_priors_need(folder: Path) -> None:
    """An answer from the log is the answer of the results file."""
    suites = {"planted": load_suite(folder / "suite")}
    with EventLog(folder / "log.sqlite") as log:
        kept = of_log(log, suites)
    found = of_results(read_results(folder / "run"), suites)
    assert sorted(kept.rows, key=lambda row: row.case) == sorted(found.rows, key=lambda row: row.case)


@pytest.mark.slow
def test_a_new_bundle_is_sealed_and_registered_as_the_challenger(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing routes with it until it is promoted."""
    pytest.importorskip("mlflow", reason="registering needs the registry extra")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    said = run(folder / "run", "--suite", folder / "suite", "--bundle", tmp_path / "new", "--register")
    assert "the challenger" in said
    priors = Bundle.load(tmp_path / "new").allocation.priors
    assert priors is not None
    assert priors.lanes == ("code",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to make priors of"),
        (("--register", "nowhere"), "--bundle too"),
        (("nowhere", "--archive", "old"), "Give --log too"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_read(arguments: tuple[str, ...], said: str) -> None:
    """One line, and what to do."""
    found = CliRunner().invoke(build(), ["priors", *arguments])
    assert said in str(found.exception)


def test_a_run_is_named_as_in_a_report(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id, as ``report`` takes it, where its folder is the usual one."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "evals").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    by_id, by_folder = (json.loads(run(one, "--suite", folder / "suite", "--json")) for one in ("run", folder / "run"))
    assert by_id.keys() == by_folder.keys()
    assert [row["answers"] for row in by_id["cells"]] == [row["answers"] for row in by_folder["cells"]]
