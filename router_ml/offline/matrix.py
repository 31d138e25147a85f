"""What a policy would do to spend, quality and lane shares, and what happens while a provider is dark.

Traffic replays an outcome matrix: what each lane would have answered is known for each prompt, so that any policy can
be played on it. The decision code is the router's own (``estimate``, ``distribution``); each prompt is estimated once,
and a request costs a gather and a draw. All policies meet the same requests with the same luck.

What this does not know: guardrail policies, latency, rate limits, budgets, learning during the run. Prompts that the
allocation has learned from flatter it; give it prompts it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation, estimate, preferred
from router_ml.allocation.select import Rule, distribution
from router_ml.config import Lane, RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.champion import class_rule
from router_ml.offline.traffic import Outage, Traffic, lanes_of, periods_of, struck_by, traffic_from_matrix

__all__ = [
    "Outage",
    "Policy",
    "Result",
    "Tally",
    "Traffic",
    "always",
    "champion",
    "class_rule",
    "compare",
    "draw_rows",
    "play",
    "simulate",
    "tally",
    "traffic_from_matrix",
]

Floats = NDArray[np.float64]
Policy = Callable[[NDArray[np.bool_]], Floats]  # eligible lanes (L,) to propensities (prompts, L)

Z95 = 1.959963984540054
_BUCKETS = 56  # of the timeline: three hours each in a week
_ROWS = 65_536  # requests drawn at once; bounds memory and stays in cache


@dataclass(frozen=True)
class Tally:
    """What became of some requests.

    ``quality`` is the mean over those that were served, with its 95% interval over clusters of prompts: the same prompt
    played twice is no new evidence. It is NaN where nothing was served.
    """

    requests: int
    requests_without_lane: int
    lane_requests: dict[str, int]
    spend_usd: float
    quality: float
    quality_low: float
    quality_high: float

    @property
    def lane_shares(self) -> dict[str, float]:
        """Share of all requests by lane."""
        return {lane: count / max(self.requests, 1) for lane, count in self.lane_requests.items()}

    @property
    def usd_per_1000(self) -> float:
        """USD per 1,000 requests served."""
        return 1000 * self.spend_usd / max(self.requests - self.requests_without_lane, 1)


@dataclass(frozen=True)
class Result:
    """A policy on traffic: all requests, and those while something was dark (None without an outage).

    violations: requests that went to a lane which was dark or disabled. timeline: (buckets, L + 1) requests by lane,
    those without a lane last; bucket b covers ``edges`` b to b + 1, in hours.
    """

    policy: str
    lanes: tuple[str, ...]
    outages: tuple[Outage, ...]
    total: Tally
    in_outage: Tally | None
    violations: int
    edges: Floats
    timeline: NDArray[np.int64]

    def row(self) -> dict[str, object]:
        """One row of a table: plain values."""
        total, dark = self.total, self.in_outage
        return {
            "policy": self.policy,
            "requests": total.requests,
            "spend_usd": total.spend_usd,
            "usd_per_1000": total.usd_per_1000,
            "quality": total.quality,
            "quality_low": total.quality_low,
            "quality_high": total.quality_high,
            "requests_without_lane": total.requests_without_lane,
            "violations": self.violations,
            **{f"share_{lane}": share for lane, share in total.lane_shares.items()},
            "outage_requests": dark.requests if dark else 0,
            "outage_without_lane": dark.requests_without_lane if dark else 0,
            "outage_quality": dark.quality if dark and dark.requests > dark.requests_without_lane else None,
        }


def simulate(
    config: RouterConfig,
    allocation: Allocation | None,
    traffic: Traffic,
    *,
    rule: Rule,
    outages: Sequence[Outage] = (),
    fixed_lane: str | None = None,
    seed: int = 0,
) -> Result:
    """Play ``traffic`` under the champion, or under one lane for everything.

    Args:
        config, allocation: of the champion; an allocation of None knows priors alone.
        rule: what selection is asked for; ``class_rule`` gives that of a traffic class.
        outages: what is dark when; lanes are excluded while they are.
        fixed_lane: send everything here instead; while it is dark, requests get no lane.
        seed: of the draws.

    Raises:
        OfflineDataError: traffic, outages or ``fixed_lane`` name what is not configured or has no outcomes.
    """
    lanes = lanes_of(config, traffic)
    if fixed_lane is None:
        name, policy = "champion", champion(lanes, allocation, traffic, rule)
    else:
        name, policy = f"always {fixed_lane}", always(traffic, fixed_lane)
    return play(name, policy, lanes, traffic, outages=outages, seed=seed)


def compare(
    config: RouterConfig,
    allocation: Allocation | None,
    traffic: Traffic,
    *,
    rule: Rule,
    outages: Sequence[Outage] = (),
    seed: int = 0,
) -> list[Result]:
    """The champion and each fixed lane; with outages also the champion, and the lanes they strike, through them."""
    lanes = lanes_of(config, traffic)
    policies = {"champion": champion(lanes, allocation, traffic, rule)}
    policies |= {f"always {lane}": always(traffic, lane) for lane in traffic.lanes}
    results = [play(name, policy, lanes, traffic, seed=seed) for name, policy in policies.items()]
    if outages:
        struck = np.any([struck_by(lanes, outage) for outage in outages], axis=0)
        hit = [f"always {lane}" for lane, dark in zip(traffic.lanes, struck, strict=True) if dark]
        what = " and ".join(f"{outage.provider} dark {outage.hours:g} h" for outage in outages)
        for name in ["champion", *hit]:
            results.append(play(f"{name}, {what}", policies[name], lanes, traffic, outages=outages, seed=seed))
    return results


def champion(lanes: dict[str, Lane], allocation: Allocation | None, traffic: Traffic, rule: Rule) -> Policy:
    """The router's own choice among ``lanes``; estimates are made once per prompt, here."""
    known = estimate(allocation, lanes, traffic.contexts)

    def propensities(eligible: NDArray[np.bool_]) -> Floats:
        allowed = np.broadcast_to(eligible, known.cost_usd.shape)
        exploit = preferred(known.belief, known.cost_usd, known.typical, allowed, rule)
        return distribution(known.belief, known.cost_usd, allowed, rule, exploit=exploit)

    return propensities


def always(traffic: Traffic, lane: str) -> Policy:
    """One lane for everything.

    Raises:
        OfflineDataError: the lane has no outcomes.
    """
    if lane not in traffic.lanes:
        raise OfflineDataError(f"Lane {lane!r} has no outcomes; expected one of {', '.join(traffic.lanes)}.")
    only = np.array([[name == lane for name in traffic.lanes]])
    return lambda eligible: np.repeat((only & eligible).astype(np.float64), len(traffic.contexts), axis=0)


def play(
    name: str,
    policy: Policy,
    lanes: dict[str, Lane],
    traffic: Traffic,
    *,
    outages: Sequence[Outage] = (),
    seed: int = 0,
) -> Result:
    """Draw a lane for every request and count. ``lanes``: those of the traffic, as configured, in its order."""
    chosen = np.empty(len(traffic), dtype=np.int64)
    dark_at = np.zeros(len(traffic), dtype=bool)
    violations, random = 0, np.random.default_rng(seed)
    for part, eligible, dark in periods_of(lanes, traffic, outages):
        propensities = policy(eligible)
        for start in range(part.start, part.stop, _ROWS):
            rows = slice(start, min(start + _ROWS, part.stop))
            points = random.random(rows.stop - rows.start)
            chosen[rows] = draw_rows(propensities, traffic.prompt[rows], points)
        taken = chosen[part]
        violations += int((~eligible[taken[taken >= 0]]).sum())
        dark_at[part] = dark
    edges = np.linspace(0, traffic.hours, _BUCKETS + 1)
    bucket = np.minimum((traffic.hour * (_BUCKETS / traffic.hours)).astype(np.int64), _BUCKETS - 1)
    width = len(lanes) + 1
    timeline = np.bincount(bucket * width + np.where(chosen < 0, width - 1, chosen), minlength=_BUCKETS * width)
    in_outage = tally(traffic, traffic.prompt[dark_at], chosen[dark_at]) if outages else None
    total = tally(traffic, traffic.prompt, chosen)
    shape = (_BUCKETS, width)
    return Result(name, traffic.lanes, tuple(outages), total, in_outage, violations, edges, timeline.reshape(shape))


def draw_rows(propensities: Floats, prompt: NDArray[np.int64], points: Floats) -> NDArray[np.int64]:
    """One lane per request, -1 where its prompt has none: ``select.draw`` for many rows at once.

    Args:
        propensities: (p, L), rows that sum to 1 or are all 0. prompt: (n,) the row of each request.
        points: (n,) uniform in [0, 1).
    """
    total, last = propensities.sum(axis=1), propensities.shape[1] - 1 - (propensities[:, ::-1] > 0).argmax(axis=1)
    ladder = np.cumsum(propensities, axis=1)
    passed = (ladder[prompt] <= (points * total[prompt])[:, None]).sum(axis=1)
    return np.where(total[prompt] > 0, np.minimum(passed, last[prompt]), -1)


def tally(traffic: Traffic, prompt: NDArray[np.int64], chosen: NDArray[np.int64]) -> Tally:
    """Totals of requests: ``prompt`` (n,) and the ``chosen`` lane (n,), -1 for none."""
    prompts, lanes = traffic.quality.shape
    served = chosen >= 0
    cells = np.bincount(prompt[served] * lanes + chosen[served], minlength=prompts * lanes).reshape(prompts, lanes)
    quality, low, high = _mean(cells, traffic)
    return Tally(
        requests=len(prompt),
        requests_without_lane=int((~served).sum()),
        lane_requests=dict(zip(traffic.lanes, cells.sum(axis=0).tolist(), strict=True)),
        spend_usd=float((cells * traffic.cost_usd).sum()),
        quality=quality,
        quality_low=low,
        quality_high=high,
    )


def _mean(cells: NDArray[np.int64], traffic: Traffic) -> tuple[float, float, float]:
    """Mean quality over counts (p, L) and its 95% interval, clusters taken as the independent units."""
    count = int(cells.sum())
    if count == 0:
        return float("nan"), float("nan"), float("nan")
    mean = float((cells * traffic.quality).sum() / count)
    _, cluster = np.unique(traffic.cluster, return_inverse=True)
    residual = np.bincount(cluster, (cells * (traffic.quality - mean)).sum(axis=1))
    units = int((np.bincount(cluster, cells.sum(axis=1)) > 0).sum())
    if units < 2:
        return mean, 0.0, 1.0  # one unit says nothing about the spread between units
    error = Z95 * float(np.sqrt((residual**2).sum() * units / (units - 1))) / count
    return mean, max(mean - error, 0.0), min(mean + error, 1.0)
