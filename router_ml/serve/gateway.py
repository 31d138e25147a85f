"""What one worker of the gateway holds, from start to end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from router_ml.errors import LogError
from router_ml.execution.executor import Executor
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.access.granting import Keys
from router_ml.serve.access.known import KnownKeys
from router_ml.serve.access.limits import Limits
from router_ml.serve.access.sessions import Sessions
from router_ml.serve.background import Background
from router_ml.serve.deciding import Decider
from router_ml.serve.process.operations import Operations
from router_ml.serve.process.reloading import Following
from router_ml.serve.settings import Settings
from router_ml.serve.shedding import Shedding
from router_ml.state.sharing.counts import Counts
from router_ml.state.sharing.sharing import Shared, Sharing
from router_ml.storage.loading import MODEL_VARIABLE, whole_model

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.service.access import StoredKey


@dataclass
class Gateway:
    """``counts``: what keys have called and spent, with what other processes say of it; ``sharing``: how it tells them
    and hears of them; ``leaving``: it ends soon, and takes no more than what is under way. ``keys``, ``limits``,
    ``sessions``: who calls, how often, and from a browser; ``operations``: what is counted and looked after.
    """

    settings: Settings
    executor: Executor
    counts: Counts = field(default_factory=Counts)
    leaving: bool = False
    sharing: Sharing = field(init=False)
    keys: Keys = field(init=False)
    limits: Limits = field(init=False)
    sessions: Sessions = field(init=False)
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        known = KnownKeys(
            self._read_keys if self.router.keeps else None,
            poll_seconds=self.settings.poll_seconds,
            keep_seconds=self.settings.keep_keys_seconds,
        )
        self.keys = Keys(lambda: self.log, known)
        self.router.memory.recent.organisations = known.organisations
        self.limits = Limits(self.counts)
        self.sessions = Sessions(self._session_secret, known, counts=self.counts)
        self.operations = Operations(self)
        memory, served = self.router.memory, self.router.serves
        memory.listener.poll_seconds = self.settings.poll_seconds
        shared = Shared(memory.health, memory.budgets, memory.listener, self.counts, served, self.executor.watch)
        self.sharing = Sharing(shared)
        self.executor.decide_by(self.decider.decide)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Load what the settings name; takes seconds.

        Raises:
            RouterError: it cannot be loaded.
        """
        following = Following.of(settings.config) if settings.config is not None else None
        gateway = cls(settings, Executor(_opened(settings)))
        gateway.operations.following = following
        return gateway

    @property
    def router(self) -> Router | Rollout:
        """What decides."""
        return self.executor.router

    @property
    def log(self) -> EventLog | None:
        """The event log, once it is open."""
        return self.router.log

    @cached_property
    def decider(self) -> Decider:
        """Decides for the requests of this worker."""
        settings = self.settings
        return Decider(
            lambda: self.router,
            deadline_ms=settings.decide_ms,
            max_waiting=settings.max_waiting,
            max_wait_seconds=settings.max_wait_seconds,
            threads=settings.deciding_threads,
            together=settings.decide_together,
        )

    @cached_property
    def shedding(self) -> Shedding:
        """What is under way, and what is too much."""
        return Shedding(self.settings.max_in_flight)

    @cached_property
    def background(self) -> Background:
        """What pages have asked for and takes long."""
        return Background()

    def start(self) -> None:
        """Begin what goes on beside the requests; waits for the database."""
        self.keys.known.start()
        if self.router.keeps:
            self.sharing.start()
        self.operations.start()

    def stop(self) -> None:
        """End what ``start`` began."""
        self.operations.stop()
        self.sharing.close()
        self.keys.known.stop()

    def close(self) -> None:
        """Deliver what waits, and let go of everything."""
        self.stop()
        self.background.close()
        self.decider.close()
        self.executor.close()
        self.router.close()

    def _read_keys(self) -> Mapping[str, StoredKey]:
        from router_ml.storage.service.access import AccessTable

        return AccessTable(self._opened_log()).keys()

    def _session_secret(self) -> bytes:
        from router_ml.storage.service.access import AccessTable

        return AccessTable(self._opened_log()).secret("console")

    def _opened_log(self) -> EventLog:
        if self.log is None:
            raise LogError("The event log is not open yet. Its database is asked again every few seconds.")
        return self.log


def _opened(settings: Settings) -> Router | Rollout:
    """What decides; a whole registered model (``models:/router``) is followed."""
    model = settings.model or os.environ.get(MODEL_VARIABLE)
    config, log, uri, online = settings.config, settings.log, settings.tracking_uri, settings.online
    if model is not None and whole_model(model):
        poll = settings.poll_seconds
        return Rollout.open(model, config=config, log=log, tracking_uri=uri, online=online, poll_seconds=poll)
    return Router.load(model, config=config, log=log, tracking_uri=uri, online=online)
