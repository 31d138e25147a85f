"""Counters that the processes of a service share: each adds to its own, and hears what the others have come to.

A counter has a kind (``key_spend``, ``key_calls``), a name (a key) and a period: a day or a minute in UTC, as ISO 8601
writes it, so that periods sort.
What others did is known as of the last look, so a limit may be passed by what happens between two looks.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

Counter = tuple[str, str, str]
"""Kind, name, period."""


class Counts:
    """The counters of a process, with those of the others beside; thread safe.

    >>> counts = Counts()
    >>> counts.add("key_calls", "k1", "2026-03-01T12:00", 2.0)
    >>> counts.hear({("key_calls", "k1", "2026-03-01T12:00"): 5.0})
    >>> counts.total("key_calls", "k1", "2026-03-01T12:00")
    7.0
    """

    def __init__(self) -> None:
        self._own: defaultdict[Counter, float] = defaultdict(float)
        self._heard: Mapping[Counter, float] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, name: str, period: str, amount: float) -> None:
        """Add to one of this process; ``amount`` may be below 0, as a correction is."""
        with self._lock:
            self._own[kind, name, period] += amount

    def total(self, kind: str, name: str, period: str) -> float:
        """What all processes have come to, as far as it is known here."""
        with self._lock:
            return self._own.get((kind, name, period), 0.0) + self._heard.get((kind, name, period), 0.0)

    def own(self) -> dict[Counter, float]:
        """What this process has come to: for whoever publishes it."""
        with self._lock:
            return dict(self._own)

    def hear(self, others: Mapping[Counter, float]) -> None:
        """Take the place of what was heard of the others before."""
        with self._lock:
            self._heard = dict(others)

    def forget(self, *, kind: str, before: str) -> None:
        """Drop counters of past periods, so that memory is bounded."""
        with self._lock:
            for counter in [one for one in self._own if one[0] == kind and one[2] < before]:
                del self._own[counter]
