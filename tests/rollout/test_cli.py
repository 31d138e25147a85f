"""A release from a shell: what is printed is what was done, and the exit code is what a scheduler acts on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_ml.cli import release as commands
from router_ml.cli.app import main
from router_ml.offline.canary import CanaryReport, CanaryWatch
from router_ml.offline.estimating.anytime import Difference
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle

Run = Callable[..., tuple[int, str, str]]
SAID = ("--who", "ada", "--why", "because")


@pytest.fixture
def run(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command on a store and a log of its own: exit code, output, error."""

    def call(*arguments: str, steps: bool = True) -> tuple[int, str, str]:
        log = ("--log", str(tmp_path / "log.sqlite")) if steps else ()
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--store", store, *log])
        told = capsys.readouterr()
        return int(str(stop.value.code)), told.out, told.err

    return call


@pytest.mark.slow
def test_a_release_from_the_shell(run: Run, tmp_path: Path) -> None:
    assert run("promote", "--version", "1", *SAID)[0] == 0
    code, _, error = run("promote", "--version", "2", *SAID)
    assert (code, "has no verdict, expected promote" in error) == (2, True)
    report = tmp_path / "verdict.json"
    _, bundle, champion = (row["bundle"] for row in json.loads(run("releases", "--json", steps=False)[1]))
    for said, told in (
        ({"challenger": "another"}, "the verdict is about another"),
        ({}, "the verdict is about no bundle that it names"),
        ({"challenger": bundle}, "is against no bundle that it names. Evaluate it --against models:/router@champion"),
    ):
        report.write_text(json.dumps({"verdict": "promote", **said}))
        code, _, error = run("promote", "--version", "2", "--report", str(report), *SAID)
        assert (code, told in error) == (2, True)
    report.write_text(json.dumps({"verdict": "promote", "challenger": bundle, "champion": champion}))
    code, out, _ = run("canary", "--version", "2", "--share", "0.2", "--report", str(report), *SAID)
    assert (code, "canary started: router/2, by ada" in out) == (0, True)
    assert run("promote", "--version", "2", *SAID)[0] == 0
    rows = json.loads(run("releases", "--json", steps=False)[1])
    assert [(row["version"], row["aliases"], row["verdict"]) for row in rows] == [
        ("3", [], None),
        ("2", ["champion"], "promote"),
        ("1", ["holdback", "previous"], None),
    ]
    code, out, _ = run("rollback", "--json", *SAID)
    told = json.loads(out)
    assert (told["event"]["kind"], told["after"]) == ("rolled_back", {"champion": "1", "holdback": "1"})
    assert "rolled back" in run("releases", steps=False)[1]


def test_a_watch_stops_what_does_harm(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run("promote", "--version", "1", *SAID)
    run("canary", "--version", "2", "--force", *SAID)
    assert run("canary", "--once")[0] == 3
    waited: list[float] = []
    monkeypatch.setattr(commands.time, "sleep", waited.append)
    assert run("canary", "--every", "60", "--max-rounds", "3")[0] == 3
    assert waited == [60, 60]
    nothing = Difference(0.0, -1.0, 1.0, 10)
    harm = CanaryReport("stop", "quality is lower", "2", {"champion": 9, "canary": 1}, nothing, nothing, nothing, 1.0)
    monkeypatch.setattr(CanaryWatch, "look", lambda _: harm)
    code, out, _ = run("canary", "--every", "60")
    assert (code, "The canary has been stopped." in out) == (4, True)
    assert run("canary", "--once")[0] == 2
    with EventLog(tmp_path / "log.sqlite") as events:
        last = events.audit_events()[-1]
    assert (last.kind, last.who, last.why) == ("canary_stopped", "router-ml canary", "quality is lower")
    assert last.detail["report"]["sessions"] == {"champion": 9, "canary": 1}  # type: ignore[index]


@pytest.mark.parametrize(
    "arguments",
    [
        ("canary",),
        ("canary", "--once", "--stop"),
        ("canary", "--version", "2"),
        ("canary", "--stop"),
        ("promote", "--version", "1", "--report", "none.json", *SAID),
    ],
)
def test_what_is_missing_is_named(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, error = run(*arguments)
    assert (code, out) == (2, "")
    assert error.startswith("router-ml: ")


def test_without_a_log_nothing_happens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUTER_ML_LOG", raising=False)
    code, _, error = run("promote", "--version", "1", *SAID, steps=False)
    assert (code, "Give --log URL, or set $ROUTER_ML_LOG" in error) == (2, True)


def test_steps_have_a_twin(store: str, tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.sqlite") as events:
        step: Any = Lifecycle(events, tracking_uri=store).promote(1, who="ada", why="first")
    assert step.after == {"champion": "1"}
