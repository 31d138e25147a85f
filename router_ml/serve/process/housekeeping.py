"""What a worker does beside requests: look at its rules, its database and its parent, and tell the others what it
counts."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING

from router_ml.serve.process.leaving import Orphaned

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

logger = logging.getLogger(__name__)

_JITTER = 0.25  # workers that began together should not all ask at the same moment


class Housekeeping:
    """A thread that looks every ``poll_seconds``, until ``close``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._orphaned = Orphaned()
        self._stop = threading.Event()
        self._rng = random.Random()
        self._thread = threading.Thread(target=self._run, name="router-ml-housekeeping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        seconds = self._gateway.settings.poll_seconds
        while not self._stop.wait(seconds * self._rng.uniform(1 - _JITTER, 1 + _JITTER)):
            try:
                self._look()
            except Exception:  # the border of a thread: it has to be there for the next look
                logger.exception("Something could not be looked at; it is tried again.")

    def _look(self) -> None:
        gateway = self._gateway
        self._orphaned.look()
        if not gateway.leaving:  # the worker that takes its place writes by then
            gateway.operations.shared.write()
        recorder = gateway.router.memory.recorder
        if recorder.log is not None:
            gateway.operations.database.ask(recorder.log)
        if recorder.drain is not None:
            gateway.operations.lag.look(recorder.drain)
        if gateway.operations.following is not None:
            gateway.operations.following.look(gateway.router)
