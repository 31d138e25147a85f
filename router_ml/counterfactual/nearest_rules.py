"""Rules and lanes that are there or not: where a decision would have gone without one of them. From the record alone.

A lane that rules excluded comes back without a rule if no other reason stands against it; the record holds all of them.
What such a lane was expected to be worth is recorded only of the one that learning alone would have taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from router_ml.contract import Estimate, RouteDecision
from router_ml.counterfactual.taken import taken

WHOLE = 1.0  # the size of a change that takes something away
_SOURCE = re.compile(
    r"(policy [\w.-]+): |(constraints): |(health: \w+(?: domain)? \S+) (?:is|counts as) down|(cost|latency) "
)
_CEILING = re.compile(r"(?:cost \$|latency )([\d.]+)(?: ms)?, at most \$?([\d.]+)(?: ms)? allowed")


@dataclass(frozen=True)
class Change:
    """One change, and the ``lane`` that would have been taken with it; None: none, or one of several of which the
    record does not say which.

    ``size``: how far a number moves for its size, 1 for a rule or a lane that is taken away. ``before`` and ``after``
    are the numbers, of a price how many times it is what it was; ``of`` the lane or rule.
    """

    kind: str
    asked: str
    lane: str | None
    size: float
    before: float | None = None
    after: float | None = None
    of: str | None = None

    def __str__(self) -> str:
        return f"{self.asked} (to {self.lane or 'a lane that the record does not name'})"


def by_rules(decision: RouteDecision) -> Iterator[Change]:
    """The changes of this kind: the lane denied, and each rule, constraint, ceiling or outage away."""
    if decision.lane is not None:
        other = taken(decision, without=decision.lane)
        if other is not None:
            yield Change("deny", f"without {decision.lane}", other, WHOLE, of=decision.lane)
    stops = _stops(decision)
    for source in _sources(decision):
        back = tuple(lane for lane in decision.excluded if _only(decision, lane) == source)
        others = [stop for stop in stops if stop != source]
        if others or not (back or source in stops):
            continue  # somebody else stops it as well, or nothing comes of it
        lane = _lane(decision, back, stopped=source in stops)
        if lane is not None and lane != decision.lane:
            yield _without(decision, source, lane or None, back)


def not_recorded(decision: RouteDecision) -> Iterator[str]:
    """Of a decision that went to a lane: which others were there without a rule, as nobody knows what for."""
    if decision.lane is None:
        return
    for source in _sources(decision):
        back = [lane for lane in decision.excluded if _only(decision, lane) == source]
        unknown = [lane for lane in back if lane != decision.learned_lane or decision.learned_estimate is None]
        if unknown and source.startswith("policy"):
            yield (
                f"Without {source}, {', '.join(unknown)} would have been eligible too; what they would have been worth "
                "was not recorded."
            )


def _lane(decision: RouteDecision, back: tuple[str, ...], *, stopped: bool) -> str | None:
    """The lane that would be taken with some that come back; empty where it is one of several, None where that is not
    known to be another one."""
    also: dict[str, Estimate] = {}
    if decision.learned_estimate is not None and decision.learned_lane in back:
        also[decision.learned_lane] = decision.learned_estimate
    unknown = [lane for lane in back if lane not in also]
    nowhere = decision.lane is None
    if nowhere and not decision.eligible and not back:
        return None
    lane = taken(decision, also=also)
    if nowhere and unknown:
        return "" if decision.eligible or len(back) > 1 else back[0]
    if nowhere and not (stopped or not decision.eligible):
        return None
    return lane


def _without(decision: RouteDecision, source: str, lane: str | None, back: tuple[str, ...]) -> Change:
    kind, _, name = source.partition(" ")
    if kind == "policy":
        return Change("policy", f"without policy {name}", lane, WHOLE, of=name)
    if kind in ("cost", "latency"):
        return _ceiling(decision, kind, lane, back)
    if kind == "budget":
        return Change("budget", "with money left of the day's budget", lane, WHOLE)
    if kind == "health:":
        return Change("health", f"with {name} up", lane, WHOLE, of=name)
    return Change("constraints", "without the caller's constraints", lane, WHOLE)


def _ceiling(decision: RouteDecision, kind: str, lane: str | None, back: tuple[str, ...]) -> Change:
    """The ceiling that lets the nearest of the lanes in."""
    said = [match for name in back for reason in decision.excluded[name] if (match := _CEILING.match(reason))]
    if not said or lane is None:
        return Change(f"{kind} ceiling", f"without the {kind} ceiling", lane, WHOLE)
    wanted = next((m for m in said if m.string in decision.excluded.get(lane, ())), said[0])
    found, allowed = float(wanted[1]), float(wanted[2])
    form = "${:.6g}" if kind == "cost" else "{:.0f} ms"
    asked = f"{kind} ceiling {form.format(allowed)} -> {form.format(found)}"
    size = found / allowed - 1 if allowed > 0 else WHOLE
    return Change(f"{kind} ceiling", asked, lane, size, before=allowed, after=found)


def _sources(decision: RouteDecision) -> list[str]:
    """Whoever alone keeps some lane away, or stops the request, in the order of the record."""
    found = [*_stops(decision), *(_only(decision, lane) for lane in decision.excluded)]
    return [source for source in dict.fromkeys(found) if source is not None]


def _only(decision: RouteDecision, lane: str) -> str | None:
    """The one source of all reasons against a lane; None where there are several, or one that cannot be away."""
    found = {_source(reason) for reason in decision.excluded[lane]}
    return found.pop() if len(found) == 1 else None


def _source(reason: str) -> str | None:
    match = _SOURCE.match(reason)
    return next((part for part in match.groups() if part), None) if match else None


def _stops(decision: RouteDecision) -> list[str]:
    """The policies that keep it from every lane; what else does, as a budget, is no rule that could be away."""
    if decision.lane is not None:
        return []
    stopping = [f for f in decision.policies if "refuse" in f.effect or "human_review" in f.effect]
    budget = ["budget"] * (decision.queue == "budget" or (decision.action == "refuse" and not stopping))
    return [*(f"policy {fired.id}" for fired in stopping), *budget]
