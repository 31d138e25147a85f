"""The command line: exit codes that a pipeline can read, JSON, a dry run that sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from router_ml.errors import OfflineDataError
from router_ml.faults import FaultServer
from router_ml.faults.fault import Fault
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.__main__ import build


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as running:
        yield running


def called(
    server: FaultServer, folder: Path, *more: str, lanes: tuple[str, ...] = ("openai-us",), **file: Any
) -> Result:
    """``run`` with a suite of ten cases; ``file``: what else its ``suite.yaml`` says."""
    suite = suite_at(folder / "tiny", questions(10), **{"tolerated": {"error": 0.3}, **file})
    path = folder / "router.yaml"
    path.write_text(
        yaml.safe_dump(bench_on(server).config.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    )
    named = [word for lane in lanes for word in ("--lane", lane)]
    words = ["run", str(suite.folder), "--model", str(path), "--out", str(folder / "out"), *named, *more]
    return CliRunner().invoke(build(), words)


def test_a_run_that_is_well_exits_with_0(server: FaultServer, tmp_path: Path) -> None:
    """And says what it did, by suite and lane."""
    made = called(server, tmp_path, "--json")
    assert made.exit_code == 0, made.output
    said = json.loads(made.stdout)
    assert (said["status"], said["alarms"]) == ("done", [])
    assert len(server.calls) == 10


def test_an_alarm_exits_with_1(server: FaultServer, tmp_path: Path) -> None:
    """One failure that nothing tolerates is enough; the table says what it means."""
    server.script("gpt-4.1", [Fault("good", text="Something else."), "good"])
    made = called(server, tmp_path)
    assert made.exit_code == 1, made.output
    assert "wrong" in made.stdout
    assert "It says something else." in made.stdout


def test_what_is_tolerated_is_no_alarm(server: FaultServer, tmp_path: Path) -> None:
    """One error of ten where three in ten are tolerated."""
    server.script("gpt-4.1", ["context_overflow", "good"])
    made = called(server, tmp_path, "--json")
    assert made.exit_code == 0, made.output
    (row,) = json.loads(made.stdout)["rows"]
    assert [(one["name"], one["count"], one["alarm"]) for one in row["failures"]] == [("error", 1, False)]


def test_a_lane_that_was_never_asked_is_no_success(server: FaultServer, tmp_path: Path) -> None:
    """A refused key, or no money for anything: 2. Money for a part: 0, and the run says that it is partial."""
    server.script("gpt-4.1", ["unauthorized"])
    assert called(server, tmp_path, lanes=("openai-us", "private-a")).exit_code == 2
    server.script("gpt-4.1", [Fault("good", tokens_out=2_000)])
    assert called(server, tmp_path, "--new", "--budget", "0").exit_code == 2
    part = called(server, tmp_path, "--new", "--budget", "0.05", "--parallel", "1", "--json")
    assert (part.exit_code, json.loads(part.stdout)["status"]) == (0, "partial")


def test_a_lane_that_answers_nothing_is_no_success(server: FaultServer, tmp_path: Path) -> None:
    """Down all the time, and the checks of the suite judge answers only: not an alarm, and not good either."""
    server.script("gpt-4.1", ["context_overflow"])
    checks = [{"check": "regex", "pattern": "."}]
    made = called(server, tmp_path, "--json", checks=checks)
    assert made.exit_code == 2, made.output
    said = json.loads(made.stdout)
    assert (said["alarms"], said["unheard"]) == ([], [{"suite": "tiny", "lane": "openai-us"}])


def test_results_become_outcomes_of_a_log(server: FaultServer, tmp_path: Path) -> None:
    """Where one is named; a second time changes nothing."""
    from router_ml.storage.eventlog import EventLog
    from training.evals.reporting.logged import evaluations

    log = str(tmp_path / "log.db")
    for _ in range(2):
        assert called(server, tmp_path, "--log", log, "--run", "mine").exit_code == 0
    with EventLog(log) as events:
        assert len(list(evaluations(events))) == 10


def test_a_dry_run_sends_nothing_and_prices_it(server: FaultServer, tmp_path: Path) -> None:
    """Attempts and money by lane, and no folder."""
    made = called(server, tmp_path, "--dry-run", "--json", "--repeat", "2", lanes=("openai-us", "private-a"))
    assert made.exit_code == 0, made.output
    said = {one["lane"]: one for one in json.loads(made.stdout)}
    assert {lane: one["attempts"] for lane, one in said.items()} == {"openai-us": 20, "private-a": 20}
    assert said["openai-us"]["expected_usd"] > said["private-a"]["expected_usd"] > 0
    assert not server.calls
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_done_is_an_error_of_ours(server: FaultServer, tmp_path: Path) -> None:
    """A lane that there is not, no lane at all: the process ends with 2, see ``__main__``."""
    for lanes in ((), ("nonsense",)):
        made = called(server, tmp_path, lanes=lanes)
        assert isinstance(made.exception, OfflineDataError)
    assert not server.calls


def test_suites_are_listed(tmp_path: Path) -> None:
    """With what each catches, and whether the rules are asked."""
    suite = suite_at(tmp_path / "tiny", questions(3))
    made = CliRunner().invoke(build(), ["suites", str(suite.folder), "--json"])
    (said,) = json.loads(made.stdout)
    assert (said["name"], said["cases"], said["authored"]) == ("tiny", 3, True)
    shown = CliRunner().invoke(build(), ["suites", str(suite.folder)])
    assert "It says something else." in shown.stdout
