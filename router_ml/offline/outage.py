"""If a vendor went dark, what would happen: in closed form, per traffic class and situation, by the router's own rules.

Each kind of request is decided twice by the lines that serve: as things are, and with the vendor reported down. Shares
of lanes are exact probabilities, so nothing is drawn and nothing has to be played.

What this does not know: money that is spent by then, vendors that slow down under the traffic that comes to them, and
rates of a vendor that ``endpoint`` does not say. ``router-ml simulate`` plays these in time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.config import RouterConfig, config_sha256, policy_sha256, prices_sha256
from router_ml.errors import InvalidRequestError
from router_ml.offline.coverage import stopped_by
from router_ml.offline.outage_capacity import capacity_of, overflow, together
from router_ml.offline.outage_decisions import Decided, Floats, Weighing, weighing
from router_ml.offline.outage_demand import Demand
from router_ml.offline.outage_first import first_seconds
from router_ml.offline.outage_notes import notes
from router_ml.offline.outage_places import Place, find_place, providers
from router_ml.offline.outage_report import ClassOutage, LaneLoad, OutageReport, Situation
from router_ml.offline.outage_service import Worth, floor_verdict, service
from router_ml.offline.outage_why import because, stopped
from router_ml.offline.simulation.kinds import Kinds
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Demand", "OutageReport", "frame", "outage", "outages"]

_LEAST = 1e-12


@dataclass(frozen=True)
class _Asked:
    """One outage, and all that is worked out of it."""

    place: Place
    config: RouterConfig
    kinds: Kinds
    weighing: Weighing
    worth: Worth
    before: Decided
    during: Decided
    weight: Floats  # (k,) of the kinds that a lane answers before, sum 1
    peak: float  # requests per minute that a lane should answer
    processes: int

    def rows(self, *, class_name: str | None = None) -> list[int]:
        """Kinds that a lane answers before, of a class or all."""
        cases = enumerate(self.weighing.cases)
        served = self.before.served
        return [at for at, case in cases if served[at] and class_name in (None, case.class_name)]


def outage(
    learned: Bundle | RouterConfig,
    name: str,
    kinds: Kinds,
    *,
    demand: Demand,
    hours: float = 48.0,
    at_hour: float | None = None,
    processes: int = 1,
    config: RouterConfig | None = None,
    now: datetime | None = None,
) -> OutageReport:
    """What would happen while something is dark.

    Args:
        learned: what decides. config: the rules, where they are not those of the bundle.
        name: a provider, failure domain, lane, or ``region:NAME``.
        kinds: the requests. Where their truth is not ``believed``, only lanes with outcomes take part.
        demand: how many there are. at_hour: when it begins; by default when it meets most requests.
        processes: that serve, each with breakers and limits of its own.
        now: clock of the report; by default the current time.

    Raises:
        InvalidRequestError: nothing has this name, or a number is out of range.
    """
    return _reports(learned, [name], kinds, demand, hours, at_hour, processes, config, now)[0]


def outages(
    learned: Bundle | RouterConfig,
    kinds: Kinds,
    *,
    demand: Demand,
    hours: float = 48.0,
    at_hour: float | None = None,
    processes: int = 1,
    config: RouterConfig | None = None,
    now: datetime | None = None,
) -> tuple[OutageReport, ...]:
    """``outage`` of every provider, the one that stops most traffic first, then the one that moves most."""
    own = _taking_part(_config_of(learned, config), kinds)
    names = [place.name for place in providers(own)]
    found = _reports(learned, names, kinds, demand, hours, at_hour, processes, config, now)
    return tuple(sorted(found, key=lambda report: (-report.stops, -report.moves)))


def _reports(  # noqa: PLR0913 - those of outage
    learned: Bundle | RouterConfig,
    names: Sequence[str],
    kinds: Kinds,
    demand: Demand,
    hours: float,
    at_hour: float | None,
    processes: int,
    config: RouterConfig | None,
    now: datetime | None,
) -> list[OutageReport]:
    if not (0 < hours < np.inf and processes >= 1 and (at_hour is None or at_hour >= 0) and len(kinds)):
        raise InvalidRequestError(
            f"Found an outage of {hours:g} hours for {processes} processes and {len(kinds)} kinds of requests, "
            "expected numbers above 0, and no hour before 0."
        )
    bundle, now = learned if isinstance(learned, Bundle) else None, now or datetime.now(UTC)
    own = _taking_part(_config_of(learned, config), kinds)
    places = [find_place(own, name) for name in names]
    known = weighing(own, bundle, kinds, now=now)
    worth, reports = Worth.of(known, kinds), []
    for place in places:
        before = known.decide({}, dark=place.lanes)
        during = known.decide(place.health)
        at, requests, busiest = demand.window(hours, at_hour)
        due = float(kinds.weight[before.served].sum())
        weight = np.where(before.served, kinds.weight, 0.0) / max(due, _LEAST)
        asked = _Asked(
            place, own, kinds, known, worth, before, during, weight, peak=busiest / 60 * due, processes=processes
        )
        report = _report(asked, demand, hours=hours, window=(at, requests, busiest), due=due, now=now)
        ids = {"bundle": bundle.manifest.id if bundle else "none"}
        reports.append(replace(report, versions={**ids, **report.versions}))
    return reports


def _config_of(learned: Bundle | RouterConfig, config: RouterConfig | None) -> RouterConfig:
    return config or (learned.config if isinstance(learned, Bundle) else learned)


def _taking_part(config: RouterConfig, kinds: Kinds) -> RouterConfig:
    """The configuration without the lanes of which no outcome is known, where outcomes are to tell."""
    if kinds.truth == "believed":
        return config
    known = set(kinds.lanes)
    lanes = {
        name: lane if name in known else lane.model_copy(update={"enabled": False})
        for name, lane in config.lanes.items()
    }
    return config.model_copy(update={"lanes": lanes})


def _report(
    asked: _Asked, demand: Demand, *, hours: float, window: tuple[float, float, float], due: float, now: datetime
) -> OutageReport:
    place, weight, rows = asked.place, asked.weight, asked.rows()
    at, requests, busiest = window
    loads, classes = _loads(asked), tuple(_classes(asked))
    capacity = {load.lane: load.capacity for load in loads}
    before, after = (service(asked.worth, each.shares, weight, rows) for each in (asked.before, asked.during))
    if before is None:
        raise InvalidRequestError("No lane answers any of these requests as things are. Give requests that it does.")
    gone = float(weight[~asked.during.served].sum())
    on_dark = asked.before.shares[:, _columns(asked, place.lanes)].sum(axis=1) * weight
    moves = float(on_dark[asked.during.served].sum())
    waits = [at for at in rows if not asked.during.served[at] and _is_batch(asked, at)]
    answered = requests * due
    report = OutageReport(
        kind=place.kind,
        name=place.name,
        struck=place.lanes,
        hours=hours,
        at_hour=at,
        requests=requests,
        peak_per_minute=busiest / 60,
        due=due,
        stops=gone,
        moves=moves,
        usd_before=before.usd_per_1000 / 1000 * answered,
        usd_after=after.usd_per_1000 / 1000 * answered * (1 - gone) if after else 0.0,
        before=before,
        after=after,
        classes=classes,
        lanes=loads,
        overflow=overflow([(frozenset(s.survivors), s.demand) for c in classes for s in c.situations], capacity),
        first=first_seconds(
            asked.config,
            place.lanes,
            per_minute=float(on_dark.sum()) * asked.peak,
            hours=hours,
            processes=asked.processes,
            rescued=float((on_dark * asked.before.rescue).sum() / max(on_dark.sum(), _LEAST)),
        ),
        to_people=gone * asked.peak * 60,
        batch=float(weight[waits].sum()) / gone if gone > 0 else 0.0,
        by_rules=stopped_by(asked.config, place.lanes, kind=place.kind, name=place.name),
        truth=asked.kinds.truth,
        in_sample=asked.kinds.in_sample,
        source=asked.kinds.source,
        demand=demand.source,
        made_at=now,
        versions={
            "policy_sha256": policy_sha256(asked.config),
            "config_sha256": config_sha256(asked.config),
            "prices": prices_sha256(asked.config),
        },
    )
    return replace(report, notes=notes(report, asked.config, asked.kinds))


def _is_batch(asked: _Asked, row: int) -> bool:
    facts = asked.weighing.cases[row].facts
    return "batch" in (facts.channel, facts.mode)


def _columns(asked: _Asked, lanes: Sequence[str]) -> list[int]:
    return [asked.weighing.lanes.index(lane) for lane in lanes]


def _loads(asked: _Asked) -> tuple[LaneLoad, ...]:
    """Calls per minute of the busiest hour, by lane; those of a cascade are also calls of its first part."""
    config, before, during = (
        asked.config,
        *(each.shares.T @ asked.weight * asked.peak for each in (asked.before, asked.during)),
    )
    names = asked.weighing.lanes
    calls = {name: [float(before[at]), float(during[at])] for at, name in enumerate(names)}
    for name in names:
        cascade = config.lanes[name].cascade
        if cascade is not None:
            calls[cascade.parts[0]] = [a + b for a, b in zip(calls[cascade.parts[0]], calls[name], strict=True)]
    slow = asked.weighing.estimates.latency_ms
    return tuple(
        LaneLoad(
            lane=name,
            provider=lane.provider,
            region=lane.region,
            boundary=lane.boundary,
            struck=name in asked.place.lanes,
            before=calls[name][0],
            after=calls[name][1],
            capacity=capacity_of(lane, float(asked.weight @ slow[:, at]), processes=asked.processes),
        )
        for at, (name, lane) in enumerate(config.lanes.items())
        if lane.enabled
    )


def _classes(asked: _Asked) -> list[ClassOutage]:
    found, place, weight = [], asked.place, asked.weight
    for name, promise in asked.config.traffic_classes.items():
        rows = asked.rows(class_name=name)
        before = service(asked.worth, asked.before.shares, weight, rows)
        if before is None:
            continue
        after = service(asked.worth, asked.during.shares, weight, rows)
        share = float(weight[rows].sum())
        left = [at for at in rows if asked.during.served[at]]
        dark = asked.before.shares[left][:, _columns(asked, place.lanes)].sum(axis=1)
        found.append(
            ClassOutage(
                name=name,
                share=share,
                stops=1 - float(weight[left].sum()) / share if len(left) < len(rows) else 0.0,
                moves=float(dark @ weight[left]) / share,
                floor=promise.floor,
                floor_before=floor_verdict(before, promise.floor),
                floor_after=floor_verdict(after, promise.floor),
                before=before,
                after=after,
                situations=tuple(_situations(asked, rows)),
            )
        )
    return found


def _situations(asked: _Asked, rows: Sequence[int]) -> list[Situation]:
    """Requests of a class by what is left of them, those that stop first, then the largest."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in rows:
        groups[asked.during.rulings[row].eligible].append(row)
    made = [_situation(asked, survivors, some) for survivors, some in groups.items()]
    return sorted(made, key=lambda each: (each.stopped is None, -each.share))


def _situation(asked: _Asked, survivors: tuple[str, ...], rows: Sequence[int]) -> Situation:
    weight, lanes = asked.weight, asked.config.lanes
    before = service(asked.worth, asked.before.shares, weight, rows)
    assert before is not None or not weight[list(rows)].sum()
    slow = asked.weighing.estimates.latency_ms
    capacity = {
        name: capacity_of(
            lanes[name],
            float(weight[list(rows)] @ slow[rows, at] / weight[list(rows)].sum()),
            processes=asked.processes,
        )
        for at, name in enumerate(asked.weighing.lanes)
        if name in survivors and lanes[name].cascade is None
    }
    return Situation(
        because=because(asked.weighing, asked.before, rows, weight),
        share=float(weight[list(rows)].sum()),
        survivors=survivors,
        demand=float(weight[list(rows)].sum()) * asked.peak,
        capacity=together(capacity, capacity),
        before=before,  # type: ignore[arg-type]
        after=service(asked.worth, asked.during.shares, weight, rows),
        stopped=None if survivors else stopped(asked.weighing, asked.place, asked.during, rows, asked.before.shares),
    )


def frame(report: OutageReport) -> pd.DataFrame:
    """One row per situation, with the columns of its class."""
    import pandas as pd

    return pd.DataFrame([_row(report, item, each) for item in report.classes for each in item.situations])


def _row(report: OutageReport, item: ClassOutage, each: Situation) -> dict[str, object]:
    after = each.after
    return {
        "place": report.place,
        "traffic_class": item.name,
        "because": ", ".join(each.because),
        "share": each.share,
        "survivors": ", ".join(each.survivors),
        "stops": each.stopped is not None,
        "demand_per_minute": each.demand,
        "capacity_per_minute": each.capacity,
        "usd_per_1000_before": each.before.usd_per_1000,
        "usd_per_1000_after": after.usd_per_1000 if after else None,
        "quality_before": each.before.quality.value,
        "quality_after": after.quality.value if after else None,
        "quality_after_low": after.quality.low if after else None,
        "quality_after_high": after.quality.high if after else None,
        "latency_ms_before": each.before.latency_ms,
        "latency_ms_after": after.latency_ms if after else None,
        "floor": item.floor,
        "change": each.stopped.change if each.stopped else "",
    }
