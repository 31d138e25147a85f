"""What counts as down by the word of other processes, and for how long.

A process that has opened a breaker tells of it, and the others leave that place alone until the pause is over. Then
they wait a little longer, each for another time: whoever opened it tries again first, and they hear how that went. A
process that has seen the place do well since then knows better. Nothing is believed for longer than it was said for,
so a process that died keeps nothing down.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from router_ml.health import Word

LEASE_S = 5.0
"""For how long a word is believed that is said again and again as long as it holds."""
_LONGER_S = (1.5, 4.0)
_SAME_S = 0.5  # ends of one pause, told twice, differ by less


class Trouble(Protocol):
    """As breakers tell of a place: ``open`` for ``left_s`` seconds more, ``probing``, or ``waiting`` to be tried."""

    @property
    def phase(self) -> str: ...  # noqa: D102
    @property
    def left_s(self) -> float: ...  # noqa: D102


class Breakers(Protocol):
    """Who knows how lanes and providers are."""

    def troubled(self) -> Mapping[str, Trouble]:
        """Those that are not well, by name."""
        ...

    def last_well(self) -> Mapping[str, float]:
        """When a call to each last went well, by the clock of the process's ``Health``."""
        ...


@dataclass(frozen=True)
class Said:
    """What a process says of a place: ``phase`` of its breaker, or ``reported`` where a caller said so; for how many
    seconds more it leaves it alone, and for how many it has known."""

    phase: str
    left_s: float = 0.0
    since_s: float = 0.0


class Telling:
    """What this process has to say of places, and since when; for one thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, float]] = {}  # since when, and the end of the pause

    def now(self, troubled: Mapping[str, Trouble], reported: Iterable[str]) -> dict[str, Said]:
        """All that is not well here."""
        now = self._clock()
        known: dict[str, tuple[float, float]] = {}
        found: dict[str, Said] = {}
        for name, trouble in troubled.items():
            since, end = self._known.get(name, (now, 0.0))
            if trouble.phase == "open" and now + trouble.left_s > end + _SAME_S:
                since, end = now, now + trouble.left_s
            known[name] = since, end
            found[name] = Said(trouble.phase, trouble.left_s, now - since)
        for name in reported:
            if name not in found:
                known[name] = self._known.get(name, (now, 0.0))
                found[name] = Said("reported", 0.0, now - known[name][0])
        self._known = known
        return found


class Hearsay:
    """What this process believes of what others say; for one thread.

    Args:
        clock: that of ``Health``. rng: how much longer it waits than it was told.
    """

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._pauses: dict[tuple[str, str], tuple[float, float]] = {}  # end as told, and until when we wait

    def believed(
        self, said: Mapping[str, tuple[float, Mapping[str, Said]]], *, well: Mapping[str, float]
    ) -> dict[str, Word]:
        """What counts as down.

        Args:
            said: by process, how many seconds ago, and of which places what.
            well: when calls of this process last went well, by place.
        """
        now, found = self._clock(), dict[str, Word]()
        pauses: dict[tuple[str, str], tuple[float, float]] = {}
        for process, (age_s, places) in said.items():
            for place, one in places.items():
                if well.get(place, float("-inf")) > now - age_s - one.since_s:
                    continue
                until = self._until(process, place, one, now - age_s, pauses)
                if until > now and (place not in found or until > (found[place].until or 0.0)):
                    found[place] = Word(f"heard from {process}", until)
        self._pauses = pauses
        return found

    def _until(
        self, process: str, place: str, one: Said, told_at: float, pauses: dict[tuple[str, str], tuple[float, float]]
    ) -> float:
        key = process, place
        before = self._pauses.get(key)
        if one.phase == "open":
            end = told_at + one.left_s
            if before is None or end > before[0] + _SAME_S:
                before = end, end + self._rng.uniform(*_LONGER_S)
        if before is not None:
            pauses[key] = before
        waited = before[1] if before is not None else 0.0
        if one.phase in ("probing", "reported"):
            return max(waited, told_at + LEASE_S)
        return waited
