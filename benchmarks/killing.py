"""Killing processes that log, at random moments: what was acknowledged has to be in the database afterwards, whole.

``python -m benchmarks.killing URL SPOOL SAMPLE ACKS NAME`` is the process that is killed. It logs copies of one
decision and an outcome of each, and writes their ids to a file as they are acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from router_ml.contract import Outcome, RouteDecision
from router_ml.storage.database.entries import Entry, of_decision, of_outcome
from router_ml.storage.database.records import Features
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.proof.verify import verify
from router_ml.storage.spooling.recorder import Recorder

WIDTH, SURFACE = 768, 37
PAUSE_S = 0.002  # a few hundred records a second: what is killed is traffic, and all of it can be checked


@dataclass(frozen=True)
class Survived:
    """``lost``: acknowledged and not in the database; ``torn``: there, and not as it was written; ``verified``: the
    chain of the log holds."""

    rounds: int
    acknowledged: int
    kept: int
    lost: int
    torn: int
    verified: bool


def numbered(decision: RouteDecision, name: str) -> tuple[Entry, Entry]:
    """The decision under another name, with vectors that follow from it, and its outcome."""
    random_of_name = np.random.default_rng(list(name.encode()))
    vectors = (random_of_name.normal(size=size).astype(np.float32) for size in (WIDTH, SURFACE))
    one = decision.model_copy(update={"decision_id": name})
    outcome = Outcome(decision_id=name, quality=1.0, at=decision.created_at + timedelta(hours=1))
    return of_decision(one, features=Features("encoder", *vectors)), of_outcome(outcome)


def log_until_killed(url: str, spool: str, sample: Path, acks: Path, name: str) -> None:
    """Log without end."""
    log, drain = open_log(url, spool=spool or None)
    recorder = Recorder(log, drain)
    decision = RouteDecision.model_validate_json(sample.read_bytes())
    handle = os.open(acks, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    number = 0
    while True:
        own = f"{name}-{number}"
        if recorder.write(numbered(decision, own)) is not None:
            os.write(handle, f"{own}\n".encode())
        number += 1
        time.sleep(PAUSE_S)


def kill_rounds(
    url: str,
    folder: Path,
    decision: RouteDecision,
    *,
    rounds: int,
    spooled: bool = True,
    processes: int = 2,
    seconds: float = 0.5,
    between: Callable[[int], None] = lambda _: None,
) -> Survived:
    """Start processes that log, kill them at a random moment, again and again; then look at what the database holds.

    Args:
        between: called in the middle of every round, with its number.
    """
    sample, acks, spool = folder / "sample.json", folder / "acks", folder / "spool" if spooled else ""
    sample.write_text(decision.to_json(), encoding="utf-8")
    draw = random.Random(0)
    for turn in range(rounds):
        names = [f"r{turn}p{process}" for process in range(processes)]
        arguments = [[url, str(spool), str(sample), str(acks), name] for name in names]
        running = [subprocess.Popen([sys.executable, "-m", "benchmarks.killing", *given]) for given in arguments]
        _wait_for(acks, names, running)
        between(turn)
        for process in running:
            time.sleep(draw.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
        for process in running:
            process.wait()
    return _survived(url, spool, acks, decision, rounds)


def _wait_for(acks: Path, names: list[str], running: list[subprocess.Popen[bytes]]) -> None:
    """Until each process has logged something, so that every round kills traffic and not imports."""
    until = time.monotonic() + 60
    while not all(any(line.startswith(f"{name}-") for line in _lines(acks)) for name in names):
        if time.monotonic() > until or any(process.poll() is not None for process in running):
            raise RuntimeError("A process did not begin to log.")
        time.sleep(0.02)


def _lines(acks: Path) -> list[str]:
    return acks.read_text(encoding="utf-8").split() if acks.is_file() else []


def _survived(url: str, spool: Path | str, acks: Path, decision: RouteDecision, rounds: int) -> Survived:
    log, drain = open_log(url, spool=spool or None)
    if drain is not None and not drain.close(300):
        raise RuntimeError("What waits in the spool could not be delivered.")
    assert log is not None
    told = set(_lines(acks))
    with log:
        there, torn = set[str](), 0
        for found in log.decisions():
            there.add(found.decision_id)
            torn += found != decision.model_copy(update={"decision_id": found.decision_id})
        rated = {outcome.decision_id for outcome in log.outcomes()}
        torn += sum(_vectors_differ(log, decision))
        verified = verify(log).ok
    return Survived(rounds, len(told), len(there), len(told - there) + len(told - rated), int(torn), verified)


def _vectors_differ(log: EventLog, decision: RouteDecision) -> Iterator[bool]:
    for batch in log.batches(size=2000):
        for name, embedding, surface in zip(batch.decision_ids, batch.embeddings, batch.features, strict=True):
            features = numbered(decision, str(name))[0].features
            assert features is not None
            assert features.embedding is not None
            yield not (np.array_equal(features.embedding, embedding) and np.array_equal(features.surface, surface))


if __name__ == "__main__":
    target, queue, example, told_to, named = sys.argv[1:]
    try:
        log_until_killed(target, queue, Path(example), Path(told_to), named)
    except Exception as problem:  # noqa: BLE001 - the parent reads what went wrong
        sys.stderr.write(json.dumps({"process": named, "error": repr(problem)}) + "\n")
        raise SystemExit(1) from None
