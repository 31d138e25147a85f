"""The parts of an outage report: per class and situation, per lane, and the totals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from router_ml.config import RouterConfig, config_sha256, policy_sha256, prices_sha256
from router_ml.offline.coverage import Mild, stopped_by
from router_ml.offline.outage.calls import calls_of
from router_ml.offline.outage.capacity import capacity_of, overflow, together
from router_ml.offline.outage.first import all_seconds
from router_ml.offline.outage.notes import notes
from router_ml.offline.outage.report import ClassOutage, FirstSeconds, LaneLoad, OutageReport, Situation
from router_ml.offline.outage.service import floor_verdict, service
from router_ml.offline.outage.why import because, stopped
from router_ml.offline.outage.window import Asked


def report_of(asked: Asked, *, situations: Sequence[Mild]) -> OutageReport:
    """The whole report. ``situations``: what ``coverage.mildest`` says."""
    place, weight, rows, window = asked.place, asked.weight, asked.rows(), asked.window
    rules = asked.requests.rules
    loads, classes = _loads(asked), tuple(_classes(asked))
    before, after = (service(asked.worth, each.shares, weight, rows) for each in (asked.before, asked.during))
    assert before is not None  # whoever asks has seen to it
    lost, left = _lost_and_left(asked, rows)
    stops, answered = float(weight[lost].sum()), window.requests * asked.due
    report = OutageReport(
        kind=place.kind,
        name=place.name,
        struck=place.lanes,
        names=place.names,
        hours=window.hours,
        at_hour=window.at_hour,
        requests=window.requests,
        peak_per_minute=window.busiest / 60,
        due=asked.due,
        stops=stops,
        moves=float(asked.dark[asked.during.served].sum()),
        usd_before=before.usd_per_1000 / 1000 * answered,
        usd_after=after.usd_per_1000 / 1000 * answered * (1 - stops) if after else 0.0,
        before=before,
        after=after,
        classes=classes,
        lanes=loads,
        overflow=overflow(
            [(_simple(asked.config, each.survivors), each.demand) for item in classes for each in item.situations],
            {load.lane: load.capacity for load in loads},
        ),
        first=_first(asked),
        to_people=stops * asked.peak * 60,
        batch=float(weight[[at for at in lost if _is_batch(asked, at)]].sum()) / stops if lost else 0.0,
        by_rules=stopped_by(rules, place.lanes, kind=place.kind, name=place.name, situations=situations),
        truth=asked.requests.truth,
        in_sample=asked.requests.in_sample,
        source=asked.requests.source,
        demand=window.source,
        made_at=asked.weighing.now,
        versions={
            "bundle": asked.requests.bundle,
            "policy_sha256": policy_sha256(rules),
            "config_sha256": config_sha256(rules),
            "prices": prices_sha256(rules),
        },
        rules=_rationales(asked.config, classes),
        finally_=asked.config.fallback.finally_,
        before_left=service(asked.worth, asked.before.shares, weight, left),
    )
    return replace(report, notes=notes(report, asked.config))


def _lost_and_left(asked: Asked, rows: Sequence[int]) -> tuple[list[int], list[int]]:
    served = asked.during.served
    return [at for at in rows if not served[at]], [at for at in rows if served[at]]


def _rationales(config: RouterConfig, classes: Sequence[ClassOutage]) -> dict[str, str]:
    """Why there are the policies that are named."""
    named = {name for item in classes for each in item.situations for name in each.because}
    return {policy.id: policy.rationale for policy in config.policies if policy.id in named}


def _first(asked: Asked) -> FirstSeconds:
    dark, calls = asked.dark, calls_of(asked.weighing, asked.before, asked.weight)
    total = float(dark.sum())
    struck = _simple(asked.config, asked.place.lanes) or asked.place.lanes
    return all_seconds(
        asked.config,
        {lane: calls[lane] * asked.peak for lane in struck},
        hours=asked.window.hours,
        processes=asked.window.processes,
        rescued=float((dark * asked.rescue).sum()) / total if total > 0 else 1.0,
    )


def _simple(config: RouterConfig, lanes: Iterable[str]) -> frozenset[str]:
    """Lanes that are called: of a cascade its parts are, which are among them wherever it is."""
    return frozenset(lane for lane in lanes if config.lanes[lane].cascade is None)


def _is_batch(asked: Asked, row: int) -> bool:
    facts = asked.weighing.cases[row].facts
    return "batch" in (facts.channel, facts.mode)


def _loads(asked: Asked) -> tuple[LaneLoad, ...]:
    """Calls per minute of the busiest hour, by lane."""
    before, during = (calls_of(asked.weighing, each, asked.weight) for each in (asked.before, asked.during))
    slow = np.nan_to_num(asked.weighing.estimates.latency_ms)
    return tuple(
        LaneLoad(
            lane=name,
            provider=lane.provider,
            region=lane.region,
            boundary=lane.boundary,
            struck=name in asked.place.lanes,
            before=before[name] * asked.peak,
            after=during[name] * asked.peak,
            capacity=capacity_of(lane, float(asked.weight @ slow[:, at]), processes=asked.window.processes),
        )
        for at, (name, lane) in enumerate(asked.config.lanes.items())
        if lane.enabled
    )


def _classes(asked: Asked) -> list[ClassOutage]:
    found, weight = [], asked.weight
    for name, promise in asked.config.traffic_classes.items():
        rows = asked.rows(class_name=name)
        before = service(asked.worth, asked.before.shares, weight, rows)
        if before is None:
            continue
        after = service(asked.worth, asked.during.shares, weight, rows)
        share = float(weight[rows].sum())
        lost, left = _lost_and_left(asked, rows)
        before_left = service(asked.worth, asked.before.shares, weight, left)
        found.append(
            ClassOutage(
                name=name,
                share=share,
                stops=1 - float(weight[left].sum()) / share if lost else 0.0,
                moves=float(asked.dark[left].sum()) / share,
                floor=promise.floor,
                floor_before=floor_verdict(before_left or before, promise.floor),
                floor_after=floor_verdict(after, promise.floor),
                before=before,
                after=after,
                situations=tuple(_situations(asked, rows)),
                before_left=before_left,
            )
        )
    return found


def _situations(asked: Asked, rows: Sequence[int]) -> list[Situation]:
    """Requests of a class by what is left of them, those that stop first, then the largest."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in rows:
        groups[asked.during.rulings[row].eligible].append(row)
    made = [_situation(asked, survivors, some) for survivors, some in groups.items()]
    return sorted(made, key=lambda each: (each.stopped is None, -each.share))


def _situation(asked: Asked, survivors: tuple[str, ...], rows: Sequence[int]) -> Situation:
    weight, lanes = asked.weight, asked.config.lanes
    before = service(asked.worth, asked.before.shares, weight, rows)
    assert before is not None or not weight[list(rows)].sum()
    slow = asked.weighing.estimates.latency_ms
    capacity = {
        name: capacity_of(
            lanes[name],
            float(weight[list(rows)] @ slow[rows, at] / weight[list(rows)].sum()),
            processes=asked.window.processes,
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
