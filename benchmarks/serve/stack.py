"""The whole stack on one machine, without containers: ``python -m benchmarks.serve.stack --mlflow PYTHON``.

PostgreSQL (from a package) with a database for the event log and one for MLflow, an MLflow server, the bundle that
ships as version 1 and champion, and two replicas of the gateway that follow it. It prints the addresses as one line of
JSON, runs until it is interrupted and takes everything down again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sql

from benchmarks.serve.running import Serving, serving
from benchmarks.servers import LACKING, Postgres, installed
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.registry import log_bundle, set_alias

PATIENCE_S = 180.0
MODEL = "router"


@dataclass(frozen=True)
class Addresses:
    """Of what runs: URLs of the registry and of the replicas, and that of the event log for ``--log``."""

    mlflow: str
    replicas: tuple[str, ...]
    log: str


@dataclass(frozen=True)
class Stack:
    """What runs."""

    addresses: Addresses
    replicas: tuple[Serving, ...]


@contextmanager
def stack(
    folder: Path, python: str, *, bundle: Path | None = None, replicas: int = 2, arguments: Sequence[str] = ()
) -> Iterator[Stack]:
    """Everything, until the end of the block.

    Args:
        folder: for the data of all parts. python: of an environment with the full ``mlflow`` and ``psycopg``.
        bundle: the first version; by default the one that ships. arguments: of each replica.
    """
    with ExitStack() as running:
        database = Postgres(folder / "pg")
        running.callback(database.close)
        log, store = (_database(database.url, name) for name in ("router_ml", "mlflow"))
        mlflow = running.enter_context(_mlflow(folder, python, store))
        version = log_bundle(bundle or shipped_bundle(), name=MODEL, tracking_uri=mlflow)
        set_alias(MODEL, "champion", version.version, tracking_uri=mlflow)
        asked = ("--model", f"models:/{MODEL}", "--log", log, *arguments)
        more = {"MLFLOW_TRACKING_URI": mlflow, "XDG_CACHE_HOME": str(folder / "cache")}
        found = tuple(
            running.enter_context(serving(*asked, environ={**more, "ROUTER_ML_SPOOL": str(folder / f"spool-{number}")}))
            for number in range(replicas)
        )
        yield Stack(Addresses(mlflow, tuple(one.url for one in found), log), found)


def _database(url: str, name: str) -> str:
    """A database of a server, made if it is not there."""
    engine = sql.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        known = connection.execute(sql.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if known.scalar() is None:
            connection.execute(sql.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return sql.make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def _mlflow(folder: Path, python: str, store: str) -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts")]
    environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "mlflow.log").open("w") as said:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=subprocess.STDOUT)
        try:
            wait_for(f"{url}/health", server)
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], *, seconds: float = PATIENCE_S) -> None:
    """Until a server answers.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"{url} did not answer.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mlflow", required=True, help="python of an environment with the full mlflow and psycopg")
    parser.add_argument("--folder", type=Path, help="for the data; by default a temporary one")
    parser.add_argument("--replicas", type=int, default=2)
    options = parser.parse_args(arguments)
    if not installed():
        parser.error(LACKING)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        with stack(folder, options.mlflow, replicas=options.replicas) as running:
            sys.stdout.write(json.dumps(asdict(running.addresses)) + "\n")
            sys.stdout.flush()
            over.wait()


if __name__ == "__main__":
    main()
