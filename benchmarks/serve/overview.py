"""How long the live page takes on a long log.

    python -m benchmarks.serve.overview --decisions 200000 --days 7

Fills an SQLite log in a temporary folder (``--log``: one that is there already) and asks for the page as a browser
does: the first time, when nothing has been counted, and again as an open page does every five seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.serve.filling import fill
from router_ml import Executor, Router
from router_ml.serve.app import create_app
from router_ml.serve.console.traffic.traffic import WINDOWS
from router_ml.serve.console.traffic.watching import FRESH_S
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog

AGAIN = 8


def main() -> None:
    """Print a line of JSON for each window."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--decisions", type=int, default=200_000)
    asked.add_argument("--days", type=float, default=7.0)
    asked.add_argument("--log", type=Path)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.log or Path(folder) / "log.db"
        with Router.load(log=path) as router, Executor(router) as executor:
            if args.log is None:
                assert router.log is not None
                fill(router.log, router, decisions=args.decisions, until=datetime.now(UTC), days=args.days)
            measure(Gateway(Settings(), executor), router.log)


def measure(gateway: Gateway, log: EventLog | None) -> None:
    """Each window for all organisations and for one."""
    assert log is not None
    app = create_app(gateway=gateway)
    with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as client:
        client.get("/console/live?window=15m&org=nobody")  # templates and code, once
        for window in WINDOWS:
            for org in ("", "acme"):
                times = [_once(client, window.name, org) for _ in range(AGAIN)]
                (first, first_cpu), again = times[0], times[1:]
                row = {"window": window.name, "org": org or "all", "first_ms": first, "first_cpu_ms": first_cpu}
                row |= {"again_ms": statistics.median(wall for wall, _ in again), "worst_ms": max(again)[0]}
                row |= {"worst_cpu_ms": max(cpu for _, cpu in again)}
                said = {key: round(value) if isinstance(value, float) else value for key, value in row.items()}
                print(json.dumps(said), flush=True)  # noqa: T201


def _once(client: TestClient, window: str, org: str) -> tuple[float, float]:
    """Milliseconds of the page, once what was counted is no longer fresh: by the clock, and of a processor."""
    time.sleep(FRESH_S)
    began, used = time.perf_counter(), time.process_time()
    answer = client.get("/console/live", params={"window": window, "org": org})
    took = (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000
    assert answer.status_code == 200, answer.text
    return took


if __name__ == "__main__":
    main()
