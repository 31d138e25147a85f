"""What one worker of the gateway holds, from start to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from router_ml.execution.executor import Executor
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.settings import Settings
from router_ml.sharing.counts import Counts
from router_ml.sharing.sharing import Shared, Sharing

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


@dataclass
class Gateway:
    """``counts``: what keys have called and spent, with what other processes say of it; ``sharing``: how it hears of
    them, None before it is opened; ``leaving``: it ends soon, and takes no more than what is under way."""

    settings: Settings
    executor: Executor
    counts: Counts = field(default_factory=Counts)
    sharing: Sharing | None = None
    leaving: bool = False

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Load what the settings name; takes seconds.

        Raises:
            RouterError: it cannot be loaded.
        """
        gateway = cls(settings, Executor.load(settings.model, config=settings.config, log=settings.log))
        gateway.share()
        return gateway

    def share(self) -> Sharing:
        """Tell the other processes of the log what this one does, and hear of them; until ``close``."""
        router, memory = self.executor.router, self.executor.router.memory
        shared = Shared(memory.health, memory.budgets, memory.listener, self.counts, router.serves, self.executor.watch)
        memory.listener.poll_seconds = self.settings.poll_seconds
        self.sharing = Sharing(shared)
        self.sharing.start()
        return self.sharing

    @property
    def router(self) -> Router | Rollout:
        """What decides."""
        return self.executor.router

    @property
    def log(self) -> EventLog | None:
        """The event log, once it is open."""
        return self.router.log

    def close(self) -> None:
        """Deliver what waits, and let go of everything."""
        self.executor.close()
        if self.sharing is not None:
            self.sharing.close()
        self.router.close()
