"""What an outage would do, as plain data: per traffic class and situation, per lane, in the first seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from router_ml.offline.coverage import Stop
from router_ml.offline.simulation.counting.results import Interval, Verdict


@dataclass(frozen=True)
class Service:
    """How requests are answered: share of them by lane, USD per 1,000, quality and milliseconds of an answer.

    ``quality``: what is measured with its 95% interval, where outcomes are known; else what is believed, with the mean
    of the 90% bounds of each lane, as if all errors went together.
    """

    lanes: Mapping[str, float]
    usd_per_1000: float
    quality: Interval
    latency_ms: float


@dataclass(frozen=True)
class Stopped:
    """Why requests have no lane left. ``reasons``: of each lane, most frequent first; ``change``: the smallest change
    of the configuration after which they would have one, as the rules themselves say."""

    reasons: Mapping[str, tuple[str, ...]]
    change: str


@dataclass(frozen=True)
class Situation:
    """Requests of a class with the same lanes left. ``because``: rules and limits that took lanes away from them, the
    outage aside, each with the share of the requests that it bears on. ``share``: of all traffic. ``survivors``: lanes
    that may answer while it is dark. Per minute of the busiest hour: ``demand`` of the situation, and ``capacity`` of
    the survivors, None where one has no limit configured. ``after`` and ``stopped``: one of them is None."""

    because: Mapping[str, float]
    share: float
    survivors: tuple[str, ...]
    demand: float
    capacity: float | None
    before: Service
    after: Service | None
    stopped: Stopped | None


@dataclass(frozen=True)
class ClassOutage:
    """A traffic class. ``share``: of all traffic that a lane should answer; ``stops``: of the class. ``floor``: the
    quality it is promised, and whether that is reached, before and during the outage, of what is answered during it.
    ``before_left``: as in the report."""

    name: str
    share: float
    stops: float
    moves: float
    floor: float
    floor_before: Verdict
    floor_after: Verdict
    before: Service
    after: Service | None
    situations: tuple[Situation, ...]
    before_left: Service | None = None

    @property
    def compared(self) -> Service:
        """What to hold ``after`` against: the same requests before, where any are left."""
        return self.before_left or self.before


@dataclass(frozen=True)
class LaneLoad:
    """A lane in the busiest hour: calls per minute ``before`` and ``after``, and ``capacity``, None without a limit."""

    lane: str
    provider: str
    region: str
    boundary: str
    struck: bool
    before: float
    after: float
    capacity: float | None


@dataclass(frozen=True)
class FirstSeconds:
    """What happens until the breakers open, ``breakers`` in each process, where failures come ``at_once`` or calls hang
    until they time out: ``seconds`` until a process leaves alone all that is dark, and ``requests`` of all processes
    that meet a dead lane first; ``wait_ms`` of each. ``probes``: requests that find out later whether it is back.
    ``rescued``: share of these requests that have a lane to fall back on which is not dark."""

    failures: int
    processes: int
    seconds: float
    seconds_hanging: float
    requests: float
    requests_hanging: float
    wait_ms: float
    probes: int
    rescued: float
    breakers: int = 1


@dataclass(frozen=True)
class OutageReport:
    """What an outage would do.

    ``struck``: lanes that answer nothing then; ``names``: what a router is told is down. ``requests``: expected while
    it lasts, from ``at_hour`` of the traffic on; ``peak_per_minute``: in its busiest hour. ``due``: share of these that
    a lane should answer; of ``due``, ``stops``: share that nothing is left for, ``moves``: share whose lane is dark and
    that go elsewhere. ``usd_before`` and ``usd_after``: of all of it. ``overflow``: requests per minute of the busiest
    hour that the limits of the surviving lanes leave no room for, at best. ``to_people``: requests an hour, at the
    peak, that would end with a person; ``batch``: share of what stops that came in batches, and can wait. ``by_rules``:
    what stops by the rules alone, whether this traffic holds it or not, as ``router-ml check`` says. ``truth``,
    ``in_sample``, ``source``: of the requests; ``demand``: where their number is from.
    ``rules``: why there are the policies that situations name. ``finally_``: what becomes of a request whose lanes have
    all failed. ``before_left``: as ``before``, of those requests alone that are answered while it lasts, to hold
    ``after`` against.
    """

    kind: str
    name: str
    struck: tuple[str, ...]
    names: tuple[str, ...]
    hours: float
    at_hour: float
    requests: float
    peak_per_minute: float
    due: float
    stops: float
    moves: float
    usd_before: float
    usd_after: float
    before: Service
    after: Service | None
    classes: tuple[ClassOutage, ...]
    lanes: tuple[LaneLoad, ...]
    overflow: float
    first: FirstSeconds
    to_people: float
    batch: float
    by_rules: tuple[Stop, ...]
    truth: str
    in_sample: bool
    source: str
    demand: str
    made_at: datetime
    versions: Mapping[str, str]
    rules: Mapping[str, str]
    finally_: str = "human_review"
    before_left: Service | None = None
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What goes dark, in words."""
        return f"{self.kind} {self.name}"

    @property
    def compared(self) -> Service:
        """What to hold ``after`` against: the same requests before, where any are left."""
        return self.before_left or self.before

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        if not self.moves and not self.stops:
            return "Traffic goes on: none of it uses what goes dark."
        if not self.stops:
            return f"Traffic goes on: {self.moves:.1%} of it moves to other lanes at once, and nothing stops."
        names = ", ".join(f"{item.stops:.1%} of {item.name}" for item in self.classes if item.stops)
        return f"{self.stops:.1%} of traffic stops ({names}); {self.moves:.1%} moves to other lanes at once."

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        whole = {**asdict(self), "place": self.place, "verdict": self.verdict, "made_at": self.made_at.isoformat()}
        found = plain(whole)
        assert isinstance(found, dict)
        return found


def plain(value: Any) -> Any:
    """What JSON can hold: a number that is not known is None."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
