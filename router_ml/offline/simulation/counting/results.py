"""What came of a simulation: per policy, per traffic class, over time, and between policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Verdict = Literal["kept", "not shown", "missed", "no promise"]


@dataclass(frozen=True)
class Interval:
    """A value with its 95% interval; NaN where nothing is known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Latencies:
    """Milliseconds from the arrival of a request to its answer, failed calls and pauses included; of answered ones."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class ClassResult:
    """One traffic class. ``due``: requests that a lane should have answered (not refused, asked back or given to people
    by a rule; what is refused or queued because the money was spent is due); ``served`` of these. ``quality``: mean
    over those served. ``floor_verdict``: whether that reaches the floor, with 95% confidence. ``dark_minutes``:
    five-minute stretches with requests of which none was served, in minutes, of a run on average. ``budget_usd``: of a
    day, None without one; ``over_budget_days``: days of all runs on which over 1% more was spent (the request that
    spends the last of it always goes a little over). ``no_lane``: requests without an answer, by reason."""

    name: str
    requests: int
    due: int
    served: int
    spend_usd: float
    quality: Interval
    floor: float
    floor_verdict: Verdict
    latency: Latencies
    dark_minutes: float
    budget_usd: float | None
    over_budget_days: int
    no_lane: Mapping[str, int]

    @property
    def success(self) -> float:
        """Served over due, 1 where nothing was due."""
        return self.served / self.due if self.due else 1.0


@dataclass(frozen=True)
class Exploration:
    """Requests that went to another lane than the preferred one, what that cost in USD more, and the quality that it
    gave up per request of the run, both in expectation of what is true."""

    requests: int
    usd: float
    quality: float


@dataclass(frozen=True)
class Reviews:
    """What went to people: asked for, granted, expired, the longest queue (of several runs the mean), and the hours
    that half and 95% of what they looked at had waited."""

    asked: int
    granted: int
    expired: int
    longest: int
    p50_hours: float
    p95_hours: float


@dataclass(frozen=True)
class Series:
    """Over time: ``edges`` (b + 1,) in hours; per bucket (b,) requests, due, served, spend_usd, quality (mean of the
    served, NaN without), p95_ms (NaN without), waiting (for people, at its end, of a run on average); by_lane (b, L)
    requests served by each lane; classes_served and classes_due (b, c)."""

    edges: Floats
    requests: NDArray[np.int64]
    due: NDArray[np.int64]
    served: NDArray[np.int64]
    spend_usd: Floats
    quality: Floats
    p95_ms: Floats
    waiting: Floats
    by_lane: NDArray[np.int64]
    classes_due: NDArray[np.int64]
    classes_served: NDArray[np.int64]


@dataclass(frozen=True)
class Result:
    """One policy on the traffic. ``violations``: calls to a lane that rules, limits or known health excluded (must be
    0), by what the policy itself said was eligible, and to lanes that are not there: it says that a run keeps to its
    decisions, not that these are right; tests show that baselines take their eligible lanes from the champion, and it
    from the router's rules. ``calls``: all that were made; ``failed_calls`` of these. ``cost``: mean USD per request
    due, and ``quality``: mean over served, by clusters of prompts. ``dark_minutes``: as of a class. ``runs``: how many,
    with a seed each, these are the sums of."""

    policy: str
    lanes: tuple[str, ...]
    requests: int
    due: int
    served: int
    spend_usd: float
    cost: Interval
    quality: Interval
    latency: Latencies
    lane_requests: Mapping[str, int]
    calls: int
    failed_calls: int
    violations: int
    exploration: Exploration
    reviews: Reviews
    refused: int
    asked_back: int
    no_lane: Mapping[str, int]
    dark_minutes: float
    classes: tuple[ClassResult, ...]
    series: Series
    notes: tuple[str, ...] = ()
    runs: int = 1

    @property
    def success(self) -> float:
        """Served over due, 1 where nothing was due."""
        return self.served / self.due if self.due else 1.0

    @property
    def usd_per_1000(self) -> float:
        """USD per 1,000 requests due."""
        return 1000 * self.spend_usd / max(self.due, 1)


@dataclass(frozen=True)
class Difference:
    """A policy less another on the same requests with the same luck: quality of a served request, USD per 1,000 due,
    and share of due that was served; intervals by clusters of prompts."""

    policy: str
    against: str
    quality: Interval
    usd_per_1000: Interval
    success: Interval


@dataclass(frozen=True)
class Curve:
    """Mean USD per request (v,) and mean quality (v,) of a family of policies, or of lanes that are mixed."""

    cost_usd: Floats
    quality: Floats


@dataclass(frozen=True)
class Trouble:
    """Something that happened, for a timeline: ``end`` None where it lasts."""

    start: float
    end: float | None
    what: str
    lanes: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """All policies on one scenario. ``results``: the champion first. ``differences``: each other policy less the
    champion. ``curves``: ``hull`` of the fixed lanes, ``oracle`` and ``shuffled`` over their trade-offs, on the traffic
    as it comes while nothing happens. ``truth``, ``in_sample``, ``source``: of the requests, see ``Kinds``.
    ``extrapolated``: share of each policy's requests whose outcome no logged decision supports, where the truth is a
    log's."""

    scenario: str
    description: str
    start: datetime
    hours: float
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]
    curves: Mapping[str, Curve]
    troubles: tuple[Trouble, ...]
    truth: str
    in_sample: bool
    source: str
    kinds: int
    seed: int
    versions: Mapping[str, str]
    extrapolated: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
