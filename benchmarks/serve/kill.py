"""Kill -9 under load: ``python -m benchmarks.serve.kill [--rounds N] [--rate N] [--workers N] [--seconds N] [--json]``.

A gateway on PostgreSQL, with a spool, is asked at a steady rate. In each round one of its workers is killed, then the
database, which stays away for two seconds. *Lost* are decisions that a client was given and the log does not hold
afterwards; *recovery* is the time from a kill until no request fails or takes longer than a second any more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.serve.load import Answered, Ask, Load
from benchmarks.serve.running import Serving, on_faults, serving
from benchmarks.servers import LACKING, Postgres, installed
from benchmarks.serving import Measurement, show
from router_ml.faults import FaultServer
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.opening import open_log
from router_ml.storage.proof.verify import verify

SLOW_S = 1.0
AWAY_S = 2.0
MOST_RECOVERY_S = 5.0
TEXTS = (
    "Which planet has the strongest winds?",
    "Refund order 8812 and tell the customer.",
    "Translate 'good morning'.",
)
ROUTE = Ask("route", "/v1/route", lambda text: {"text": text})


@dataclass(frozen=True)
class Killed:
    """What one kill did: requests that ``failed`` after it, and seconds until none did."""

    what: str
    failed: int
    recovery_s: float


@dataclass(frozen=True)
class Outlived:
    """``acknowledged`` decisions, those of them that are ``lost``, whether the chain of the log holds, each kill."""

    asked: int
    acknowledged: int
    lost: int
    verified: bool
    kills: tuple[Killed, ...]


@contextmanager
def gateway(folder: Path, url: str, *, workers: int, config: Path) -> Iterator[Serving]:
    """A gateway with a spool."""
    spool = {"ROUTER_ML_SPOOL": str(folder / "spool")}
    arguments = ("--workers", str(workers), "--config", str(config), "--log", url)
    with serving(*arguments, environ=spool) as running:
        yield running


def recovery(answered: Sequence[Answered], killed_at: float, until: float) -> tuple[int, float]:
    """How many requests failed between two moments, and seconds from the first until the last that failed or was slow
    was over."""
    bad = [
        one for one in answered if killed_at <= one.began + one.seconds < until and (not one.ok or one.seconds > SLOW_S)
    ]
    failed = sum(not one.ok for one in bad)
    return failed, max((one.began + one.seconds - killed_at for one in bad), default=0.0)


def kill_rounds(
    folder: Path, database: Postgres, *, rounds: int, rate: float, workers: int, seconds: float
) -> Outlived:
    """Kill a worker and the database in turns, ``seconds`` apart; then look at what the log holds."""
    draw, kills = random.Random(0), list[tuple[str, float, float]]()
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer())
        config = on_faults(server, Bundle.load(shipped_bundle()).config, folder)
        running = stack.enter_context(gateway(folder, database.url, workers=workers, config=config))
        load = stack.enter_context(Load(running.url, [ROUTE], rate, TEXTS))
        time.sleep(seconds)
        for _ in range(rounds):
            at = time.monotonic()
            os.kill(draw.choice(running.workers()), signal.SIGKILL)
            time.sleep(seconds + draw.uniform(0, 1))
            kills.append(("worker", at, time.monotonic()))
            at = time.monotonic()
            database.kill()
            time.sleep(AWAY_S)
            database.start()
            time.sleep(seconds + draw.uniform(0, 1))
            kills.append(("database", at, time.monotonic()))
        load.stop()
        answered = list(load.answered)
    found = tuple(Killed(what, *recovery(answered, at, until)) for what, at, until in kills)
    told = {one.decision_id for one in answered if one.ok and one.decision_id}
    lost, verified = _lost(folder, database.url, told)
    return Outlived(len(answered), len(told), lost, verified, found)


def _lost(folder: Path, url: str, told: set[str]) -> tuple[int, bool]:
    log, drain = open_log(url, spool=folder / "spool")
    if log is None or drain is None or not drain.close(120):
        raise RuntimeError("What waits in the spool could not be delivered.")
    with log:
        there = {decision.decision_id for decision in log.decisions()}
        return len(told - there), verify(log).ok


def measurements(found: Outlived) -> list[Measurement]:
    """As a table."""
    rows = [
        Measurement("requests", found.asked, ""),
        Measurement("acknowledged decisions", found.acknowledged, ""),
        Measurement("- lost", found.lost, "", 0),
        Measurement("chains broken", int(not found.verified), "", 0),
    ]
    for what in ("worker", "database"):
        kills = [one for one in found.kills if one.what == what]
        rows += [
            Measurement(f"kill -9 of the {what}, times", len(kills), ""),
            Measurement("- requests that failed, all together", sum(one.failed for one in kills), ""),
            Measurement("- recovery, worst", max(one.recovery_s for one in kills), "s", MOST_RECOVERY_S),
        ]
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a record was lost, a chain is broken or recovery took too long."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=float, default=30.0, help="requests per second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="between two kills")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    if not installed():
        parser.error(LACKING)
    with TemporaryDirectory() as name:
        database = Postgres(Path(name) / "pg")
        try:
            found = kill_rounds(
                Path(name),
                database,
                rounds=options.rounds,
                rate=options.rate,
                workers=options.workers,
                seconds=options.seconds,
            )
        finally:
            database.close()
    if options.json:
        sys.stdout.write(json.dumps({**asdict(found)}, indent=1) + "\n")
    else:
        show(measurements(found))
    slowest = max(one.recovery_s for one in found.kills)
    return int(found.lost > 0 or not found.verified or slowest > MOST_RECOVERY_S)


if __name__ == "__main__":
    sys.exit(main())
