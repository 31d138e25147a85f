"""Running one function over all partitions, by pyarrow in this process or several, or by Ray Data on many machines.

A worker takes a whole partition, reads it in batches, and writes its result; so its memory is that of a batch, no data
travel between workers, and both engines compute the same numbers bit for bit. What is finished is kept: a run that was
interrupted is started again as it was, and goes on. Every worker has to reach the folders.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from router_ml.errors import OfflineDataError, RouterError
from router_ml.offline.engine.files import Folder, Partition

Engine = Literal["pyarrow", "ray"]
ROWS = 16_384  # of a batch


class Stage(Protocol):
    """What is made of the batches of one partition, in order. It is opened once per worker."""

    def batch(self, batch: Any) -> Any | None:
        """The result of a batch, None where it is only added up."""
        ...

    def finish(self) -> Any | None:
        """What was added up of a partition; the next one starts from nothing."""
        ...


class Task(Protocol):
    """A function over partitions, as a value that can be sent to a worker."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def said(self) -> Mapping[str, Any]:
        """What its results depend on besides the rows."""
        ...

    def columns(self, schema: Any) -> list[str] | None:
        """The columns that it reads, None for all; ``OfflineDataError`` where they are missing or of another kind."""
        ...

    def open(self, schema: Any) -> Stage:
        """Open what it needs."""
        ...


@dataclass(frozen=True)
class Report:
    """A run: ``partitions`` in all, ``kept`` of them from an earlier run, ``rows`` of those that were read now, and the
    ``seconds`` that it took with ``workers`` workers of ``engine``."""

    task: str
    engine: Engine
    workers: int
    partitions: int
    kept: int
    rows: int
    seconds: float
    out: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """All that a worker has to know."""

    task: Task
    source: str
    out: str
    rows: int
    columns: list[str] | None
    schema: Any


class Worker:
    """Makes results of partitions; the task is opened with the first."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source, self.out = Folder(job.source), Folder(job.out)
        self._stage: Stage | None = None

    def __call__(self, partition: Partition) -> int:
        """Write the result of a partition; how many rows were read.

        Raises:
            RouterError: what went wrong, with the name of the partition.
        """
        if self._stage is None:
            self._stage = self.job.task.open(self.job.schema)
        seen = 0

        def results(stage: Stage) -> Iterator[Any]:
            nonlocal seen
            for batch in self.source.batches(partition.name, rows=self.job.rows, columns=self.job.columns):
                made = stage.batch(batch)
                seen += batch.num_rows
                if made is not None:
                    yield made
            last = stage.finish()
            if last is not None:
                yield last

        try:
            self.out.write(partition.name, results(self._stage), noted(self.job.task, partition))
        except OfflineDataError as error:
            self._stage = None  # it may hold half a partition
            raise OfflineDataError(f"{partition.name}, rows from {seen} on: {error}") from error
        return seen


def run(
    task: Task,
    source: str,
    out: str,
    *,
    engine: Engine = "pyarrow",
    workers: int = 1,
    address: str | None = None,
    rows: int = ROWS,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Make the results of all partitions of ``source`` that ``out`` does not hold yet.

    Args:
        workers: processes, or Ray's workers of one CPU each.
        address: of a Ray cluster; by default ``$RAY_ADDRESS``, else one is started on this machine and stopped again.
        rows: of a batch, at most.
        progress: is told how many rows were read, after each partition.

    Raises:
        OfflineDataError: the columns are not those that the task needs, ``out`` is ``source``, or it holds results of
            something else.
        MissingExtraError: pyarrow, or ray, is not installed.
    """
    if rows < 1 or workers < 1:
        raise OfflineDataError(f"Found {rows} rows of a batch and {workers} workers, expected 1 or more of both.")
    start = time.monotonic()
    here, there = Folder(source), Folder(out)
    if (here.root, type(here.files)) == (there.root, type(there.files)):
        raise OfflineDataError(f"{source} is read and written at once. Give another folder for the results.")
    partitions, schema = here.partitions()
    columns = task.columns(schema)
    todo = [each for each in partitions if not finished(there, task, each)]
    job = Job(task, source, out, rows, columns, schema)
    made = 0
    for count in _engine(engine, job, todo, workers, address):
        made += count
        if progress is not None:
            progress(count)
    kept = len(partitions) - len(todo)
    return Report(task.name, engine, workers, len(partitions), kept, made, time.monotonic() - start, out)


def finished(folder: Folder, task: Task, partition: Partition) -> bool:
    """Whether the result of a partition is there, made from the file as it is now.

    Raises:
        OfflineDataError: it is that of another task.
    """
    notes = folder.notes(partition.name)
    if notes is None:
        return False
    wanted = noted(task, partition)
    if notes.get("task") != wanted["task"]:
        before, now = notes.get("said", {}), wanted["said"]
        apart = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        told = "; ".join(f"{name} was {before.get(name)}, is {now.get(name)}" for name in apart)
        raise OfflineDataError(
            f"{folder.url} holds results of another run ({told}). Give another folder, or remove these results."
        )
    return bool(notes == wanted)


def noted(task: Task, partition: Partition) -> dict[str, Any]:
    """What the footer of a result says."""
    said = {"task": task.name, **task.said()}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return {"task": digest, "said": said, "source": partition.stamp}


def _engine(engine: Engine, job: Job, todo: list[Partition], workers: int, address: str | None) -> Iterator[int]:
    if not todo:
        return iter(())
    if engine == "ray":
        from router_ml.offline.engine.ray import ray_rows

        return ray_rows(job, todo, workers=workers, address=address)
    if address is not None:
        raise OfflineDataError("An address is that of a Ray cluster. Give --engine ray, or no address.")
    return map(Worker(job), todo) if workers == 1 else _processes(job, todo, workers)


_own: list[Worker] = []  # of this process, where it is one of several


def _processes(job: Job, todo: list[Partition], workers: int) -> Iterator[int]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    spawn = multiprocessing.get_context("spawn")  # threads of the parent do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_open, initargs=(job,)) as pool:
        waiting = [pool.submit(_make, partition) for partition in todo]
        try:
            for each in as_completed(waiting):
                count, problem = each.result()
                if problem is not None:
                    raise OfflineDataError(problem)
                yield count
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _open(job: Job) -> None:
    _own[:] = [Worker(job)]


def _make(partition: Partition) -> tuple[int, str | None]:
    return attempt(_own[0], partition)


def attempt(worker: Worker, partition: Partition) -> tuple[int, str | None]:
    """How many rows were read, and what went wrong: errors of ours do not survive the way between processes."""
    try:
        return worker(partition), None
    except RouterError as error:
        return 0, str(error)
