"""What counts as down by the word of other processes, and for how long.

A process that has opened a breaker tells of it, and the others leave that place alone until the pause is over. Then
they wait a little longer, each for another time: whoever opened it tries again first, and they hear how that went. A
process that has seen the place do well since then knows better. Nothing is believed for longer than it was said for,
so a process that died keeps nothing down.

One pause is believed, no more: whoever has breakers of its own finds out with a probe of its own after that, and goes
by what it found. So a process whose network is broken, which says the same for ever, takes a vendor from nobody.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from router_ml.state.health import Word

LEASE_S = 5.0
"""For how long a word is believed that is said again and again as long as it holds."""
_LONGER_S = (1.5, 4.0)
_SAME_S = 0.5  # ends of one pause, told twice, differ by less
_TICK_S = 1.3  # a look comes at least so often
_REMEMBERED_S = 60.0  # what this process found out outlives the last word of the other by so much


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

    def doubt(self, name: str) -> None:
        """Have a probe find out how a lane or provider is, before calls go on as usual."""
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


@dataclass(frozen=True)
class _Pause:
    """Of a place, as a process told of it: its end, until when this process waits, whether it finds out for itself
    since then, and when it was last told of."""

    end: float
    until: float
    judged: bool = False
    told_at: float = 0.0


class Hearsay:
    """What this process believes of what others say; for one thread.

    Args:
        clock: that of ``Health``. rng: how much longer it waits than it was told.
        doubt: has a place tried by a probe of this process; None: it has no way to, and goes on believing.
    """

    def __init__(
        self, clock: Callable[[], float], rng: random.Random, *, doubt: Callable[[str], None] | None = None
    ) -> None:
        self._clock, self._rng, self._doubt = clock, rng, doubt
        self._pauses: dict[tuple[str, str], _Pause] = {}  # by process and place

    def believed(
        self, said: Mapping[str, tuple[float, Mapping[str, Said]]], *, well: Mapping[str, float]
    ) -> dict[str, Word]:
        """What counts as down.

        Args:
            said: by process, how many seconds ago, and of which places what.
            well: when calls of this process last went well, by place.
        """
        now, found = self._clock(), dict[str, Word]()
        told = {(process, place) for process, (_, places) in said.items() for place in places}
        self._pauses = {
            key: pause
            for key, pause in self._pauses.items()
            if key in told or (pause.judged and now - pause.told_at < _REMEMBERED_S)
        }
        for process, (age_s, places) in said.items():
            for place, one in places.items():
                key = process, place
                if well.get(place, float("-inf")) > now - age_s - one.since_s:
                    self._judges(key, now)
                    continue
                until = self._until(key, one, now - age_s)
                if until > now and (place not in found or until > (found[place].until or 0.0)):
                    found[place] = Word(f"heard from {process}", until)
        return found

    def _judges(self, key: tuple[str, str], now: float) -> None:
        """This process has seen for itself."""
        if self._doubt is None:
            self._pauses.pop(key, None)
        else:
            pause = self._pauses.get(key) or _Pause(now, now)
            self._pauses[key] = replace(pause, judged=True, told_at=now)

    def _until(self, key: tuple[str, str], one: Said, told_at: float) -> float:
        before = self._pauses.get(key)
        if one.phase == "open":
            end = told_at + one.left_s
            if before is None or (self._doubt is None and end > before.end + _SAME_S):
                before = _Pause(end, end + self._rng.uniform(*_LONGER_S))
        if before is not None:
            before = self._pauses[key] = replace(before, told_at=told_at)
            if self._doubt is not None and not before.judged and self._clock() >= before.until - _TICK_S:
                self._doubt(key[1])  # the word holds to its end still, so nothing comes between
                before = self._pauses[key] = replace(before, judged=True)
        waited = before.until if before is not None else 0.0
        if one.phase == "reported" or (one.phase == "probing" and self._doubt is None):
            return max(waited, told_at + LEASE_S)
        return waited
