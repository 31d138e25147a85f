"""Partitions in several processes of this machine, and how what goes wrong in a worker comes back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

from router_ml.errors import (
    BundleError,
    BundleFormatError,
    BundleIntegrityError,
    EncoderMismatchError,
    InvalidRequestError,
    OfflineDataError,
    RegistryError,
    RouterError,
)
from router_ml.offline.engine.files import Partition
from router_ml.offline.engine.run import Job, Worker

PLAIN = (
    EncoderMismatchError,
    InvalidRequestError,
    BundleError,
    BundleFormatError,
    BundleIntegrityError,
    RegistryError,
    OfflineDataError,
)
"""Errors that are made from a text alone, and so again here."""
KINDS = {kind.__name__: kind for kind in PLAIN}

_own: list[Worker] = []  # of this process, where it is one of several


def in_processes(job: Job, todo: list[Partition], workers: int) -> Iterator[int]:
    """Rows of each partition, as they are finished.

    Raises:
        RouterError: what went wrong in a worker. OfflineDataError: one ended without a word.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    spawn = multiprocessing.get_context("spawn")  # threads of the parent do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_open, initargs=(job,)) as pool:
        waiting = {pool.submit(_make, partition): partition.name for partition in todo}
        open_ = dict.fromkeys(waiting.values())
        try:
            for each in as_completed(waiting):
                count, kind, problem = each.result()
                if problem:
                    raise problem_of(kind, problem)
                del open_[waiting[each]]
                yield count
        except BrokenProcessPool:
            some = ", ".join(list(open_)[: workers + 1])  # they are taken in order, one is made ready for the next
            raise OfflineDataError(
                f"A worker ended without a word at one of {some}: it was killed, or had no memory left. What is "
                "finished was kept. Start again, with fewer --workers or --rows."
            ) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def attempt(worker: Worker, partition: Partition) -> tuple[int, str, str]:
    """How many rows were read, and kind and text of what went wrong: errors of ours do not survive the way between
    processes."""
    try:
        return worker(partition), "", ""
    except RouterError as error:
        return 0, type(error).__name__, str(error) or type(error).__name__


def problem_of(kind: str, text: str) -> RouterError:
    """What went wrong in a worker, as it was where it is one of ``PLAIN``."""
    return KINDS.get(kind, OfflineDataError)(text)


def _open(job: Job) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _own[:] = [Worker(job)]


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers, and they would wait for ever."""
    import multiprocessing

    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _make(partition: Partition) -> tuple[int, str, str]:
    return attempt(_own[0], partition)
