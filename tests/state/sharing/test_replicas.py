"""Replicas in processes of their own on one PostgreSQL: what they share, what a killed one leaves, and who did what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from router_ml.execution.executor import Executor
from router_ml.faults import FaultServer
from router_ml.faults.configured import faulty_config
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.state.memory import Memory
from router_ml.state.sharing.counts import Counts
from router_ml.state.sharing.sharing import Shared, Sharing
from router_ml.state.sharing.switches import turn_off, turn_on
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Standing
from tests.rollout.conftest import numbered_bundle
from tests.state.sharing.conftest import CONFIG

pytestmark = pytest.mark.slow

WHO = {"who": "on-call", "why": "vendor incident"}
WORKER = """
import json, sys
from router_ml import Router
from router_ml.execution.executor import Executor
from router_ml.state.sharing.sharing import Shared, Sharing

router = Router.load(sys.argv[1], log=sys.argv[2])
executor, memory = Executor(router), router.memory
shared = Shared(memory.health, memory.budgets, memory.listener, serves=router.serves, breakers=executor.watch)
sharing = Sharing(shared, seconds=0.2)
sharing.start()
print(json.dumps({"name": sharing.name}), flush=True)
for line in sys.stdin:
    what, _, more = line.strip().partition(" ")
    if what == "ask":
        try:
            done = executor.complete("hello there")
            said = {"lane": done.execution.final_lane, "decision_id": done.decision.decision_id}
        except Exception as error:
            said = {"lane": None, "error": type(error).__name__}
    elif what == "route":
        decision = router.predict_route("hello there")
        standing = memory.budgets.standing(decision.traffic_class, decision.created_at)
        said = {"eligible": decision.eligible, "spent": standing.spent_usd, "capped": decision.state.selection.capped}
    elif what == "pay":
        decision = router.predict_route("hello there")
        router.log_outcome(decision.decision_id, cost_usd=float(more))
        said = {}
    elif what == "override":
        said = {"id": router.override(json.loads(more), who="a", why="b").event_id}
    elif what == "processes":
        said = {"processes": [one.to_dict() for one in sharing.processes()]}
    print(json.dumps(said), flush=True)
sharing.close()
"""


@dataclass
class Worker:
    """A replica in a process of its own."""

    process: subprocess.Popen[str]
    name: str = ""

    def do(self, what: str, more: str = "") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what} {more}\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


Start = Callable[[], Worker]


@pytest.fixture
def start(tmp_path: Path, postgres: str, server: FaultServer) -> Iterator[Start]:
    """Starts replicas on one PostgreSQL whose lanes are on a fault server."""
    config = faulty_config(server, CONFIG)
    breaker = config.execution.breaker.model_copy(update={"failures": 2, "open_ms": 3000.0})
    config = config.model_copy(update={"execution": config.execution.model_copy(update={"breaker": breaker})})
    file = tmp_path / "router.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    running: list[Worker] = []

    def make() -> Worker:
        arguments = [sys.executable, "-c", WORKER, str(file), postgres]
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        worker = Worker(process)
        running.append(worker)
        assert process.stdout is not None
        worker.name = json.loads(process.stdout.readline())["name"]
        return worker

    yield make
    for worker in running:
        if worker.process.poll() is None:
            assert worker.process.stdin is not None
            worker.process.stdin.close()
            try:
                worker.process.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()


def wait_for(what: Callable[[], Any], seconds: float = 20.0) -> float:
    """Wait until something holds; after how many seconds it did."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not come to hold"
        time.sleep(0.05)
    return time.monotonic() - began


def test_replicas_are_one_service(start: Start, postgres: str, server: FaultServer) -> None:
    """Money, breakers, switches and overrides of one are those of the other; a killed one leaves what is true."""
    one, two = start(), start()
    wait_for(lambda: len(one.do("processes")["processes"]) == 2)

    one.do("pay", "0.25")
    wait_for(lambda: abs(two.do("route")["spent"] - 0.25) < 0.01)
    one.do("pay", "2.0")
    wait_for(lambda: two.do("route")["capped"])

    with EventLog(postgres) as log:
        switch = turn_off(log, ["acme"], **WHO)
        for each in (one, two):
            wait_for(lambda each=each: each.do("route")["eligible"] == ["other"])  # type: ignore[misc]
        turn_on(log, switch.id, **WHO)
        for each in (one, two):
            wait_for(lambda each=each: "best" in each.do("route")["eligible"])  # type: ignore[misc]

    policy = {
        **{"id": "no-best", "version": "1", "owner": "o", "rationale": "r"},
        **{"when": {}, "then": {"lanes": {"deny": ["best"]}}},
    }
    one.do("override", json.dumps(policy))
    wait_for(lambda: "best" not in two.do("route")["eligible"])

    spent = two.do("route")["spent"]
    one.kill()
    three = start()
    assert "best" not in three.do("route")["eligible"], "a restart picks up what holds"
    assert three.do("route")["spent"] >= spent - 0.01
    wait_for(lambda: len(two.do("processes")["processes"]) == 2, 30)


def test_a_breaker_of_one_holds_for_all_until_it_is_well_or_dead(start: Start, server: FaultServer) -> None:
    one, two = start(), start()
    server.script("best", ["server_error"])
    wait_for(lambda: [one.do("ask") for _ in range(2)] and "best" not in one.do("route")["eligible"])
    wait_for(lambda: "best" not in two.do("route")["eligible"], 5)
    heard = next(x for x in two.do("processes")["processes"] if not x["own"])
    assert heard["down"]["best"]["phase"] in ("open", "probing", "waiting")
    server.script("best", ["good"])
    wait_for(lambda: one.do("ask")["lane"] == "best", 30)
    wait_for(lambda: "best" in two.do("route")["eligible"], 5)
    server.script("best", ["server_error"])
    wait_for(lambda: [one.do("ask") for _ in range(2)] and "best" not in two.do("route")["eligible"])
    one.kill()
    wait_for(lambda: "best" in two.do("route")["eligible"], 20)


@dataclass
class Releases:
    """A source of releases: two bundles under their numbers, and what the registry says of them to one replica."""

    bundles: dict[str, Bundle]
    server: FaultServer
    url: str
    aliases: dict[str, str]

    def standing(self) -> Standing:
        return Standing("router", dict(self.aliases), "salt", 0.5, "a")

    def open(self, version: str, *, memory: Memory | None) -> Router:
        bundle = self.bundles[version]
        log = None if memory is not None else EventLog(self.url)
        config = faulty_config(self.server, bundle.config)
        return Router(config, bundle=bundle, registry=f"router/{version}", log=log, memory=memory)


def test_replicas_on_different_bundles_are_told_apart_in_every_record(
    postgres: str, server: FaultServer, models: Path, tmp_path: Path
) -> None:
    """During a canary, and while only one of two has heard of the next champion."""
    ids = {str(number): numbered_bundle(models, tmp_path / str(number), number).id for number in (1, 2)}
    bundles = {version: Bundle.load(tmp_path / version) for version in ids}
    before = Releases(bundles, server, postgres, {"champion": "1", "canary": "2"})
    after = replace(before, aliases={"champion": "2"})
    made: dict[str, str] = {}
    names = []
    with Rollout(before, poll_seconds=0) as old, Rollout(after, poll_seconds=0) as new:
        replicas = []
        for rollout in (old, new):
            executor, memory = Executor(rollout), rollout.memory
            shared = Shared(memory.health, memory.budgets, memory.listener, Counts(), rollout.serves, executor.watch)
            replicas.append((rollout, executor, Sharing(shared)))
        for rollout, executor, sharing in replicas:
            sharing.tick()
            names.append(sharing.name)
            for number in range(6):
                request = {"text": "Which planet is the largest?", "metadata": {"session": f"s{number}"}}
                done = executor.complete(request)
                bundle, arm = done.decision.versions.bundle, done.decision.state.arm
                assert bundle == ids["1" if rollout is old and arm == "champion" else "2"]
                made[done.decision.decision_id] = bundle
                rollout.log_outcome(done.decision.decision_id, quality=1.0)
        assert set(made.values()) == set(ids.values())
        replicas[0][2].tick()
        serves = {one.name: one.serves for one in replicas[0][2].processes()}
        assert {arm: one["bundle"] for arm, one in serves[names[0]].items()} == {
            "champion": ids["1"],
            "canary": ids["2"],
        }
        assert serves[names[1]]["champion"] == {"bundle": ids["2"], "version": "router/2"}
        log = old.log
        assert log is not None
        decisions = {one.decision_id: one for one in log.decisions(shadows=False)}
        assert {name: one.versions.bundle for name, one in decisions.items()} == made
        assert all(one.versions.registry and one.state.arm for one in decisions.values())
        executions = list(log.executions())
        assert {one.decision_id: one.bundle for one in executions} == made
        assert {one.decision_id for one in log.outcomes()} == made.keys()
        for _, executor, sharing in replicas:
            executor.close()
            sharing.close()
