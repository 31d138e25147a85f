"""What a drill showed: the requests that were drawn to do without a vendor beside those that were not, from the log.

Intention to treat: whoever was drawn counts, whether the vendor would have been used or not, and also while the drill
paused because something was really down. Sessions are the independent units (``clustered``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from router_ml.contract import RouteDecision
from router_ml.drills import Drill, drills_of
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.verdict import NO_LANE
from router_ml.offline.clustered import Z95_TWO_SIDED, Mean, mean, ratio, student
from router_ml.offline.outage_report import plain
from router_ml.offline.pricing import price
from router_ml.offline.simulation.results import Interval, Verdict

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.stories import Story

SUCCESS = 0.995
"""Share of the requests with a lane left that have to be answered."""
_NEVER = "No request of the drill goes to what counts as down."
_UNKNOWN = Interval(math.nan, math.nan, math.nan)
_SERVED = ("answered", "static_answer")
METRICS = ("success", "quality", "usd_per_1000", "latency_ms")


@dataclass(frozen=True)
class DrillArm:
    """Requests that a lane should have answered, of those drawn into the drill or of the others; with 95% intervals,
    NaN where nothing is known. ``rated``: how many ``quality`` rests on. ``lanes``: share that each answered."""

    requests: int
    sessions: int
    success: Interval
    quality: Interval
    rated: int
    usd_per_1000: Interval
    latency_ms: Interval
    lanes: Mapping[str, float]


@dataclass(frozen=True)
class Promise:
    """Something that the outage report said, and whether the drill bears it out."""

    claim: str
    verdict: Verdict
    found: str


@dataclass(frozen=True)
class DrillReport:
    """A drill. ``inside`` and ``outside``: those drawn and the others, None without requests; ``difference``: inside
    less outside, by metric. ``to_dark``: requests inside that were planned on, or called, a lane that counted as down
    (must be 0). ``paused``: requests inside for which nothing counted as down, as something really was."""

    drill: str
    place: str
    share: float
    start: datetime
    end: datetime
    who: str
    why: str
    inside: DrillArm | None
    outside: DrillArm | None
    difference: Mapping[str, Interval]
    to_dark: int
    paused: int
    expected: Mapping[str, float]
    promises: tuple[Promise, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        whole = {**asdict(self), "start": self.start.isoformat(), "end": self.end.isoformat()}
        found = plain(whole)
        assert isinstance(found, dict)
        return found


@dataclass
class _Rows:
    """What is known of the requests of an arm, in columns; NaN where nothing is."""

    session: list[str] = field(default_factory=list)
    traffic_class: list[str] = field(default_factory=list)
    success: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    usd_per_1000: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    lane: list[str | None] = field(default_factory=list)

    def add(self, story: Story) -> None:
        """A request that a lane should answer."""
        decision, last = story.decision, story.executions[-1] if story.executions else None
        served = decision.lane is not None if last is None else last.status in _SERVED and last.final_lane is not None
        rated = [outcome for outcome in story.outcomes if outcome.quality is not None]
        took = [outcome.latency_ms for outcome in story.outcomes if outcome.latency_ms is not None]
        assert decision.state.drill is not None
        self.session.append(decision.state.drill.session)
        self.traffic_class.append(decision.traffic_class)
        self.success.append(float(served))
        self.quality.append(math.nan if not rated else float(rated[-1].quality or 0.0))
        self.weight.append(1.0 / rated[-1].rated_probability if rated else 0.0)
        self.usd_per_1000.append(1000 * price(story).usd)
        waited = last.latency_ms if last is not None and served else None
        self.latency_ms.append(waited if waited is not None else took[-1] if took else math.nan)
        answered = decision.lane if last is None else last.final_lane
        self.lane.append(answered if served else None)

    def metric(self, name: str, *, of_class: str | None = None) -> Mean | None:
        """A mean over the requests of which it is known."""
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


def drill_report(log: EventLog, drill_id: str) -> DrillReport:
    """What a drill showed so far.

    Raises:
        InvalidRequestError: the log holds no drill with this id. LogError: it cannot be read.
    """
    from router_ml.storage.stories import stories

    found = {drill.id: drill for drill in drills_of(log.audit_events())}
    if drill_id not in found:
        raise InvalidRequestError(f"The log holds no drill {drill_id}. Drills: {', '.join(found) or 'none'}.")
    drill = found[drill_id]
    return judged(drill, stories(log, since=drill.event.at, until=drill.end))


def judged(drill: Drill, told: Iterable[Story]) -> DrillReport:
    """The report of a drill from what is known of the decisions that were made while it ran."""
    event, arms = drill.event, {True: _Rows(), False: _Rows()}
    listed, floors = event.detail.get("lanes"), {}
    dark = {str(lane) for lane in listed} if isinstance(listed, list) else set()
    to_dark = paused = 0
    for story in told:
        drilled = story.decision.state.drill
        if drilled is None or drilled.drill != drill.id or not _due(story.decision):
            continue
        arms[drilled.inside].add(story)
        floors[story.decision.traffic_class] = story.decision.floor
        paused += drilled.inside and not drilled.counts
        to_dark += drilled.counts and not dark.isdisjoint(_used(story))
    expected = _expected(event.detail.get("expected"))
    inside, outside = arms[True], arms[False]
    return DrillReport(
        drill=drill.id,
        place=str(event.detail.get("place", ", ".join(drill.places))),
        share=drill.share,
        start=event.at,
        end=drill.end,
        who=event.who,
        why=event.why,
        inside=_arm(inside),
        outside=_arm(outside),
        difference={name: _difference(inside.metric(name), outside.metric(name)) for name in METRICS},
        to_dark=to_dark,
        paused=paused,
        expected=expected,
        promises=tuple(_promises(inside, floors, expected, to_dark)),
    )


def _expected(said: object) -> dict[str, float]:
    """What the event holds of the report."""
    found = said if isinstance(said, dict) else {}
    return {str(name): float(value) for name, value in found.items() if isinstance(value, int | float)}


def _due(decision: RouteDecision) -> bool:
    """Whether a lane should have answered, by the rules and in both arms alike."""
    return decision.action == "route" or decision.queue == NO_LANE


def _used(story: Story) -> set[str]:
    """The lanes that were planned or called."""
    decision = story.decision
    called = {hop.lane for run in story.executions for hop in run.hops if hop.called}
    planned = {decision.lane, *decision.fallback.lanes()} if decision.lane is not None else set()
    return called | {lane for lane in planned if lane is not None}


def _arm(rows: _Rows) -> DrillArm | None:
    if not rows.session:
        return None
    answered = [lane for lane in rows.lane if lane is not None]
    return DrillArm(
        requests=len(rows.session),
        sessions=len(set(rows.session)),
        success=_interval(rows.metric("success"), most=1.0),
        quality=_interval(rows.metric("quality"), most=1.0),
        rated=int(np.isfinite(rows.quality).sum()),
        usd_per_1000=_interval(rows.metric("usd_per_1000")),
        latency_ms=_interval(rows.metric("latency_ms")),
        lanes={lane: answered.count(lane) / len(rows.lane) for lane in sorted(set(answered))},
    )


def _interval(found: Mean | None, *, most: float = math.inf) -> Interval:
    if found is None:
        return _UNKNOWN
    half = found.half() if math.isfinite(found.standard_error) else math.inf
    return Interval(found.value, max(found.value - half, 0.0), min(found.value + half, most))


def _difference(one: Mean | None, other: Mean | None) -> Interval:
    """Of two independent means, by Welch (1947)."""
    if one is None or other is None:
        return _UNKNOWN
    value, parts = one.value - other.value, [one.standard_error**2, other.standard_error**2]
    if not math.isfinite(sum(parts)):
        return Interval(value, -math.inf, math.inf)
    spread = sum(part**2 / each.freedom for part, each in zip(parts, (one, other), strict=True))
    half = student(Z95_TWO_SIDED, sum(parts) ** 2 / spread if spread > 0 else math.inf) * math.sqrt(sum(parts))
    return Interval(value, value - half, value + half)


def _promises(
    inside: _Rows, floors: Mapping[str, float], expected: Mapping[str, float], to_dark: int
) -> Sequence[Promise]:
    """What the report said, one by one."""
    if not inside.session:
        return ()
    least = SUCCESS * (1 - expected.get("stops", 0.0))
    success = _interval(inside.metric("success"), most=1.0)
    found = [
        Promise(
            "No request of the drill goes to what counts as down.",
            "kept" if not to_dark else "missed",
            f"{to_dark} did",
        ),
        Promise(f"At least {least:.1%} of the requests are answered.", _at_least(success, least), _told(success)),
    ]
    for name, floor in floors.items():
        quality = _interval(inside.metric("quality", of_class=name), most=1.0)
        found.append(Promise(f"{name} keeps its floor of {floor:g}.", _at_least(quality, floor), _told(quality)))
    if "usd_per_1000" in expected:
        most, cost = expected["usd_per_1000"], _interval(inside.metric("usd_per_1000"))
        verdict: Verdict = "kept" if cost.high <= most else "missed" if cost.low > most else "not shown"
        found.append(Promise(f"1,000 requests cost at most ${most:.3f}.", verdict, _told(cost)))
    return found


def _at_least(found: Interval, least: float) -> Verdict:
    if found.low >= least:
        return "kept"
    return "missed" if found.high < least else "not shown"


def _told(found: Interval) -> str:
    return "nothing is known" if math.isnan(found.value) else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
