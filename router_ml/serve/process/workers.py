"""Several workers behind one socket, by uvicorn's supervisor: what dies is replaced, and a restart is rolling.

The socket belongs to the parent, so a connection that comes while a worker is replaced waits or goes to another one.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from socket import socket

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from router_ml.serve.process.leaving import ONCE_S

logger = logging.getLogger(__name__)

SLOT_VARIABLE = "ROUTER_ML_WORKER"
"""The number of a worker, from 0; whoever takes the place of one that died has the same."""
_PAUSES_S = (0.0, 1.0, 2.0, 5.0, 10.0)
_LONG_S = 60.0
_ANSWER_S = 1.0
_CLOSE_S = 20.0
"""That a worker may take to deliver what waits, once nothing is under way in it."""


class Workers(Multiprocess):
    """uvicorn's supervisor, with numbered workers. One that cannot start, such as while a database is away, is tried
    again as long as another one serves or has served; at the very first start it ends everything.

    Args:
        under_way_s: that a worker may take to end what is under way in it, from the signal on.
    """

    ready = False
    failed = False

    def __init__(self, config: Config, sockets: list[socket], *, under_way_s: float) -> None:
        super().__init__(config, sockets)
        self._leave_s = under_way_s + _CLOSE_S
        self._begun: dict[int, float] = {}
        self._heard: dict[int, float] = {}
        self._failures: dict[int, int] = {}
        self._retired: list[Process] = []

    def init_processes(self) -> None:
        """As uvicorn's."""
        for slot in range(self.processes_num):
            self.processes.append(self._start(slot))

    def _start(self, slot: int) -> Process:
        os.environ[SLOT_VARIABLE] = str(slot)
        process = Process(self.config, self.sockets)
        process.start()
        del os.environ[SLOT_VARIABLE]
        self._begun[slot] = self._heard[slot] = time.monotonic()
        return process

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have died or hang; each time one dies young, a little later."""
        for slot, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if self._lives(slot, process):
                continue
            if process.exitcode is None:
                logger.error("Worker %d does not answer and is killed.", slot)
                process.kill()
            process.join()
            if not self.ready:
                self.failed = True
                self.should_exit.set()
                return
            self._replace(slot, process)

    def _lives(self, slot: int, process: Process) -> bool:
        """Whether it has answered lately. It is asked again and again, and not waited for: one that dies while it is
        waited for would keep the others waiting, too."""
        if not process.process.is_alive():
            return False
        if process.ping(timeout=_ANSWER_S):
            self._heard[slot] = time.monotonic()
            self.ready = self.ready or process.is_ready(timeout=_ANSWER_S)
        return time.monotonic() - self._heard[slot] < self.config.timeout_worker_healthcheck

    def _replace(self, slot: int, process: Process) -> None:
        age = time.monotonic() - self._begun[slot]
        failures = self._failures.get(slot, 0) if age < _LONG_S else 0
        if age < _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]:
            return
        self._failures[slot] = failures + 1
        logger.error("Worker %d ended with %s and is replaced.", slot, process.exitcode)
        self.processes[slot] = self._start(slot)

    def restart_all(self) -> None:
        """One after another: a worker ends when the next one of its number serves."""
        for slot, old in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            new = self._start(slot)
            if not self._starts(new):
                new.kill()
                new.join()
                logger.error("The restart ends here, without a new worker %d; the others serve on.", slot)
                return
            self.processes[slot] = new
            self._retired.append(old)
            old.terminate()
            if not self._ended(old, time.monotonic() + self._leave_s):
                return
            self._retired.remove(old)
        logger.info("All workers have been replaced.")

    def _starts(self, new: Process) -> bool:
        """Whether a worker begins to serve in time; a signal to end is heeded meanwhile."""
        until = time.monotonic() + self.config.timeout_worker_healthcheck
        while time.monotonic() < until and new.process.is_alive():
            if self._told_to_end():
                return False
            if new.wait_until_ready(1.0, self.should_exit):
                return True
        return False

    def terminate_all(self) -> None:
        """As uvicorn's; and whoever connects when the last worker takes no more is refused, not left to wait."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Until all have ended; those that take too long, or all at a second signal, are killed. What they had
        acknowledged is in their spool or in the database."""
        began = time.monotonic()
        for process in (*self._retired, *self.processes):
            while not (ended := self._ended(process, began + self._leave_s)) and time.monotonic() - began < ONCE_S:
                self.signal_queue.clear()
            if not ended:
                process.kill()
                process.join()

    def _ended(self, process: Process, until: float) -> bool:
        """Whether a worker that was told to has ended; one that hangs is killed. False at a signal to end."""
        while process.process.is_alive():
            if self._told_to_end():
                return False
            if time.monotonic() > until:
                logger.error("A worker did not end in time and is killed.", extra={"killed": process.pid})
                process.kill()
            process.process.join(0.1)
        return True

    def _told_to_end(self) -> bool:
        return any(number in (signal.SIGTERM, signal.SIGINT) for number in self.signal_queue)

    def handle_ttin(self) -> None:
        """The number of workers is that of the settings."""

    def handle_ttou(self) -> None:
        """As ``handle_ttin``."""
