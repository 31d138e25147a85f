"""Ray Data as the engine: partitions are the rows of a dataset, and an actor on each CPU makes their results.

The rows themselves do not go through Ray's object store: each actor reads its partition where it lies.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.engine.files import Partition
from router_ml.offline.engine.run import Job, Worker, attempt

STORE_BYTES = 200 * 2**20  # object store of a cluster on this machine; only names and counts go through it
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Actor:
    """A worker of Ray."""

    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """Batches of one partition: its count of rows, and what went wrong."""
        made = [
            attempt(self._worker, Partition(str(name), int(count), str(stamp)))
            for name, count, stamp in zip(rows["name"], rows["rows"], rows["stamp"], strict=True)
        ]
        return {"rows": [count for count, _ in made], "problem": [problem or "" for _, problem in made]}


def ray_rows(job: Job, todo: list[Partition], *, workers: int, address: str | None) -> Iterator[int]:
    """Rows of each partition, as they are finished.

    Raises:
        MissingExtraError: ray is not installed. OfflineDataError: what went wrong in a worker, or no cluster answers.
    """
    with _cluster(workers, address) as ray:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        data = ray.data.from_items([asdict(each) for each in todo], override_num_blocks=len(todo))
        made = data.map_batches(Actor, fn_constructor_args=(job,), batch_size=1, concurrency=workers, num_cpus=1)
        for row in made.iter_rows():
            if row["problem"]:
                raise OfflineDataError(row["problem"])
            yield int(row["rows"])


@contextmanager
def _cluster(workers: int, address: str | None) -> Iterator[Any]:
    """Ray, connected; a cluster of our own is on the loopback alone, reports to nobody, and is always stopped."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is raised here; the rest is noise
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("ray", "ray") from None
    if ray.is_initialized():
        yield ray
        return
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    where = address or os.environ.get("RAY_ADDRESS")
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if where:
        settings |= {"address": where}
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
        found = str(error).splitlines()[0]
        raise OfflineDataError(f"No Ray cluster at {where or 'this machine'}: {found} Check the address.") from None
    try:
        yield ray
    finally:
        ray.shutdown()
