"""How lanes behave, by a log's own calls and plans: how often they fail on an ordinary day, how their time varies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.cost import latency
from router_ml.config import RouterConfig
from router_ml.offline.estimating.clustered import Z95_TWO_SIDED
from router_ml.offline.simulation.counting.results import Interval
from router_ml.offline.simulation.logged.beside import Calls
from router_ml.offline.simulation.scenarios.checking import DEFAULT
from router_ml.offline.simulation.scenarios.scenario import Behaviour
from router_ml.storage.database.records import LoggedData

LEAST_CALLS = 200
"""Calls from which on an error rate is taken from a log; below it that of ``Behaviour`` stands."""
LEAST_TIMES = 50
"""Answered calls from which on the spread of latency is."""
DARK = 0.5
"""Share of failures from which on an hour of a lane is trouble, not an ordinary one; scenarios bring their own."""
LEAST_IN_AN_HOUR = 5


@dataclass(frozen=True)
class Measured:
    """One lane in a log: ``calls`` that ``failed`` and ``timed_out`` in ordinary hours, ``error_rate`` with its 95%
    interval (Wilson 1927); ``left_out`` calls of ``dark_hours`` in which most failed; ``timed`` answered calls:
    ``pace``, the median of their time over the one that is configured as typical, and ``spread``, the standard
    deviation of its logarithm; NaN without any."""

    lane: str
    calls: int
    failed: int
    timed_out: int
    error_rate: Interval
    left_out: int
    dark_hours: int
    timed: int
    pace: float
    spread: float

    @property
    def behaviour(self) -> Behaviour:
        """As a scenario of other traffic says it: what too few calls tell stays as it is there by default. On the log
        itself failures are in the outcomes already, see ``on_the_log``."""
        usual = Behaviour()
        return Behaviour(
            error_rate=self.error_rate.value if self.calls >= LEAST_CALLS else usual.error_rate,
            spread=self.spread if self.timed >= LEAST_TIMES else usual.spread,
        )

    @property
    def note(self) -> str:
        """What the calls of the log came to."""
        dark = f", {self.left_out} calls of {self.dark_hours} dark hours left out" if self.left_out else ""
        return f"{self.lane}: {self.failed} of {self.calls} calls of the log failed{dark}."


@dataclass(frozen=True)
class Times:
    """Of ``plans`` that began with a lane, failed hops and fallbacks included: ``pace``, the median of their time over
    what was expected, and ``spread``, the standard deviation of its logarithm."""

    plans: int
    pace: float
    spread: float

    @property
    def mean(self) -> float:
        """Mean over what was expected, of a log-normal of this median and spread."""
        return self.pace * math.exp(self.spread**2 / 2)


def plan_times(data: LoggedData, expected_ms: NDArray[np.float64], lanes: Sequence[str]) -> dict[str, Times]:
    """How long plans took, by the lane that they began with, of lanes with at least ``LEAST_TIMES`` of them.

    Args:
        expected_ms: (n, L) of each decision on each of ``lanes``.
    """
    result = {}
    for column, name in enumerate(lanes):
        if name not in data.lanes:
            continue
        mine = (data.action == data.lanes.index(name)) & (data.latency_ms > 0) & (expected_ms[:, column] > 0)
        if mine.sum() >= LEAST_TIMES:
            ratio = np.log(data.latency_ms[mine] / expected_ms[mine, column])
            result[name] = Times(len(ratio), float(np.exp(np.median(ratio))), float(ratio.std(ddof=1)))
    return result


def behaviour_from_log(calls: Calls, config: RouterConfig) -> dict[str, Measured]:
    """What a log's calls say of each configured lane that it called; ``measured.behaviour`` is for a scenario."""
    result = {}
    for number, name in enumerate(calls.lanes):
        if name in config.lanes:
            result[name] = _measured(name, calls, calls.lane == number, config)
    return dict(sorted(result.items()))


def behaviours(measured: Mapping[str, Measured]) -> dict[str, Behaviour]:
    """For ``Scenario.lanes``, of traffic that is not the log's own."""
    return {name: each.behaviour for name, each in measured.items()}


def on_the_log(
    given: Mapping[str, Behaviour], measured: Mapping[str, Measured], times: Mapping[str, Times]
) -> dict[str, Behaviour]:
    """``Scenario.lanes`` for the log itself. What a scenario says of a lane, or of all others, stands. Where it says
    nothing, calls fail in its troubles alone, since outcomes and times of the log are those of plans, failures
    included; and times spread as those of plans do, or else those of calls."""
    spreads = {name: each.spread for name, each in measured.items() if each.timed >= LEAST_TIMES}
    spreads |= {name: each.spread for name, each in times.items()}
    usual = given.get(DEFAULT, Behaviour())
    result = {}
    for name in sorted({DEFAULT, *given, *spreads}):
        lane = given.get(name, usual)
        known = {"error_rate": 0.0, **({"spread": spreads[name]} if name in spreads else {})}
        result[name] = lane.model_copy(update={k: v for k, v in known.items() if k not in lane.model_fields_set})
    return result


def _measured(name: str, calls: Calls, mine: NDArray[np.bool_], config: RouterConfig) -> Measured:
    hour, failed = calls.hour[mine], calls.failed[mine]
    hours, member = np.unique(hour, return_inverse=True)
    count, failures = np.bincount(member), np.bincount(member, failed)
    dark = (count >= LEAST_IN_AN_HOUR) & (failures >= DARK * count)
    ordinary = ~dark[member]
    good = ordinary & ~failed & (calls.latency_ms[mine] > 0) & (calls.tokens_out[mine] > 0)
    typical = latency([config.lanes[name]], calls.tokens_out[mine][good][:, None])[:, 0]
    ratio = np.log(np.maximum(calls.latency_ms[mine][good], 1e-3) / np.maximum(typical, 1e-3))
    return Measured(
        lane=name,
        calls=int(ordinary.sum()),
        failed=int(failed[ordinary].sum()),
        timed_out=int(calls.timed_out[mine][ordinary].sum()),
        error_rate=wilson(int(failed[ordinary].sum()), int(ordinary.sum())),
        left_out=int((~ordinary).sum()),
        dark_hours=len(hours[dark]),
        timed=len(ratio),
        pace=float(np.exp(np.median(ratio))) if len(ratio) else math.nan,
        spread=float(ratio.std(ddof=1)) if len(ratio) > 1 else math.nan,
    )


def wilson(hits: int, count: int) -> Interval:
    """A share with its 95% interval (Wilson 1927).

    >>> found = wilson(2, 100)
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (0.02, 0.0055, 0.07)
    """
    if not count:
        return Interval(math.nan, 0.0, 1.0)
    z, share = Z95_TWO_SIDED, hits / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return Interval(share, max(centre - half, 0.0), min(centre + half, 1.0))
