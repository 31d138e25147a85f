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
from router_ml.offline.engine.schemas import arrow_errors
from router_ml.offline.engine.urls import shown

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
        except BaseException as error:
            self._stage = None  # it may hold half a partition
            if isinstance(error, OfflineDataError):
                raise OfflineDataError(f"{partition.name}, rows from {seen} on: {error}") from error
            if isinstance(error, (OSError, MemoryError, *arrow_errors())) and not isinstance(error, RouterError):
                said = shown(f"{type(error).__name__} {error}".strip())
                raise OfflineDataError(
                    f"{partition.name}, rows from {seen} on: it cannot be read or written ({said}). What is finished "
                    "was kept. Mend the file, or make room, and start again."
                ) from error
            raise
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
        OfflineDataError: the columns are not those that the task needs, one of the two folders is inside the other, or
            ``out`` holds results of something else.
        RouterError: what went wrong in a worker.
        MissingExtraError: pyarrow, or ray, is not installed.
    """
    if rows < 1 or workers < 1:
        raise OfflineDataError(f"Found {rows} rows of a batch and {workers} workers, expected 1 or more of both.")
    start = time.monotonic()
    here, there = Folder(source), Folder(out)
    if here.overlaps(there):
        raise OfflineDataError(
            f"{here.shown} and {there.shown} would be read and written at once. Give a folder for the results that is "
            "neither inside the other nor around it."
        )
    partitions, schema = here.partitions()
    columns = task.columns(schema)
    _no_others(there, {each.name for each in partitions}, here)
    todo = [each for each in partitions if not finished(there, task, each)]
    there.clean()
    job = Job(task, source, out, rows, columns, schema)
    made = 0
    for count in _engine(engine, job, todo, workers, address):
        made += count
        if progress is not None:
            progress(count)
    kept = len(partitions) - len(todo)
    return Report(task.name, engine, workers, len(partitions), kept, made, time.monotonic() - start, there.shown)


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
            f"{folder.shown} holds results of another run ({told}). Give another folder, or remove these results."
        )
    return bool(notes == wanted)


def _no_others(folder: Folder, names: set[str], source: Folder) -> None:
    """Refuse results of partitions that are none of the source's: whoever reads the folder would count them."""
    others = [name for name in folder.names() if name not in names]
    if others:
        some = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
        raise OfflineDataError(
            f"{folder.shown} holds {len(others)} files that are of no partition of {source.shown} ({some}). Remove "
            "them, or give another folder."
        )


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
    if workers == 1:
        return map(Worker(job), todo)
    from router_ml.offline.engine.processes import in_processes

    return in_processes(job, todo, workers)
