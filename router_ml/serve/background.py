"""Work that somebody asked for on a page and that takes longer than a page may: one piece at a time, in a thread.

It belongs to one process: another worker of the same gateway does not know of it. What is to last is written to a file
by the work itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from router_ml.errors import RouterError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """``ended``: None while it runs; then there is a ``result``, or ``error`` says what went wrong."""

    name: str
    about: str
    began: datetime
    ended: datetime | None = None
    result: Any = None
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return ((self.ended or datetime.now(UTC)) - self.began).total_seconds()


class Background:
    """The jobs of a process, the last of each name; thread safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, name: str, about: str, do: Callable[[], Any]) -> bool:
        """Begin a job; False where one runs, whatever its name."""
        job = Job(name, about, datetime.now(UTC))
        with self._lock:
            if any(one.ended is None for one in self._jobs.values()):
                return False
            self._jobs[name] = job
        threading.Thread(target=self._run, args=(job, do), name=f"router-ml-{name}", daemon=True).start()
        return True

    def last(self, name: str) -> Job | None:
        """The last job of a name, also while it runs."""
        with self._lock:
            return self._jobs.get(name)

    def _run(self, job: Job, do: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = do()
        except RouterError as failed:
            error = str(failed)
        except Exception:
            logger.exception("The job %s failed.", job.name)
            error = "It failed. The log of the gateway says how."
        with self._lock:
            self._jobs[job.name] = replace(job, ended=datetime.now(UTC), result=result, error=error)
