"""What a drill showed: the requests that were drawn to do without a vendor beside those that were not, from the log.

Intention to treat: whoever was drawn counts, whether the vendor would have been used or not, and also while the drill
paused because something was really down. Sessions are the independent units (``clustered``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import RouteDecision
from router_ml.contract.base import is_unacted
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.rules.verdict import NO_LANE
from router_ml.offline.outage.arms import METRICS, DrillArm, Rows, arm_of, difference, interval
from router_ml.offline.outage.report import plain
from router_ml.offline.simulation.counting.results import Interval, Verdict
from router_ml.state.drills import Drill, drills_of

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.views.stories import Story

SUCCESS = 0.995
"""Share of the requests with a lane left that have to be answered."""
MARGINS = {"quality": 0.02, "usd_per_1000": 0.1, "latency_ms": 0.1}
"""How far from what the outage report said the difference between the arms may be: of quality in its own unit, of
cost and latency as a share of what they are without the outage."""


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


def drill_report(log: EventLog, drill_id: str) -> DrillReport:
    """What a drill showed so far.

    Raises:
        InvalidRequestError: the log holds no drill with this id. LogError: it cannot be read.
    """
    from router_ml.storage.views.stories import stories

    found = {drill.id: drill for drill in drills_of(log.drill_events())}
    if drill_id not in found:
        raise InvalidRequestError(f"The log holds no drill {drill_id}. Drills: {', '.join(found) or 'none'}.")
    drill = found[drill_id]
    return judged(drill, stories(log, since=drill.event.at, until=drill.end))


def judged(drill: Drill, told: Iterable[Story]) -> DrillReport:
    """The report of a drill from what is known of the decisions that were made while it ran."""
    event, arms = drill.event, {True: Rows(), False: Rows()}
    listed, floors = event.detail.get("lanes"), {}
    dark = {str(lane) for lane in listed} if isinstance(listed, list) else set()
    to_dark = paused = 0
    for story in told:
        drilled = story.decision.state.drill
        if drilled is None or drilled.drill != drill.id or not _due(story.decision):
            continue
        if is_unacted(story.decision.decision_id):  # happened to nobody
            continue
        arms[drilled.inside].add(story)
        floors[story.decision.traffic_class] = story.decision.floor
        paused += drilled.inside and not drilled.counts
        to_dark += drilled.counts and not dark.isdisjoint(_used(story))
    expected = _expected(event.detail.get("expected"))
    inside, outside = arms[True], arms[False]
    apart = {name: difference(inside.metric(name), outside.metric(name)) for name in METRICS}
    return DrillReport(
        drill=drill.id,
        place=str(event.detail.get("place", ", ".join(drill.places))),
        share=drill.share,
        start=event.at,
        end=drill.end,
        who=event.who,
        why=event.why,
        inside=arm_of(inside),
        outside=arm_of(outside),
        difference=apart,
        to_dark=to_dark,
        paused=paused,
        expected=expected,
        promises=tuple(_promises(inside, floors, expected, to_dark, apart)),
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


def _promises(
    inside: Rows,
    floors: Mapping[str, float],
    expected: Mapping[str, float],
    to_dark: int,
    apart: Mapping[str, Interval],
) -> Sequence[Promise]:
    """What the report said, one by one."""
    if not inside.session:
        return ()
    least = SUCCESS * (1 - expected.get("stops", 0.0))
    success = interval(inside.metric("success"), most=1.0)
    found = [
        Promise(
            "No request of the drill goes to what counts as down.",
            "kept" if not to_dark else "missed",
            f"{to_dark} did",
        ),
        Promise(f"At least {least:.1%} of the requests are answered.", _at_least(success, least), _told(success)),
    ]
    for name, floor in floors.items():
        quality = interval(inside.metric("quality", of_class=name), most=1.0)
        found.append(Promise(f"{name} keeps its floor of {floor:g}.", _at_least(quality, floor), _told(quality)))
    return [*found, *_against_the_others(expected, apart)]


def _against_the_others(expected: Mapping[str, float], apart: Mapping[str, Interval]) -> Iterator[Promise]:
    """What the report said of quality, cost and latency, as far as it did. What lanes make of requests may be believed
    too high or too low of all of them; what the outage changes is what it promised."""
    goes_on = 1 - expected.get("stops", 0.0)
    for name, margin in MARGINS.items():
        before, after = expected.get(f"{name}_before"), expected.get(name)
        if before is None or after is None:
            continue
        if name == "quality":
            least = after - before - margin
            claim = f"Quality inside less that beside it is at least {least:+.3f}."
            yield Promise(claim, _at_least(apart[name], least), _told(apart[name]))
            continue
        paid = after * goes_on if name == "usd_per_1000" else after  # what stops costs nothing, and takes no time
        most = paid - before + margin * before
        claim = (
            f"1,000 requests inside cost at most USD {most:+.3f} against those beside it."
            if name == "usd_per_1000"
            else f"Answers inside take at most {most:+,.0f} ms against those beside it."
        )
        yield Promise(claim, _at_most(apart[name], most), _told(apart[name]))


def _at_least(found: Interval, least: float) -> Verdict:
    if found.low >= least:
        return "kept"
    return "missed" if found.high < least else "not shown"


def _at_most(found: Interval, most: float) -> Verdict:
    return _at_least(Interval(-found.value, -found.high, -found.low), -most)


def _told(found: Interval) -> str:
    return "not known" if math.isnan(found.value) else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
