"""The keys as this process knows them: read every few seconds, so that no request waits for the database.

While the database is away, keys that were known stay so for ``keep_seconds``; after that, and before the first look,
nobody is let in. Where no key has ever been made, whoever calls from this machine may do everything.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from router_ml.errors import LogError
from router_ml.serve.access.keys import digest_of, id_of
from router_ml.storage.service.access import StoredKey

logger = logging.getLogger(__name__)

OPEN_POLL_S = 0.25  # while there is no key: the first one closes the gateway
SOONEST_S = 0.25  # between looks that requests ask for
PATIENCE_S = 2.0  # of a request that asks for one
_NOBODYS = bytes(32)


@dataclass(frozen=True)
class _Seen:
    keys: Mapping[str, StoredKey]
    at: float

    @cached_property
    def organisations(self) -> frozenset[str]:
        return frozenset(key.org for key in self.keys.values() if key.org is not None)


class KnownKeys:
    """``read``: all keys of the database, None where there is none to be; ``poll_seconds``: within which a change
    counts; ``keep_seconds``: how long what is known outlives the database."""

    def __init__(
        self,
        read: Callable[[], Mapping[str, StoredKey]] | None,
        *,
        poll_seconds: float = 2.0,
        keep_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._clock = read, clock
        self._poll_s, self._keep_s = poll_seconds / 2, keep_seconds
        self._seen: _Seen | None = _Seen({}, 0.0) if read is None else None
        self._failing = False
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked: asyncio.Future[None] | None = None
        self._asked_at = float("-inf")

    def start(self) -> None:
        """Look, and go on looking in a thread of its own."""
        if self._read is not None and self._thread is None:
            self.look()
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="keys", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            self._thread = None

    @property
    def without_log(self) -> bool:
        """Whether there is no database that keys could be in."""
        return self._read is None

    @property
    def ready(self) -> bool:
        """Whether what is known may be relied on."""
        return self._seen is not None and (self._read is None or self._clock() - self._seen.at <= self._keep_s)

    @property
    def open(self) -> bool:
        """Whether no key has ever been made, as far as is known."""
        return self.ready and self._seen is not None and not self._seen.keys

    def check(self, token: str, now: datetime | None = None) -> StoredKey | None:
        """The key that this is, if it is in force. Unknown, wrong and ended ones take the same time."""
        seen = self._seen.keys if self.ready and self._seen is not None else {}
        known = seen.get(id_of(token))
        same = hmac.compare_digest(digest_of(token), _NOBODYS if known is None else known.digest)
        in_force = known is not None and known.active(now or datetime.now(UTC))
        return known if same and in_force else None

    def all(self) -> tuple[StoredKey, ...]:
        """Those that are known, also what has ended."""
        return () if self._seen is None else tuple(self._seen.keys.values())

    def organisations(self) -> frozenset[str]:
        """Those that keys are of."""
        return frozenset() if self._seen is None else self._seen.organisations

    def get(self, key_id: str, now: datetime | None = None) -> StoredKey | None:
        """A key by its id, if it is in force."""
        known = self._seen.keys.get(key_id) if self.ready and self._seen is not None else None
        return known if known is not None and known.active(now or datetime.now(UTC)) else None

    async def sooner(self) -> None:
        """Look now, for a key that is not known yet: at most a few times a second, all requests together, and none
        waits long. So what a stranger sends costs neither threads nor the database."""
        if self._read is None:
            return
        if self._asked is None or self._asked.done():
            if self._clock() - self._asked_at < SOONEST_S:
                return
            self._asked_at = self._clock()
            self._asked = asyncio.ensure_future(asyncio.to_thread(self.look))
        await asyncio.wait({self._asked}, timeout=PATIENCE_S)

    def look(self) -> None:
        """Read the keys; a failure leaves what is known."""
        if self._read is None:
            return
        at = self._clock()
        try:
            keys = self._read()
        except LogError as error:
            if not self._failing:
                logger.error("Keys cannot be read; known ones go on for %.0f s: %s", self._keep_s, error)
            self._failing = True
            return
        if self._failing:
            logger.warning("Keys can be read again.")
        self._failing = False
        with self._lock:
            self._learn(_Seen(keys, at))

    def _learn(self, new: _Seen) -> None:
        seen = self._seen
        if seen is not None and seen.keys and not new.keys:
            logger.error("All keys have gone from the database, which revoking does not do. Nobody is let in.")
        elif seen is None or seen.at <= new.at:  # a look that began earlier may end later
            self._seen = new

    def _watch(self) -> None:
        while not self._stop.wait(OPEN_POLL_S if self.open else self._poll_s):
            self.look()
