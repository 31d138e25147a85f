"""Sums over requests that add up, and what was saved with its interval; memory does not grow with the requests.

Requests of one organisation in one minute are a cluster. Clusters share ``BUCKETS`` buckets: a union of clusters is a
cluster, so the interval stays valid.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from router_ml.contract import RouteDecision
from router_ml.offline.estimating.clustered import Floats, ratio
from router_ml.offline.judging.pricing import Part, Priced

BUCKETS = 256


@dataclass(frozen=True)
class SpendRow:
    """A group. ``executed``, ``reported`` and ``expected`` count requests by where their cost is from (hops, an
    outcome, the estimate); ``cost_usd`` is the sum of the three. Of ``executed_usd``: ``retries_usd`` (further calls of
    a lane) and ``fallbacks_usd`` (calls of another lane); and, of all calls, ``failed_usd``. Expected shares of the
    cost: ``exploration_usd``, ``rules_usd``. ``saved_usd`` against the baseline with a 95% interval, over ``compared``
    requests; None where it is not known, and in groups by what the draw decided."""

    group: tuple[str, ...]
    requests: int
    nowhere: int
    executed: int
    reported: int
    expected: int
    cost_usd: float
    executed_usd: float
    reported_usd: float
    expected_usd: float
    retries_usd: float
    fallbacks_usd: float
    failed_usd: float
    explored: int
    exploration_usd: float
    overridden: int
    rules_usd: float
    compared: int | None
    baseline_usd: float | None
    saved_usd: float | None
    saved_low: float | None
    saved_high: float | None
    saved_share: float | None
    saved_share_half: float | None


@dataclass(frozen=True)
class RuleCost:
    """A hard rule: ``requests`` that it kept from the lane that learning alone would have taken, the expected USD and
    quality that this made in all, ``unpriced`` of them without estimate, and requests that it ``stopped``."""

    rule: str
    requests: int
    usd: float
    quality: float
    unpriced: int
    stopped: int


@dataclass
class Sums:
    """Of one group. ``buckets``: (BUCKETS, 3) requests compared, baseline and difference."""

    counts: dict[str, int] = field(default_factory=dict)
    usd: dict[str, float] = field(default_factory=dict)
    buckets: Floats | None = None

    def add(self, decision: RouteDecision, priced: Priced, *, parts: Sequence[Part] | None = None) -> None:
        """Count a request, and its money unless it goes elsewhere."""
        self._count("requests")
        self._count(priced.source)
        self._count("explored", decision.explored)
        self._pay("exploration", priced.exploration_usd)
        if priced.rule is not None and not priced.rule.stopped:
            self._count("overridden")
            self._pay("rules", priced.rule.usd or 0.0)
        if priced.baseline_usd is not None:
            self.buckets = np.zeros((BUCKETS, 3)) if self.buckets is None else self.buckets
            name = f"{decision.circumstances.org}|{decision.created_at:%Y%m%d%H%M}"
            saved = priced.baseline_usd - priced.usd
            self.buckets[zlib.crc32(name.encode()) % BUCKETS] += (1.0, priced.baseline_usd, saved)
        for part in priced.parts if parts is None else parts:
            self.pay(part)

    def pay(self, part: Part) -> None:
        """Add money."""
        self._pay(part.kind, part.usd)
        if part.failed:
            self._pay("failed", part.usd)

    def _count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def _pay(self, name: str, usd: float) -> None:
        self.usd[name] = self.usd.get(name, 0.0) + usd

    def row(self, group: tuple[str, ...], *, drawn: bool = False) -> SpendRow:
        """All of it, as a row; ``drawn``: the group is of requests that the draw sent to one lane, which are not
        comparable with what another lane would have cost."""
        usd = {name: self.usd.get(name, 0.0) for name in ("first", "retry", "fallback", "reported", "expected")}
        executed = usd["first"] + usd["retry"] + usd["fallback"]
        names = ("requests", "nowhere", "executed", "reported", "expected", "explored", "overridden")
        return SpendRow(
            group=group,
            **{name: self.counts.get(name, 0) for name in names},
            cost_usd=executed + usd["reported"] + usd["expected"],
            executed_usd=executed,
            reported_usd=usd["reported"],
            expected_usd=usd["expected"],
            retries_usd=usd["retry"],
            fallbacks_usd=usd["fallback"],
            failed_usd=self.usd.get("failed", 0.0),
            exploration_usd=self.usd.get("exploration", 0.0),
            rules_usd=self.usd.get("rules", 0.0),
            **(dict.fromkeys(_SAVED) if drawn else _saved(self.buckets)),
        )


_SAVED = ("compared", "baseline_usd", "saved_usd", "saved_low", "saved_high", "saved_share", "saved_share_half")


def _saved(buckets: Floats | None) -> dict[str, Any]:
    if buckets is None:
        return {**dict.fromkeys(_SAVED), "compared": 0, "baseline_usd": 0.0, "saved_usd": 0.0}
    filled = buckets[buckets[:, 0] > 0]
    count, baseline, saved = filled.T
    cluster = np.arange(len(filled))
    total, rows = float(saved.sum()), float(count.sum())
    half = ratio(saved, count, cluster).half() * rows
    known = math.isfinite(half)
    share = ratio(saved, baseline, cluster) if baseline.sum() > 0 else None
    return {
        "compared": int(rows),
        "baseline_usd": float(baseline.sum()),
        "saved_usd": total,
        "saved_low": total - half if known else None,
        "saved_high": total + half if known else None,
        "saved_share": share.value if share else None,
        "saved_share_half": share.half() if share and known else None,
    }


@dataclass
class RuleSums:
    """Of one rule."""

    requests: int = 0
    usd: float = 0.0
    quality: float = 0.0
    unpriced: int = 0
    stopped: int = 0

    def add(self, priced: Priced) -> None:
        """Count a request that the rule bears on."""
        rule = priced.rule
        if rule is None or rule.stopped:
            self.stopped += rule is not None
            return
        self.requests += 1
        self.unpriced += rule.usd is None
        self.usd += rule.usd or 0.0
        self.quality += rule.quality or 0.0

    def row(self, name: str) -> RuleCost:
        """All of it, as a row."""
        return RuleCost(name, self.requests, self.usd, self.quality, self.unpriced, self.stopped)
