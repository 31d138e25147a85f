"""Work that somebody asked for on a page and that takes longer than a page may: one piece at a time. A thread waits for
it; what computes does so in a process of its own with low priority, so that no request waits for it (``beside``).

It belongs to one process: another worker of the same gateway does not know of it. What is to last is written to a file
by the work itself.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from router_ml.errors import RouterError

logger = logging.getLogger(__name__)
LONGEST_S = 1800.0
ONE_CORE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


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
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def start(self, name: str, about: str, do: Callable[[], Any]) -> bool:
        """Begin a job; False where one runs, whatever its name."""
        job = Job(name, about, datetime.now(UTC))
        with self._lock:
            if self._closed or any(one.ended is None for one in self._jobs.values()):
                return False
            self._jobs[name] = job
        threading.Thread(target=self._run, args=(job, do), name=f"router-ml-{name}", daemon=True).start()
        return True

    def last(self, name: str) -> Job | None:
        """The last job of a name, also while it runs."""
        with self._lock:
            return self._jobs.get(name)

    def beside(self, command: Sequence[str], asked: Mapping[str, Any]) -> Any:
        """What a process of its own works out, within a job. It reads what is asked from standard input, as JSON, and
        writes ``{"result": ...}`` or ``{"error": "why"}``.

        Raises:
            RouterError: it says what went wrong, takes too long, or the gateway ends.
        """
        with self._lock:
            if self._closed:
                raise RouterError("The gateway ends.")
            self._process = subprocess.Popen(
                [*low_priority(), *command],
                env={**os.environ, **ONE_CORE},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        try:
            said, _ = self._process.communicate(json.dumps(asked), timeout=LONGEST_S)
            found = json.loads(said)
        except subprocess.TimeoutExpired:
            raise RouterError(f"It took longer than {LONGEST_S / 60:.0f} minutes, and was ended.") from None
        except ValueError:
            raise RouterError("It ended without a result. The log of the gateway says how.") from None
        finally:
            self._process.kill()
            self._process.wait()
        if "error" in found:
            raise RouterError(found["error"])
        return found["result"]

    def close(self) -> None:
        """End what is under way, and begin nothing more."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

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


def low_priority() -> tuple[str, ...]:
    """What stands before a command so that the requests come first."""
    return ("nice", "-n", "19") if shutil.which("nice") else ()
