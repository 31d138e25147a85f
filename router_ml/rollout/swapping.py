"""A new champion takes over while requests go on, or the last good one stays.

The registry is asked every few seconds. What it names is fetched, checked, opened and tried beside the requests; then
one assignment puts it in force. A request reads the arrangement once, so it is decided by one bundle from its first
step to its last, and one that has begun ends with the bundle that it began with.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from router_ml.contract import RouteRequest
from router_ml.errors import RegistryError, RouterError
from router_ml.rollout.releases import Arrangement, Serving, Source, arrange, wanted
from router_ml.router import Router

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
_REHEARSAL = RouteRequest(text="Which of these is the largest, and why?")


@dataclass(frozen=True)
class Broken:
    """A version that could not be put in force, why, and when it is tried again."""

    why: str
    retry_at: float


@dataclass
class Swapper:
    """Keeps ``now`` at what the registry says. ``lock``: held while it is replaced, and by whoever changes rules."""

    source: Source
    retry_seconds: float = RETRY_SECONDS
    registry_error: str | None = None
    checked_at: float | None = None
    swaps: int = 0
    broken: dict[str, Broken] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Open the champion, and the other arms where that is possible.

        Raises:
            RouterError: there is no champion, or it cannot be opened.
        """
        standing = self.source.standing()
        version = standing.aliases.get("champion")
        if version is None:
            raise RegistryError(f"{standing.name} has no champion. Promote a version: router-ml promote --version N.")
        router = self.source.open(version, memory=None)
        router.rehearse(_REHEARSAL)
        self.now, self._standing = Arrangement(Serving(version, router)), standing
        self.refresh()

    def refresh(self) -> bool:
        """Look once, and put in force what has changed; whether anything has. Never raises what the registry or a
        bundle is to blame for."""
        try:
            standing = self.source.standing()
        except RouterError as error:
            self._registry_failed(str(error))
            return False
        self._registry_works()
        self.broken = {version: why for version, why in self.broken.items() if version in wanted(standing)}
        opened = {one.version: one.router for one in self.now.serving()}
        for version in wanted(standing):
            if version not in opened and (router := self._open(version)) is not None:
                opened[version] = router
        with self.lock:
            before, champion = self.now, self.now.champion.router
            serving = {one.version for one in before.serving()}
            for version in [version for version in opened if version not in serving]:
                if not self._takes_over(version, opened[version], champion):
                    del opened[version]
            self._standing = standing
            after = arrange(standing, opened, champion=before.champion)
            if after == before:
                return False
            self.now = after
            self.swaps += 1
        logger.info("Now in force: %s (before: %s).", after.named(), before.named())
        return True

    def follow_champion(self) -> None:
        """Put the champion's rules in force for every arm; one that cannot take them is taken out. Call with ``lock``
        held."""
        champion = self.now.champion
        fits: dict[str, Router] = {champion.version: champion.router}
        for one in self.now.serving():
            if one.version not in fits and self._follows(one.version, one.router, champion.router):
                fits[one.version] = one.router
        self.now = arrange(self._standing, fits, champion=champion)

    def _open(self, version: str) -> Router | None:
        known = self.broken.get(version)
        if known is not None and time.monotonic() < known.retry_at:
            return None
        try:
            router = self.source.open(version, memory=self.now.champion.router.memory)
            router.rehearse(_REHEARSAL)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a bundle, the one that serves goes on
            self._is_broken(version, str(error) if isinstance(error, RouterError | OSError) else repr(error))
            return None
        return router

    def _takes_over(self, version: str, router: Router, champion: Router) -> bool:
        """Let a router that was just opened go on where the champion is: its rules, probes and what it has learned."""
        if not self._follows(version, router, champion):
            return False
        router.resume(champion.learned_state())
        self.broken.pop(version, None)
        return True

    def _follows(self, version: str, router: Router, champion: Router) -> bool:
        try:
            router.follow(champion)
        except RouterError as error:
            self._is_broken(version, f"it does not take the rules that are in force: {error}")
            return False
        return True

    def _is_broken(self, version: str, why: str) -> None:
        if version not in self.broken:
            logger.error("Version %s cannot be put in force, what served so far goes on: %s", version, why)
        self.broken[version] = Broken(why, time.monotonic() + self.retry_seconds)

    def _registry_failed(self, why: str) -> None:
        if self.registry_error is None:
            logger.error("The registry does not answer, what served so far goes on: %s", why)
        self.registry_error = why

    def _registry_works(self) -> None:
        if self.registry_error is not None:
            logger.info("The registry answers again.")
        self.registry_error, self.checked_at = None, time.time()

    def problems(self) -> Mapping[str, str]:
        """Why versions are not in force, by version."""
        return {version: one.why for version, one in self.broken.items()}
