"""The money of one traffic class, day by day, and the hours of a day in which its requests come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from router_ml.allocation.pacer import HOURS, UNIFORM

_DAYS = 8  # kept per class; a clock that goes further back starts that day again
_FADE = 0.8  # what a day of the profile is worth a day later
_PRIOR = 1.0  # days that the even profile is worth


@dataclass(frozen=True)
class Standing:
    """The money of a class at one decision: USD of the day's budget and spent of it; when its demand comes."""

    budget_usd: float
    spent_usd: float
    profile: Sequence[float] = UNIFORM

    @property
    def left_usd(self) -> float:
        """What is left, not below 0."""
        return max(self.budget_usd - self.spent_usd, 0.0)

    @property
    def capped(self) -> bool:
        """Whether the day's budget is spent."""
        return self.spent_usd >= self.budget_usd


@dataclass
class Day:
    """``primed``: the part of ``spent`` that the log held; ``corrected``: what bills changed that is not in ``spent``,
    as of decisions that another process made."""

    spent: float = 0.0
    primed: float = 0.0
    corrected: float = 0.0
    requests: list[int] = field(default_factory=lambda: [0] * HOURS)
    whole: bool = True  # seen from its first hour on


_NO_DAY = Day()


@dataclass
class Ledger:
    """One class. ``profile`` is learned from whole days: the share of requests of each hour; ``heard``: what all other
    processes of the service spent, the log from before them included."""

    days: dict[date, Day] = field(default_factory=dict)  # the one used last at the end
    latest: date | None = None
    profile: tuple[float, ...] = UNIFORM
    learned: list[float] = field(default_factory=lambda: [0.0] * HOURS)
    heard: Mapping[date, float] = field(default_factory=dict)

    def spent(self, on: date) -> float:
        """By all processes, as far as they are heard."""
        day, heard = self.days.get(on, _NO_DAY), self.heard.get(on)
        return day.spent if heard is None else max(day.spent - day.primed + day.corrected + heard, 0.0)

    def spent_here(self, on: date) -> float:
        """By this process, and by others before it as far as the log was asked."""
        return self.days.get(on, _NO_DAY).spent

    def day(self, on: date) -> Day:
        """One to charge; the last ones are kept."""
        if on not in self.days:
            self._turn(on)
            self.days[on] = Day(whole=self.latest is not None and on > self.latest)
        self.days[on] = self.days.pop(on)
        self.latest = max(on, self.latest or on)
        if len(self.days) > _DAYS:  # a replay of other days must not forget what today has cost
            del self.days[next(day for day in self.days if day not in (on, self.latest))]
        return self.days[on]

    def _turn(self, on: date) -> None:
        """A new day begins: learn when requests came on the last one."""
        over = self.days.get(self.latest) if self.latest is not None and on > self.latest else None
        total = sum(over.requests) if over is not None and over.whole else 0
        if over is None or not total:
            return
        self.learned = [_FADE * old + new / total for old, new in zip(self.learned, over.requests, strict=True)]
        weight = _PRIOR + sum(self.learned)
        self.profile = tuple((_PRIOR / HOURS + share) / weight for share in self.learned)
