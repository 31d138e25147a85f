"""What logging costs: ``python -m benchmarks.eventlog [--rows N] [--decisions N] [--kill-rounds N] [--json]``.

Rows are full-size: a decision of the shipped bundle with its embedding, in the chain, committed. *Direct* writes to the
database, *spooled* through a spool; its rate until the database has all of it. Added to a decision is the time of the
call that records it, beside decisions that are made as usual, while what was spooled is carried to the database. A
machine that others use takes the processor away in the middle: how often shows the same processor time spent on
nothing. ``--kill-rounds`` kills processes that log instead.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.killing import kill_rounds, numbered
from benchmarks.servers import LACKING, Postgres, installed
from benchmarks.serving import Measurement, corpus_texts, near, show
from router_ml import Router
from router_ml.contract import RouteDecision, RouteRequest
from router_ml.deciding.recording import Made, record
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.proof.verify import verify
from router_ml.storage.spooling.frames import frame, pack
from router_ml.storage.spooling.recorder import Recorder

TOGETHER = 64
MOST_ADDED_MS = 1.0


def measure_rates(name: str, url: str, folder: Path, entries: Sequence[Entry]) -> list[Measurement]:
    """Rows per second into one database, one by one, many at a time, and through a spool; and bytes per row."""
    rows, found = len(entries) // 3, []
    parts = [entries[start * rows : (start + 1) * rows] for start in range(3)]
    with EventLog(url) as log:
        empty = size_of(log)
        started = time.perf_counter()
        for entry in parts[0]:
            log.write([entry])
        found.append(Measurement(f"{name}, direct, one by one", rows / (time.perf_counter() - started), "rows/s"))
        started = time.perf_counter()
        for start in range(0, rows, TOGETHER):
            log.write(parts[1][start : start + TOGETHER])
        seconds = time.perf_counter() - started
        found.append(Measurement(f"{name}, direct, {TOGETHER} at a time", rows / seconds, "rows/s"))
    opened, drain = open_log(url, spool=folder / "spool")
    if opened is None or drain is None:
        raise RuntimeError(f"{name} cannot be opened.")
    started = time.perf_counter()
    for entry in parts[2]:
        drain.spool.append([entry])
        drain.wake()
    appended = time.perf_counter() - started
    if not drain.close(600):
        raise RuntimeError("What waits in the spool was not delivered.")
    found += [
        Measurement(f"{name}, spooled, acknowledged", rows / appended, "rows/s"),
        Measurement(f"{name}, spooled, in the database", rows / (time.perf_counter() - started), "rows/s"),
        Measurement(f"{name}, bytes per row", (size_of(opened) - empty) / (3 * rows), "bytes"),
    ]
    opened.close()
    return found


def measure_reading(name: str, url: str) -> list[Measurement]:
    """Decisions per second as arrays, and checked against the chain."""
    with EventLog(url) as log:
        started = time.perf_counter()
        rows = sum(map(len, log.batches(size=10_000)))
        read, started = time.perf_counter() - started, time.perf_counter()
        checked = verify(log)
        seconds = time.perf_counter() - started
    if not checked.ok:
        raise RuntimeError(f"The chain of {name} is broken.")
    return [
        Measurement(f"{name}, read as arrays", rows / read, "rows/s"),
        Measurement(f"{name}, verified", checked.entries / seconds, "rows/s"),
    ]


def size_of(log: EventLog) -> int:
    """Bytes of a database, with what waits in its journal."""
    with log.session.read() as connection:
        if connection.dialect.name == "postgresql":
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(str(log.session.engine.url.database)).stat().st_size


def measure_added(name: str, recorder: Recorder, router: Router, requests: Sequence[RouteRequest]) -> list[Measurement]:
    """Milliseconds that recording adds to a decision, p50 and p99."""
    wall, processor, nothing = [], [], []
    for request in requests:
        seen = router.understand([request])
        made = Made(request, seen[0], router.decide(request, seen[0]))
        before, before_cpu = time.perf_counter(), time.thread_time()
        record(recorder, [made], encoder="encoder", config=router.config)
        wall.append(1000 * (time.perf_counter() - before))
        processor.append(1000 * (time.thread_time() - before_cpu))
        nothing.append(_spin(processor[-1]))
    recorder.flush(60)
    target = MOST_ADDED_MS if "spool" in name else None
    return [
        Measurement(f"added to a decision, {name}, p50", float(np.percentile(wall, 50)), "ms"),
        Measurement(f"added to a decision, {name}, p99", float(np.percentile(wall, 99)), "ms", target),
        Measurement("- its processor time, p99", float(np.percentile(processor, 99)), "ms", target),
        Measurement("- as much processor time spent on nothing, p99", float(np.percentile(nothing, 99)), "ms"),
    ]


def _spin(milliseconds: float) -> float:
    """Milliseconds on the clock that so many of the processor take here."""
    before, until = time.perf_counter(), time.thread_time() + milliseconds / 1000
    while time.thread_time() < until:
        pass
    return 1000 * (time.perf_counter() - before)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs by name: SQLite, and PostgreSQL where it is installed."""
    with ExitStack() as stack:
        urls = {"SQLite": str(folder / "log.sqlite")}
        if installed():
            server = Postgres(folder / "pg")
            stack.callback(server.close)
            urls["PostgreSQL"] = server.url
        else:
            sys.stderr.write(f"{LACKING}\n")
        yield urls


def sample(router: Router) -> RouteDecision:
    """A decision like most."""
    return router.predict_route(near(corpus_texts(), lambda text: len(text.split()), 45, size=1)[0])


def measure(*, rows: int, decisions: int) -> list[Measurement]:
    """Everything: ``rows`` per way of writing, ``decisions`` per way of recording."""
    router, found = Router.load(), []
    decision = sample(router)
    entries = [numbered(decision, f"row-{number}")[0] for number in range(3 * rows)]
    frames = np.mean([len(frame(pack(entry))) for entry in entries[:100]])
    found.append(Measurement("spool, bytes per row", float(frames), "bytes"))
    requests = [RouteRequest(text=text) for text in islice(cycle(corpus_texts()[:500]), decisions)]
    with TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            found += measure_rates(database, url, Path(name), entries)
            found += measure_reading(database, url)
            for spool in (None, Path(name) / "spool"):
                log, drain = open_log(url, spool=spool)
                way = f"{database}, {'spool' if spool else 'direct'}"
                found += measure_added(way, recorder := Recorder(log, drain), router, requests)
                recorder.close()
    return found


def kill(rounds: int) -> list[Measurement]:
    """Kill processes that log, on each database."""
    found = []
    decision = sample(Router.load())
    with TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            folder = Path(name) / database
            folder.mkdir()
            seen = kill_rounds(url, folder, decision, rounds=rounds)
            numbers = {"acknowledged": seen.acknowledged, "lost": seen.lost, "torn": seen.torn}
            numbers["chains broken"] = int(not seen.verified)
            for what, number in numbers.items():
                most = None if what == "acknowledged" else 0
                found.append(Measurement(f"{database}, {rounds} rounds of kill -9, {what}", number, "", most))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=3000, help="per way of writing")
    parser.add_argument("--decisions", type=int, default=1000, help="per way of recording")
    parser.add_argument("--kill-rounds", type=int, default=0, help="kill processes that log so often, and do no more")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    rounds = options.kill_rounds
    found = kill(rounds) if rounds else measure(rows=options.rows, decisions=options.decisions)
    if options.json:
        sys.stdout.write(json.dumps([{**asdict(item), "ok": item.ok} for item in found], indent=1) + "\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
