"""Ray Data as the engine: partitions are the rows of a dataset, and an actor on each CPU makes their results.

The rows themselves do not go through Ray's object store: each actor reads its partition where it lies.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.engine.files import Partition
from router_ml.offline.engine.processes import attempt, problem_of
from router_ml.offline.engine.run import Job, Worker
from router_ml.offline.engine.urls import shown

STORE_BYTES = 200 * 2**20  # object store of a cluster on this machine; only names and counts go through it
PATIENCE_S = 5.0  # for a cluster to take a connection
ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Actor:
    """A worker of Ray."""

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """Batches of one partition: its count of rows, and kind and text of what went wrong."""
        made = [
            attempt(self._worker, Partition(str(name), int(count), str(stamp)))
            for name, count, stamp in zip(rows["name"], rows["rows"], rows["stamp"], strict=True)
        ]
        return {name: [each[at] for each in made] for at, name in enumerate(("rows", "kind", "problem"))}


def ray_rows(job: Job, todo: list[Partition], *, workers: int, address: str | None) -> Iterator[int]:
    """Rows of each partition, as they are finished.

    Raises:
        MissingExtraError: ray is not installed. RouterError: what went wrong in a worker. OfflineDataError: one ended
            without a word, or no cluster answers.
    """
    with _cluster(workers, address) as ray:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        data = ray.data.from_items([asdict(each) for each in todo], override_num_blocks=len(todo))
        made = data.map_batches(Actor, fn_constructor_args=(job,), batch_size=1, concurrency=workers, num_cpus=1)
        try:
            for row in made.iter_rows():
                if row["problem"]:
                    raise problem_of(row["kind"], row["problem"])
                yield int(row["rows"])
        except ray.exceptions.RayError as error:
            names = ", ".join(each.name for each in todo[:3]) + (" ..." if len(todo) > 3 else "")
            raise OfflineDataError(
                f"A worker of Ray ended at one of {names}: {shown(str(error).strip().splitlines()[-1])} What is "
                "finished was kept. Start again."
            ) from error


@contextmanager
def _cluster(workers: int, address: str | None) -> Iterator[Any]:
    """Ray, connected; a cluster of our own is on the loopback alone, reports to nobody, and is always stopped."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is raised here; the rest is noise
    ray = _imported()
    if ray.is_initialized():
        yield ray
        return
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    where = address or os.environ.get("RAY_ADDRESS")
    with nullcontext() if where else _alone():
        _connect(ray, workers, where)
        try:
            yield ray
        finally:
            ray.shutdown()


def _imported() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        if find_spec("ray") is None:
            raise MissingExtraError("ray", "ray") from None
        raise OfflineDataError(
            f"ray cannot be imported: {error}. Install it with: pip install 'router-ml[ray]'"
        ) from error
    return ray


def _connect(ray: Any, workers: int, where: str | None) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "address": where or "local"}
    if where:
        _answers(where)
    else:
        path = os.pathsep.join(filter(None, (str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH"))))
        settings |= {
            "num_cpus": workers,
            "object_store_memory": STORE_BYTES,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "runtime_env": {"env_vars": {**THREADS, "PYTHONPATH": path}},
        }
    try:
        ray.init(**settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        found = shown(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise OfflineDataError(
            f"No Ray cluster at {shown(where or 'this machine')}: {found} Check the address."
        ) from error


def _answers(where: str) -> None:
    """Ray tries a wrong address for a minute or more."""
    found = urlsplit(where if "://" in where else f"//{where}")
    try:
        if found.hostname and found.port:
            socket.create_connection((found.hostname, found.port), timeout=PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise OfflineDataError(
            f"Nothing answers at {shown(where)} ({error}). Check the address of the cluster."
        ) from error


@contextmanager
def _alone() -> Iterator[None]:
    """Keep a cluster that is started within this on the loopback.

    Ray replaces 127.0.0.1 by the address that others reach, unless it is told that this machine makes no clusters: by a
    variable that its processes read, and that this one has read when ``ray`` was imported.
    """
    from ray._private import ray_constants

    before, read = os.environ.get(ALONE), ray_constants.ENABLE_RAY_CLUSTER
    os.environ[ALONE], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = read
        del os.environ[ALONE]
        if before is not None:
            os.environ[ALONE] = before
