"""What one worker of the gateway holds, from start to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

from router_ml.execution.executor import Executor
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.background import Background
from router_ml.serve.deciding import Decider
from router_ml.serve.settings import Settings
from router_ml.serve.shedding import Shedding
from router_ml.sharing.counts import Counts

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


@dataclass
class Gateway:
    """``counts``: what keys have called and spent, with what other processes say of it; ``leaving``: it ends soon, and
    takes no more than what is under way."""

    settings: Settings
    executor: Executor
    counts: Counts = field(default_factory=Counts)
    leaving: bool = False

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Load what the settings name; takes seconds.

        Raises:
            RouterError: it cannot be loaded.
        """
        return cls(settings, Executor.load(settings.model, config=settings.config, log=settings.log))

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

    def close(self) -> None:
        """Deliver what waits, and let go of everything."""
        self.decider.close()
        self.executor.close()
        self.router.close()
