"""``router-ml serve`` as an operator meets it: workers that die or are replaced, signals, rules that change;
under load, and without a request that fails."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.serve.kill import Postgres, kill_rounds
from benchmarks.serve.load import Ask, Load
from benchmarks.serve.running import Serving, on_faults, serving
from benchmarks.serve.soak import chat
from benchmarks.servers import LACKING, installed
from router_ml.faults import Fault, FaultServer
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

pytestmark = pytest.mark.slow

ROUTE = Ask("route", "/v1/route", lambda text: {"text": text})
TEXTS = ("What is the capital of France?", "Refund order 8812 and tell the customer.")
STREAM = Ask("streamed", "/v1/chat/completions", lambda _: chat(TEXTS[0], stream=True))
RATE = 8.0
DRAIN_S = 6.0
PATIENCE_S = 240.0
"""A machine that does much else takes minutes over what takes seconds, and that is no failure."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def place(bundle: Bundle, upstream: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``router.yaml``, whose lanes are on a fault server."""
    folder = tmp_path_factory.mktemp("gateway")
    on_faults(upstream, bundle.config, folder)
    return folder


@pytest.fixture(scope="module")
def gateway(place: Path) -> Iterator[Serving]:
    """Two workers, a log and a spool."""
    arguments = ("--workers", "2", "--config", str(place / "router.yaml"), "--log", str(place / "log.sqlite"))
    arguments = (*arguments, "--drain", str(DRAIN_S))
    more = {"ROUTER_ML_SPOOL": str(place / "spool"), "ROUTER_ML_SERVE_POLL_SECONDS": "0.3"}
    more["ROUTER_ML_SERVE_MAX_WAIT_SECONDS"] = str(PATIENCE_S)  # else it refuses where there is no processor
    with serving(*arguments, environ=more) as running:
        yield running


def until(true: Callable[[], Any], *, seconds: float = PATIENCE_S) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
    return found


def both_said(gateway: Serving, what: str, *, after: int) -> list[dict[str, Any]]:
    """The lines in which both workers say something, behind the first ones."""

    def found() -> list[dict[str, Any]]:
        lines = [one for one in gateway.lines[after:] if isinstance(one, dict) and one["message"].startswith(what)]
        return lines if {one.get("worker") for one in lines} >= {"0", "1"} else []

    said: list[dict[str, Any]] = until(found)
    return said


def test_rules_that_change_are_in_force_in_every_worker(gateway: Serving, place: Path) -> None:
    file = place / "router.yaml"
    good, before = file.read_text(), gateway.get("/v1/status")[1]["rules"]["policy_sha256"]
    said, begun = yaml.safe_load(good), len(gateway.lines)
    rule = {
        "id": "no-premium",
        "version": "1",
        "owner": "tests",
        "rationale": "So that a decision shows it.",
        "when": {"channel": ["web"]},
        "then": {"lanes": {"deny": ["premium"]}},
    }
    file.write_text(yaml.safe_dump({**said, "policies": [*said["policies"], rule]}, sort_keys=False))
    changed = both_said(gateway, "The changed rules are in force", after=begun)
    assert len({one["policy_sha256"] for one in changed} - {before}) == 1
    status, decision = gateway.get("/v1/route", {"text": TEXTS[0], "channel": "web"})
    assert status == 200
    assert any("no-premium" in reason for reason in decision["excluded"]["premium"])
    file.write_text(good.replace("policies:", "policies: 7 #", 1))
    refused = both_said(gateway, "The changed rules are not in force", after=begun)
    assert all("router.yaml:" in one["message"] for one in refused)
    assert gateway.get("/readyz") == (200, {"ready": True, "reasons": [], "degraded": ["rules"]})
    begun = len(gateway.lines)
    file.write_text(good)
    changed = both_said(gateway, "The changed rules are in force", after=begun)
    assert {one["policy_sha256"] for one in changed} == {before}


def test_one_scrape_has_both_workers(gateway: Serving) -> None:
    def scraped() -> bool:
        status, said = gateway.get("/metrics")
        assert status == 200
        return all(f'process_resident_memory_bytes{{worker="{slot}"}}' in said for slot in "01")

    until(scraped)


def test_a_hang_up_replaces_all_workers_and_no_request_fails(gateway: Serving) -> None:
    before = set(gateway.workers())
    with Load(gateway.url, [ROUTE], RATE, TEXTS, timeout_s=PATIENCE_S) as load:
        time.sleep(1)
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: len(after := set(gateway.workers())) == 2 and not after & before)
        time.sleep(1)
    assert [one for one in load.answered if not one.ok] == []
    assert len(load.answered) == load.sent > 2 * RATE


def test_a_worker_that_is_killed_is_replaced_under_its_number(gateway: Serving) -> None:
    before, begun = set(gateway.workers()), len(gateway.lines)
    killed = sorted(before)[0]
    with Load(gateway.url, [ROUTE], RATE, TEXTS, timeout_s=PATIENCE_S) as load:
        time.sleep(1)
        at = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(set(gateway.workers()) - {killed}) == 2)
        replaced = time.monotonic()
    failed = [one for one in load.answered if not one.ok]
    under_way = [one for one in load.answered if one.began <= at <= one.began + one.seconds]
    assert len(failed) <= max(2, len(under_way)), "only what that worker was answering"
    assert all(one.began < replaced for one in failed)
    until(lambda: {one.get("worker") for one in gateway.lines[begun:] if "Serving" in one["message"]} & {"0", "1"})


def test_a_signal_to_end_is_obeyed_without_losing_a_request_or_a_record(
    gateway: Serving, place: Path, upstream: FaultServer
) -> None:
    """As a load balancer sees it: requests are sent for a while after ``/readyz`` says no more; streams that take
    longer than the gateway serves end as they would have. The signal goes to each process, as systemd sends it."""
    upstream.script("*", [Fault("slow_stream", delay_ms=1800)])
    with Load(gateway.url, [ROUTE, ROUTE, ROUTE, STREAM], RATE, TEXTS, timeout_s=PATIENCE_S) as load:
        time.sleep(2)
        for pid in (gateway.process.pid, *gateway.workers()):
            os.kill(pid, signal.SIGTERM)
        left = time.monotonic()
        until(lambda: gateway.get("/readyz")[0] == 503)
        time.sleep(max(0.0, left + DRAIN_S / 2 - time.monotonic()))
        assert gateway.get("/healthz")[0] == 200, "it does not serve on"
    assert gateway.process.wait(PATIENCE_S) == 0
    streamed = [one for one in load.answered if one.name == STREAM.name]
    assert any(one.began + one.seconds > left + DRAIN_S + 1.0 for one in streamed), "none was under way in the end"
    assert [one for one in load.answered if not one.ok] == []
    assert len(load.answered) == load.sent > RATE
    with EventLog(place / "log.sqlite") as log:
        there = {decision.decision_id for decision in log.decisions()}
    assert {one.decision_id for one in load.answered} <= there
    lines = [line for line in gateway.lines if isinstance(line, dict) and line["logger"] == "router_ml.access"]
    assert all({"method", "route", "status", "ms", "worker"} <= line.keys() for line in lines)
    assert all(isinstance(line, dict) for line in gateway.lines), "everything that is said is a line of JSON"
    assert not any(text in str(gateway.lines) for text in TEXTS)


def test_workers_end_with_the_process_that_started_them(place: Path) -> None:
    """Else an old version would go on to answer, and nobody would know."""
    with serving("--workers", "2", "--config", str(place / "router.yaml")) as running:
        workers = running.workers()
        os.kill(running.process.pid, signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_start_says_why_and_ends(place: Path, workers: str) -> None:
    wrong = place / "wrong.yaml"
    wrong.write_text("lanes: 7\n")
    running = Serving.__new__(Serving)
    with pytest.raises(RuntimeError, match="traffic_classes"):
        running.__init__("--workers", workers, "--config", str(wrong))  # type: ignore[misc]
    assert running.process.wait(PATIENCE_S) == 2


def test_a_port_that_is_taken_is_said(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = Serving.__new__(Serving)
        with pytest.raises(RuntimeError, match="Cannot listen"):
            running.__init__("--port", str(taken.getsockname()[1]))  # type: ignore[misc]
        assert running.process.wait(PATIENCE_S) == 2


def test_beyond_this_machine_only_with_a_key(place: Path) -> None:
    running = Serving.__new__(Serving)
    with pytest.raises(RuntimeError, match="no key is in force"):
        running.__init__("--host", "0.0.0.0", "--log", str(place / "none.sqlite"))  # type: ignore[misc]
    assert running.process.wait(PATIENCE_S) == 2


def test_kill_9_of_a_worker_and_of_the_database_loses_nothing(tmp_path: Path) -> None:
    if not installed():
        pytest.skip(LACKING)
    database = Postgres(tmp_path / "pg")
    try:
        found = kill_rounds(tmp_path, database, rounds=1, rate=RATE, workers=2, seconds=5)
    finally:
        database.close()
    assert found.acknowledged > 40
    assert (found.lost, found.verified) == (0, True)
    assert max(one.recovery_s for one in found.kills) <= PATIENCE_S / 4
