"""What became of requests in a drill or beside it, with intervals over sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from router_ml.offline.estimating.clustered import Z95_TWO_SIDED, Mean, mean, ratio, student
from router_ml.offline.judging.pricing import price
from router_ml.offline.simulation.counting.results import Interval

if TYPE_CHECKING:
    from router_ml.storage.views.stories import Story

METRICS = ("success", "quality", "usd_per_1000", "latency_ms")
_UNKNOWN = Interval(math.nan, math.nan, math.nan)
_SERVED = ("answered", "static_answer")


@dataclass(frozen=True)
class DrillArm:
    """Requests that a lane should have answered, of those drawn into the drill or of the others; with 95% intervals,
    NaN where nothing is known. ``reported``: of how many it is known what became of them, which ``success`` rests on;
    ``rated``: how many ``quality`` rests on. ``lanes``: share of those reported that each answered."""

    requests: int
    sessions: int
    reported: int
    success: Interval
    quality: Interval
    rated: int
    usd_per_1000: Interval
    latency_ms: Interval
    lanes: Mapping[str, float]


@dataclass
class Rows:
    """What is known of the requests of an arm, in columns; NaN where nothing is."""

    session: list[str] = field(default_factory=list)
    traffic_class: list[str] = field(default_factory=list)
    success: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    usd_per_1000: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    lane: list[str | None] = field(default_factory=list)
    executed: list[bool] = field(default_factory=list)
    paid: list[bool] = field(default_factory=list)

    @property
    def reported(self) -> int:
        """Of how many it is known what became of them. Where nobody reports what is carried out, those that no lane
        was left for are known alone, and say nothing of the others."""
        return int(np.isfinite(self.success).sum()) if any(self.executed) else 0

    def add(self, story: Story) -> None:
        """A request that a lane should answer."""
        decision, last = story.decision, story.executions[-1] if story.executions else None
        served = last is not None and last.status in _SERVED and last.final_lane is not None
        rated = [outcome for outcome in story.outcomes if outcome.quality is not None]
        took = [outcome.latency_ms for outcome in story.outcomes if outcome.latency_ms is not None]
        assert decision.state.drill is not None
        self.session.append(decision.state.drill.session)
        self.traffic_class.append(decision.traffic_class)
        self.success.append(float(served) if last is not None or decision.lane is None else math.nan)
        self.quality.append(math.nan if not rated else float(rated[-1].quality or 0.0))
        self.weight.append(1.0 / rated[-1].rated_probability if rated else 0.0)
        priced = price(story)
        self.paid.append(priced.source in ("executed", "reported"))
        # what was only expected is what the outage report said, so it cannot bear it out
        guessed = priced.source == "expected" or (priced.source == "nowhere" and decision.lane and last is None)
        self.usd_per_1000.append(math.nan if guessed else 1000 * priced.usd)
        waited = last.latency_ms if last is not None and served else None
        self.latency_ms.append(waited if waited is not None else took[-1] if took else math.nan)
        self.lane.append(last.final_lane if last is not None and served else None)
        self.executed.append(last is not None)

    def metric(self, name: str, *, of_class: str | None = None) -> Mean | None:
        """A mean over the requests of which it is known."""
        if (name == "success" and not self.reported) or (name == "usd_per_1000" and not any(self.paid)):
            return None
        values, weight = np.array(getattr(self, name)), np.array(self.weight)
        keep = np.isfinite(values)
        if of_class is not None:
            keep &= np.array(self.traffic_class) == of_class
        if not keep.any():
            return None
        cluster = np.array(self.session)[keep]
        if name == "quality":
            return ratio(values[keep] * weight[keep], weight[keep], cluster)
        return mean(values[keep], cluster, reach=1.0 if name == "success" else 0.0)


def arm_of(rows: Rows) -> DrillArm | None:
    """The requests of an arm, summed up; None without any."""
    if not rows.session:
        return None
    answered = [lane for lane in rows.lane if lane is not None]
    return DrillArm(
        requests=len(rows.session),
        sessions=len(set(rows.session)),
        reported=rows.reported,
        success=interval(rows.metric("success"), most=1.0),
        quality=interval(rows.metric("quality"), most=1.0),
        rated=int(np.isfinite(rows.quality).sum()),
        usd_per_1000=interval(rows.metric("usd_per_1000")),
        latency_ms=interval(rows.metric("latency_ms")),
        lanes={lane: answered.count(lane) / rows.reported for lane in sorted(set(answered))},
    )


def interval(found: Mean | None, *, most: float = math.inf) -> Interval:
    """A mean from 0 to ``most`` with its 95% interval; as wide as that where too little is known."""
    if found is None:
        return _UNKNOWN
    half = found.half() if math.isfinite(found.standard_error) else math.inf
    return Interval(found.value, max(found.value - half, 0.0), min(found.value + half, most))


def difference(one: Mean | None, other: Mean | None) -> Interval:
    """Of two independent means, by Welch (1947)."""
    if one is None or other is None:
        return _UNKNOWN
    value, parts = one.value - other.value, [one.standard_error**2, other.standard_error**2]
    if not math.isfinite(sum(parts)):
        return Interval(value, -math.inf, math.inf)
    spread = sum(part**2 / each.freedom for part, each in zip(parts, (one, other), strict=True))
    half = student(Z95_TWO_SIDED, sum(parts) ** 2 / spread if spread > 0 else math.inf) * math.sqrt(sum(parts))
    return Interval(value, value - half, value + half)
