"""What one worker of the gateway holds, from start to end."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from router_ml import telemetry
from router_ml.contract import Versions
from router_ml.execution.executor import Executor
from router_ml.loading import MODEL_VARIABLE
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.gauges import Gauges
from router_ml.serve.housekeeping import Housekeeping
from router_ml.serve.measures import Measures
from router_ml.serve.readiness import Database, Lag, Readiness, readiness
from router_ml.serve.reloading import Following
from router_ml.serve.scraping import Shared
from router_ml.serve.settings import Settings
from router_ml.sharing.counts import Counts
from router_ml.telemetry.exposition import prometheus_reader

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = logging.getLogger(__name__)


@dataclass
class Gateway:
    """``counts``: what keys have called and spent, with what other processes say of it; ``leaving``: it ends soon, and
    takes no more than what is under way; ``following``: the rules' file, where one is given; ``measures``, ``shared``:
    what this worker counts, and how one scrape shows all workers; ``database``, ``lag``: how the log stands."""

    settings: Settings
    executor: Executor
    counts: Counts = field(default_factory=Counts)
    leaving: bool = False
    following: Following | None = None
    measures: Measures = field(default_factory=Measures)
    database: Database = field(default_factory=Database)
    lag: Lag = field(default_factory=Lag)
    slot: str = field(default_factory=lambda: os.environ.get("ROUTER_ML_WORKER", "0"))
    _running: list[Housekeeping | telemetry.Telemetry] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.shared = Shared(self.measures.registry, slot=self.slot, folder=self.settings.run_folder)
        self.measures.registry.register(Gauges(self))

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Load what the settings name, and begin to look after it; takes seconds.

        Raises:
            RouterError: it cannot be loaded.
        """
        following = Following.of(settings.config) if settings.config is not None else None
        model = settings.model or os.environ.get(MODEL_VARIABLE)
        executor = Executor.load(model, config=settings.config, log=settings.log)
        gateway = cls(settings, executor, following=following)
        gateway.start()
        return gateway

    def start(self) -> None:
        """Begin to measure and to look after itself; ``close`` ends it."""
        reader = prometheus_reader(self.measures.registry)
        self._running = [telemetry.start(self.router.config, readers=[reader]), Housekeeping(self)]
        rules = self.rules_in_force()
        follows = isinstance(self.router, Rollout)
        logger.info(
            "Serving %s.",
            "a registered model and its releases" if follows else "one version until a restart",
            extra={"bundle": rules.bundle, "registry": rules.registry, "policy_sha256": rules.policy_sha256},
        )

    @property
    def router(self) -> Router | Rollout:
        """What decides."""
        return self.executor.router

    @property
    def log(self) -> EventLog | None:
        """The event log, once it is open."""
        return self.router.log

    def readiness(self) -> Readiness:
        """Whether this worker should be sent requests."""
        refused = self.following is not None and self.following.refused is not None
        return readiness(self.router, self.database, leaving=self.leaving, refused_rules=refused)

    def rules_in_force(self) -> Versions:
        """What decisions of the champion say they are made with, overrides aside."""
        return self.router.rules.base.versions

    def close(self) -> None:
        """Deliver what waits, and let go of everything."""
        for one in reversed(self._running):
            one.close()
        self._running = []
        self.executor.close()
        self.router.close()
