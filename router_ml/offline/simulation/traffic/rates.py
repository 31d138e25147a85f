"""How often requests come, and which: the rate of arrivals over time, and the weights of kinds in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.scenarios.checking import NONE
from router_ml.offline.simulation.scenarios.scenario import MOST_DAYS, Scenario, Wave
from router_ml.offline.simulation.traffic.kinds import Kinds

Floats = NDArray[np.float64]

_SHAPES: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * 24,
    "office": (
        *(0.15, 0.1, 0.1, 0.1, 0.15, 0.25, 0.5, 1.1, 1.9, 2.3, 2.4, 2.2),
        *(1.7, 2.0, 2.3, 2.2, 1.9, 1.4, 0.9, 0.6, 0.45, 0.35, 0.25, 0.2),
    ),
    "consumer": (
        *(0.6, 0.35, 0.2, 0.15, 0.15, 0.2, 0.4, 0.7, 0.9, 1.0, 1.1, 1.2),
        *(1.3, 1.2, 1.1, 1.1, 1.2, 1.3, 1.5, 1.8, 2.0, 2.0, 1.6, 1.0),
    ),
}
"""Weights of the hours of a day, UTC: none, people at work in one time zone, people at home."""


@dataclass(frozen=True)
class Rates:
    """Stretches of time in which nothing about arrivals changes. edges: (s + 1,) hours; mass: (s,) share of all
    requests, sum 1; phase: (s,) which of ``weights`` holds; weights: (p, k) of the kinds, rows sum to 1."""

    edges: Floats
    mass: Floats
    phase: NDArray[np.int64]
    weights: Floats

    def phase_at(self, hour: Floats) -> NDArray[np.int64]:
        """Which weights hold at hours."""
        stretch = np.searchsorted(self.edges, hour, side="right") - 1
        return np.asarray(self.phase[np.clip(stretch, 0, len(self.phase) - 1)])


def rates(scenario: Scenario, kinds: Kinds) -> Rates:
    """The rate of a scenario: day, week and bursts multiply, and a wave adds what it makes come more often.

    Raises:
        OfflineDataError: a wave is of requests that are not among the kinds, or there are more than ``MOST_DAYS``.
    """
    traffic = scenario.traffic
    if not traffic.days <= MOST_DAYS:
        raise OfflineDataError(f"Found {traffic.days:g} days of traffic; a run has at most {MOST_DAYS:g}. Give fewer.")
    hours, start = 24 * traffic.days, aware(traffic.start)
    waves = [event for event in scenario.events if isinstance(event, Wave)]
    spans = [(each.at_hour, each.at_hour + each.hours) for each in traffic.bursts]
    spans += [(wave.at_hour, wave.at_hour + wave.hours) for wave in waves]
    edges = _edges(start, hours, spans)
    middle = (edges[:-1] + edges[1:]) / 2
    level = _level(
        traffic.daily if not isinstance(traffic.daily, str) else _SHAPES[traffic.daily], traffic.weekly, start, middle
    )
    for burst in traffic.bursts:
        level = level * np.where((middle >= burst.at_hour) & (middle < burst.at_hour + burst.hours), burst.times, 1.0)
    phase, weights = _weights(waves, kinds, middle)
    total = weights.sum(axis=1)
    mass = level * np.diff(edges) * total[phase]
    if not mass.sum() > 0:
        raise OfflineDataError("The daily and weekly weights leave no hour of the run with requests. Correct them.")
    return Rates(edges, mass / mass.sum(), phase, weights / total[:, None])


def aware(start: datetime) -> datetime:
    """A start in UTC; one without a time zone is meant so."""
    return start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)


def holds(facts: Facts, field: str, value: str) -> bool:
    """Whether a request is of a value: of its risks any, of everything else the one it has, in any case."""
    if field == "risk":
        return value in facts.risks if value != NONE else not facts.risks
    found: str | None = getattr(facts, field)
    return found is None if value == NONE else found is not None and found.casefold() == value.casefold()


def _weights(waves: Sequence[Wave], kinds: Kinds, middle: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The phase of each stretch, (s,), and the weight of each kind in each phase, (p, k), 1 in all without waves."""
    if not waves:
        return np.zeros(len(middle), np.int64), kinds.weight[None, :]
    now = np.stack([(middle >= wave.at_hour) & (middle < wave.at_hour + wave.hours) for wave in waves], axis=1)
    patterns, phase = np.unique(now, axis=0, return_inverse=True)
    more = np.stack([np.where(mask, wave.times, 1.0) for wave, mask in zip(waves, _struck(waves, kinds), strict=True)])
    raised = [np.prod(more[pattern], axis=0) for pattern in patterns]
    return np.asarray(phase, np.int64).reshape(-1), kinds.weight * np.stack(raised)


def _struck(waves: Sequence[Wave], kinds: Kinds) -> list[NDArray[np.bool_]]:
    """The kinds that each wave is of, (k,)."""
    masks = []
    for wave in waves:
        of: Mapping[str, str] = {str(field): value for field, value in wave.of.items()}
        mask = np.array([all(holds(facts, *each) for each in of.items()) for facts in kinds.facts])
        if not (mask & (kinds.weight > 0)).any():
            named = ", ".join(f"{field} {value}" for field, value in of.items())
            raise OfflineDataError(
                f"The scenario has a wave of requests with {named}, and none of the {len(kinds)} kinds of requests is "
                f"one ({kinds.source}). Give such requests, or another wave."
            )
        masks.append(mask)
    return masks


def _edges(start: datetime, hours: float, spans: Sequence[tuple[float, float]]) -> Floats:
    """Whole hours of the clock, and where something begins or ends."""
    into = (start - start.replace(minute=0, second=0, microsecond=0)) / timedelta(hours=1)
    clock = np.arange(np.ceil(hours + into) + 1) - into
    edges = np.unique(np.concatenate([[0.0, hours], clock, np.array(spans, np.float64).reshape(-1)]))
    return np.asarray(edges[(edges >= 0) & (edges <= hours)])


def _level(daily: Sequence[float], weekly: Sequence[float], start: datetime, middle: Floats) -> Floats:
    """Requests per hour at hours since the start, up to a factor."""
    monday = 24 * start.weekday() + (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(
        hours=1
    )
    clock = np.floor(middle + monday).astype(np.int64)
    return np.asarray(np.array(daily, np.float64)[clock % 24] * np.array(weekly, np.float64)[clock // 24 % 7])
