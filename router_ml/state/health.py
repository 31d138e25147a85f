"""Which lanes, providers and failure domains count as down, and by whose word; eligibility follows from the next
decision on.

Three words count, each on its own: what callers of this process report, what other processes of the service say, for
as long as they said, and what somebody switched off. None of them takes back another's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from router_ml.config import Lane
from router_ml.errors import InvalidRequestError

DOWN = "down"


@dataclass(frozen=True)
class Word:
    """Why a place counts as down, and until when by the clock of its ``Health``; None: until it is taken back."""

    why: str
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it still counts."""
        return self.until is None or now < self.until


class Health:
    """The places that are down; thread safe.

    Args:
        clock: seconds that only ever grow.
    """

    def __init__(self, lanes: Mapping[str, Lane], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._places: frozenset[str] = frozenset()
        self._reported: frozenset[str] = frozenset()
        self._heard: Mapping[str, Word] = {}
        self._off: Mapping[str, Word] = {}
        self._lock = threading.Lock()
        self._snapshot: tuple[Mapping[str, str], float | None] = {}, None
        self.know(lanes)

    def know(self, lanes: Mapping[str, Lane]) -> None:
        """Take reports of the places of these lanes, too; what is down stays so."""
        with self._lock:
            self._places = self._places | places_of(lanes)
            self._look()

    @property
    def places(self) -> frozenset[str]:
        """All that can be down."""
        return self._places

    @property
    def reported(self) -> frozenset[str]:
        """What is down by the word of callers of this process alone."""
        return self._reported

    @property
    def snapshot(self) -> Mapping[str, str]:
        """``down``, or ``down: `` and why, by place; replaced as a whole, never changed, so a decision reads one
        state."""
        found, until = self._snapshot
        if until is not None and self.clock() >= until:
            with self._lock:
                self._look()
            found, _ = self._snapshot
        return found

    def report(self, name: str, status: str) -> None:
        """Say that a place is ``down`` or ``up``.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has this name, or the status is another.
        """
        if name not in self._places or status not in ("up", DOWN):
            expected = f"one of {', '.join(sorted(self._places))} and up or down"
            raise InvalidRequestError(f"Found {name!r} with status {status!r}, expected {expected}.")
        with self._lock:
            self._reported = self._reported | {name} if status == DOWN else self._reported - {name}
            self._look()

    def hear(self, said: Mapping[str, Word]) -> None:
        """Take the place of what other processes said before; places that no lane here has do not matter."""
        with self._lock:
            self._heard = dict(said)
            self._look()

    def switch(self, off: Mapping[str, Word]) -> None:
        """Take the place of what was switched off before."""
        with self._lock:
            self._off = dict(off)
            self._look()

    def _look(self) -> None:
        """Put together what counts now, and when that changes by itself. Call with the lock held."""
        now = self.clock()
        heard = {place: word for place, word in self._heard.items() if word.holds(now)}
        off = {place: word for place, word in self._off.items() if word.holds(now)}
        found = {place: f"{DOWN}: {word.why}" for place, word in heard.items()}
        found |= dict.fromkeys(self._reported, DOWN)
        found |= {place: f"{DOWN}: {word.why}" for place, word in off.items()}
        ends = [word.until for word in (*heard.values(), *off.values()) if word.until is not None]
        known = {place: found[place] for place in sorted(found) if place in self._places}
        self._snapshot = known, min(ends, default=None)


def places_of(lanes: Mapping[str, Lane]) -> frozenset[str]:
    """All that can be down: lanes, their providers and failure domains."""
    return frozenset(lanes).union(*((lane.provider, lane.failure_domain) for lane in lanes.values()))
