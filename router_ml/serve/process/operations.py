"""What keeps a gateway running well: what it counts, how its log stands, the rules that follow their file."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from router_ml import telemetry
from router_ml.contract import Versions
from router_ml.rollout import Rollout
from router_ml.serve.observing.gauges import Gauges
from router_ml.serve.observing.measures import Measures
from router_ml.serve.observing.readiness import Database, Lag, Readiness, readiness
from router_ml.serve.observing.scraping import Shared
from router_ml.serve.process.housekeeping import Housekeeping
from router_ml.serve.process.reloading import Following
from router_ml.telemetry.exposition import prometheus_reader

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

logger = logging.getLogger(__name__)


class Operations:
    """Of one worker. ``slot``: its number; ``measures``, ``shared``: what it counts, and how one scrape shows all
    workers; ``database``, ``lag``: how the log stands; ``following``: the file of the rules, where one is given."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.slot = os.environ.get("ROUTER_ML_WORKER", "0")
        self.measures = Measures()
        self.measures.registry.register(Gauges(gateway))
        self.shared = Shared(self.measures.registry, slot=self.slot, folder=gateway.settings.run_folder)
        self.database, self.lag = Database(), Lag()
        self.following: Following | None = None
        self._running: list[Housekeeping | telemetry.Telemetry] = []

    def start(self) -> None:
        """Begin to measure and to look after the gateway; ``stop`` ends it."""
        reader = prometheus_reader(self.measures.registry)
        config, rules = self._gateway.router.config, self.rules_in_force()
        self._running = [telemetry.start(config, readers=[reader]), Housekeeping(self._gateway)]
        follows, anybody = isinstance(self._gateway.router, Rollout), self._gateway.keys.known.open
        logger.info(
            "Serving %s, to %s.",
            "a registered model and its releases" if follows else "one version until a restart",
            "this machine alone, since no key has been made" if anybody else "whoever has a key",
            extra={"bundle": rules.bundle, "registry": rules.registry, "policy_sha256": rules.policy_sha256},
        )

    def stop(self) -> None:
        """End what ``start`` began."""
        while self._running:
            self._running.pop().close()

    def readiness(self) -> Readiness:
        """Whether this worker should be sent requests."""
        refused = self.following is not None and self.following.refused is not None
        gateway = self._gateway
        return readiness(
            gateway.router,
            self.database,
            leaving=gateway.leaving,
            refused_rules=refused,
            knows_keys=gateway.keys.known.ready,
        )

    def rules_in_force(self) -> Versions:
        """What decisions of the champion say they are made with, overrides aside."""
        return self._gateway.router.rules.base.versions
