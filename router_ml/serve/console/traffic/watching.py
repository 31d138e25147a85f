"""What the live page asks of a log, kept so that it is asked no more often than it changes.

Time is counted in slices. Those that are long over change only by records that come late, so they are counted again
more and more rarely; the last ones are counted each time. A count has a limited time: what it does not get to is
counted when somebody asks again, and until then the answer says how far back it goes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from router_ml.storage.views.overview import slices

Found = TypeVar("Found")
KEPT = 4_000  # slices
FRESH_S = 2.0  # an answer is given again for as long
REST = 10.0  # and for as many times as long as it took
LATE = 0.05  # of the age of a slice: when it is counted again


@dataclass(frozen=True)
class Counted(Generic[Found]):
    """What was found in slices, the latest first. ``since``: how far back they go; ``whole``: as far as was asked."""

    found: tuple[Found, ...]
    since: datetime
    whole: bool


class Slices:
    """Slices that were counted; thread safe, its memory is bounded. ``clock``: seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def count(
        self,
        what: Hashable,
        load: Callable[[datetime, datetime], Found],
        *,
        start: datetime,
        end: datetime,
        step: timedelta,
        seconds: float,
    ) -> Counted[Found]:
        """Each slice from ``start`` to ``end``, as far as the time goes.

        Args:
            what: names the question. load: answers it for a slice. seconds: after which no more slices are counted, but
                at least one more than the last time.
        """
        until = self._clock() + seconds
        found: list[Found] = []
        since, went_on = end, False
        for at in slices(start, end, step):
            age = end - at
            known, fresh = self._known((what, at), age=age.total_seconds(), step=step.total_seconds())
            if not fresh and not (went_on and self._clock() >= until):
                known = (load(at, at + step),)
                self._keep((what, at), known)
                went_on = went_on or age >= 2 * step  # beyond what is counted each time, so that it gets to the end
            if known is None:
                return Counted(tuple(found), since, whole=False)
            found.append(known[0])
            since = at
        return Counted(tuple(found), since, whole=True)

    def _known(self, key: Hashable, *, age: float, step: float) -> tuple[tuple[Any] | None, bool]:
        """What a slice came to, and whether that need not be counted again."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            return None, False
        return kept[1], age >= 2 * step and self._clock() - kept[0] <= max(LATE * age, step)

    def _keep(self, key: Hashable, answer: tuple[Any]) -> None:
        with self._lock:
            self._kept[key] = self._clock(), answer
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


@dataclass
class _Answer:
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Any = None
    good_until: float = -1.0


class Answers:
    """Answers that are given again while they are fresh; whoever asks meanwhile gets the last one."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, most: int = 200) -> None:
        self._clock, self._most = clock, most
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, what: Hashable, ask: Callable[[], Found]) -> Found:
        """The answer to a question, which ``ask`` gives where it is not known or no longer fresh."""
        with self._lock:
            kept = self._answers.setdefault(what, _Answer())
            self._answers.move_to_end(what)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        known: bool = kept.good_until >= 0
        if known and self._clock() < kept.good_until:
            return kept.value  # type: ignore[no-any-return]
        if not kept.lock.acquire(blocking=not known):
            return kept.value  # type: ignore[no-any-return]
        try:
            if kept.good_until < self._clock():
                began = self._clock()
                kept.value = ask()
                took = self._clock() - began
                kept.good_until = self._clock() + max(FRESH_S, REST * took)
            return kept.value  # type: ignore[no-any-return]
        finally:
            kept.lock.release()


def utc_now() -> datetime:
    """The clock of the pages."""
    return datetime.now(UTC)
