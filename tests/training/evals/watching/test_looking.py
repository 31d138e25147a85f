"""Looks at lanes on a fault server that change in silence, and at one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.faults import FaultServer
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from router_ml.faults.configured import model_of
from router_ml.faults.fault import Fault
from router_ml.state.sharing.switches import switched_off
from router_ml.storage.eventlog import EventLog
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.__main__ import build
from training.evals.running.run import Options, run_in
from training.evals.suite import Suite
from training.evals.watching.looking import Watcher
from training.evals.watching.planted import PlantedLane

LANE = "openai-us"


class Stage:
    """A lane on a server that is good at a suite, or fails some of its cases."""

    def __init__(self, server: FaultServer, folder: Path) -> None:
        self.lane, self.failing, self.folder = PlantedLane(served_model="m-1", fingerprint="fp_1"), 0, folder
        self.bench = bench_on(server)
        calls = LiteLLMLanes(self.bench.config.lanes)
        self.watcher = Watcher(self.bench, calls, folder / "runs", Options(anew=True))
        server.play(model_of(self.bench.config.lanes[LANE]), self._play)

    def suite(self, count: int = 40) -> Suite:
        """Questions, with a fifth of wrong answers tolerated."""
        return suite_at(self.folder / "tiny", questions(count), tolerated={"wrong": 0.2})

    def run(self, suite: Suite) -> None:
        """Run the suite as it was run when the lane was added."""
        run_in([suite], [LANE], bench=self.bench, out=self.folder / "runs", options=Options(anew=True))

    def kept(self) -> list[dict[str, object]]:
        """What is handed on to the priors."""
        path = self.folder / "runs" / "upgrades.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def _play(self, asked: Asked) -> tuple[Fault, Said]:
        fault, said = self.lane.play(asked)
        if asked.task.startswith("What is ") and "plus" in asked.task:
            number = int(asked.task.split()[2])
            text = "no idea" if number < self.failing else "This is a short answer."
            said = Said(text, served_model=said.served_model, fingerprint=said.fingerprint)
        return fault, said


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A lane as it was when its baseline was taken."""
    with FaultServer() as server:
        yield Stage(server, tmp_path)


def test_a_lane_that_does_not_change_is_left_alone(stage: Stage) -> None:
    """Three looks at a noisy lane: no alarm, no suite is run, nothing is written down."""
    stage.watcher.take_baseline(LANE)
    for _ in range(3):
        upgrade, _ = stage.watcher.look(LANE, [stage.suite()])
        assert upgrade.verdict == "same"
    assert stage.kept() == []


@pytest.mark.parametrize("how", ["served_model", "fingerprint", "changed"])
def test_a_silent_change_runs_the_suites_once(stage: Stage, how: str) -> None:
    """Another name, another fingerprint, or other answers alone: the suites say that it is no worse, the next look
    compares with the lane as it is now."""
    suite = stage.suite(10)
    stage.run(suite)
    stage.watcher.take_baseline(LANE)
    setattr(stage.lane, how, 0.5 if how == "changed" else "other")
    upgrade, behaviour = stage.watcher.look(LANE, [suite])
    assert upgrade.verdict == "changed_no_worse"
    assert behaviour.changed == (how == "changed")
    assert any("differently" in said if how == "changed" else "other" in said for said in upgrade.evidence)
    assert any("tiny: +0.0 points" in said for said in upgrade.evidence)
    assert stage.watcher.look(LANE, [suite])[0].verdict == "same"
    assert [line["verdict"] for line in stage.kept()] == ["changed_no_worse"]


def test_a_lane_that_became_worse_lowers_its_prior(stage: Stage) -> None:
    """Seven of forty fail that did not, which the suite tolerates: the exact paired test says so."""
    suite = stage.suite()
    stage.run(suite)
    stage.watcher.take_baseline(LANE)
    stage.lane.fingerprint, stage.failing = "fp_2", 7
    upgrade, _ = stage.watcher.look(LANE, [suite])
    assert upgrade.verdict == "lower"
    (line,) = stage.kept()
    assert (line["lane"], line["verdict"]) == (LANE, "lower")
    assert "fp_1" in str(line["from"])
    assert "fp_2" in str(line["to"])


def test_a_run_between_change_and_look_is_no_yardstick(stage: Stage) -> None:
    """A nightly run that asks the lane after it changed, and before anybody looks, does not hide the loss."""
    suite = stage.suite()
    stage.run(suite)
    stage.watcher.take_baseline(LANE)
    stage.lane.fingerprint, stage.failing = "fp_2", 7
    stage.run(suite)
    assert stage.watcher.look(LANE, [suite])[0].verdict == "lower"


def test_a_change_that_could_not_be_judged_gets_no_verdict(stage: Stage) -> None:
    """Without money for the suites the lane is not called no worse, and its baseline stays."""
    stage.watcher.take_baseline(LANE)
    stage.lane.fingerprint = "fp_2"
    poor = replace(stage.watcher, options=Options(anew=True, budget_usd=0.0))
    for _ in range(2):
        with pytest.raises(OfflineDataError, match=r"has changed .*fp_2.* nothing of tiny was judged"):
            poor.look(LANE, [stage.suite()])
    assert stage.kept() == []


def test_a_lane_that_broke_is_to_be_blocked(stage: Stage) -> None:
    """Half of its answers wrong: certainly more than a tenth lost. Its baseline stays, so the next look sees it too."""
    suite = stage.suite()
    stage.run(suite)
    stage.watcher.take_baseline(LANE)
    stage.lane.served_model, stage.failing = "m-2", 20
    for _ in range(2):
        assert stage.watcher.look(LANE, [suite])[0].verdict == "block"


def test_a_new_alarm_of_safety_blocks(stage: Stage) -> None:
    """One answer that may never be given is enough, also where there is nothing to compare with."""
    suite = suite_at(stage.folder / "safety", questions(5))
    stage.watcher.take_baseline(LANE)
    stage.lane.fingerprint, stage.failing = "fp_2", 1
    upgrade, _ = stage.watcher.look(LANE, [suite])
    assert upgrade.verdict == "block"
    assert any("new alarm in safety: wrong, 1 of 5" in said for said in upgrade.evidence)


def test_a_lane_without_a_baseline_says_how_to_take_one(stage: Stage) -> None:
    """A look compares with something."""
    with pytest.raises(OfflineDataError, match="--baseline"):
        stage.watcher.look(LANE, [])


def test_the_command_switches_off_only_when_told_to(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --act it prints the command of the kill switch; with it the switch is in the log, with who and why."""
    import training.evals.commands.upgrade as module

    monkeypatch.setattr(module, "open_bench", lambda model, config: stage.bench)
    suite, log, out = suite_at(stage.folder / "safety", questions(3)), stage.folder / "log.db", stage.folder / "runs"
    EventLog(log).close()
    stage.watcher.take_baseline(LANE)
    stage.lane.fingerprint, stage.failing = "fp_2", 3
    options = ["upgrade", LANE, str(suite.folder), "--out", str(out), "--log", str(log)]
    said = CliRunner().invoke(build(), options)
    assert said.exit_code == 1
    assert f"router-ml lane off {LANE} --who WHO" in said.stdout
    with EventLog(log) as events:
        assert not switched_off(events)
    acted = CliRunner().invoke(build(), [*options, "--act", "--who", "ada", "--why", "it leaks", "--json"])
    assert json.loads(acted.stdout)["verdict"] == "block"
    with EventLog(log) as events:
        (switch,) = switched_off(events)
        assert (switch.event.who, switch.event.why) == ("ada", "it leaks")
