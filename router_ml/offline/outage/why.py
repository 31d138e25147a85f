"""Why requests have no lane left, and the smallest change of the configuration after which they would have one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.quality import Belief
from router_ml.config import Lane, RouterConfig
from router_ml.guardrails.policy import Ruling
from router_ml.offline.outage.decisions import Decided, Floats, Weighing, row_of
from router_ml.offline.outage.places import Place
from router_ml.offline.outage.report import Stopped
from router_ml.ruling.case import Case
from router_ml.ruling.of_request import rule_case

OUTAGE = "it is dark"
_SECOND = "second"
_WORDS = {"constraints": "the caller's own limits", "ceilings": "limits of cost and latency"}


def because(weighing: Weighing, decided: Decided, rows: Sequence[int], weight: Floats) -> dict[str, float]:
    """Rules and limits that took lanes away, each with the share of the requests it bears on, largest first."""
    total = float(weight[list(rows)].sum()) or 1.0
    found: Counter[str] = Counter()
    for row in rows:
        for name in dict.fromkeys(_narrowed(weighing.cases[row], decided.rulings[row])):
            found[name] += float(weight[row])  # type: ignore[assignment]
    return {name: share / total for name, share in sorted(found.items(), key=lambda each: -each[1])}


def _narrowed(case: Case, ruling: Ruling) -> Iterator[str]:
    for step in ruling.narrowing:
        if step.rule == "lanes":
            told = [reason for reasons in ruling.excluded.values() for reason in reasons]
            if any(reason.startswith("capability") for reason in told):
                yield "it may call tools"
            if any(reason.startswith("context window") for reason in told):
                yield "its length"
        elif len(step.after) < len(step.before) and step.rule != "cascade parts":
            yield _WORDS.get(step.rule, step.rule.removeprefix("policy "))


def stopped(weighing: Weighing, place: Place, during: Decided, rows: Sequence[int], shares: Floats) -> Stopped:
    """Why these rows stop. ``shares``: (k, L) of the lanes before the outage."""
    reasons: dict[str, Counter[tuple[str, ...]]] = {}
    for row in rows:
        for lane, found in during.rulings[row].excluded.items():
            told = (OUTAGE,) if lane in place.lanes else tuple(map(_said, found))
            reasons.setdefault(lane, Counter())[told] += 1
    used = shares[list(rows)].sum(axis=0)
    likes = sorted(
        (lane for lane in place.lanes if weighing.config.lanes[lane].cascade is None),
        key=lambda lane: -used[weighing.lanes.index(lane)],
    )
    most = {lane: found.most_common(1)[0][0] for lane, found in reasons.items() if weighing.config.lanes[lane].enabled}
    return Stopped(most, _change(weighing, place, during, rows, likes))


def _said(reason: str) -> str:
    return reason.removeprefix("policy ")


def _change(weighing: Weighing, place: Place, during: Decided, rows: Sequence[int], likes: Sequence[str]) -> str:
    """One more lane, like one of those that are dark but at another vendor: the first that gives all of the rows a
    lane; else the one that gives it to most, and what stands against the others."""
    tried = [_tried(weighing, place, rows, like) for like in likes]
    best = max(tried, key=lambda each: each.helped)
    cases, rulings = [weighing.cases[row] for row in rows], [during.rulings[row] for row in rows]
    asked = _asked_for(_elsewhere(weighing.config.lanes[best.like], place), place, cases, rulings)
    what = f"a second vendor for {best.like}: {asked}"
    if not best.against:
        return what
    return f"{what}; and for {1 - best.helped:.0%} of these also another rule than {'; '.join(best.against)}"


@dataclass(frozen=True)
class _Tried:
    """One more lane like ``like``: the share of requests that it would help, and what stands against the others."""

    like: str
    helped: float
    against: tuple[str, ...]


def _tried(weighing: Weighing, place: Place, rows: Sequence[int], like: str) -> _Tried:
    config, name = weighing.config, _unused(weighing.config)
    second = _elsewhere(config.lanes[like], place)
    more = config.model_copy(update={"lanes": {**config.lanes, name: second}})
    column = list(config.lanes).index(like)
    rulings = [
        rule_case(more, weighing.cases[row], _with_column(row_of(weighing.estimates, row), column), health=place.health)
        for row in rows
    ]
    against = Counter(reason for each in rulings if not each.eligible for reason in each.excluded[name])
    helped = sum(bool(each.eligible) for each in rulings) / len(rulings)
    return _Tried(like, helped, tuple(_said(reason) for reason, _ in against.most_common(2)))


def _elsewhere(lane: Lane, place: Place) -> Lane:
    """The same lane at a vendor, in a failure domain and, where a region is dark, in a region that are not."""
    away = {"provider": "another provider", "failure_domain": "another failure domain", "cascade": None}
    return lane.model_copy(update={**away, **({"region": "another region"} if place.kind == "region" else {})})


def _asked_for(second: Lane, place: Place, cases: Sequence[Case], rulings: Sequence[Ruling]) -> str:
    """What such a lane has to be, in a few words."""
    regions = {ruling.regions for ruling in rulings}
    where = f"in region {second.region}" if regions != {None} or place.kind == "region" else "in any region"
    within = [ruling.boundary for ruling in rulings]
    parts = [where, f"boundary {second.boundary}" if len(set(within)) == 1 else f"boundary {min(within, key=len)}"]
    if any(case.facts.tools for case in cases):
        parts.append("able to call tools")
    if second.grade > 1:
        parts.append(f"grade {second.grade}")
    return ", ".join(parts)


def _unused(config: RouterConfig) -> str:
    name = _SECOND
    while name in config.lanes:
        name += "+"
    return name


def _with_column(row: Estimates, column: int) -> Estimates:
    """An estimate with one more lane, of which the same is believed as of the lane in ``column``."""

    def more(values: Floats) -> Floats:
        return np.concatenate([values, values[:, [column]]], axis=1)

    belief: Mapping[str, Floats] = {name: more(getattr(row.belief, name)) for name in vars(row.belief)}
    typical = Typical(more(row.typical.quality), more(row.typical.cost_usd))
    return replace(
        row,
        belief=Belief(**belief),
        cost_usd=more(row.cost_usd),
        latency_ms=more(row.latency_ms),
        tokens_out=more(row.tokens_out),
        predicted=more(row.predicted),
        typical=typical,
    )
