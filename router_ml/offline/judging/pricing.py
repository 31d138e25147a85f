"""What one request cost, and what of it was due to retries, to exploration, and to the rules.

The cost is that of the hops that were reported, else the latest outcome's, else the expected one; which of them is
always said. Exploration and rules are priced in expectation, from the estimates and propensities of the record: a
single draw says little, and their sum over many requests is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from router_ml.contract import Hop, RouteDecision
from router_ml.errors import InvalidRequestError

if TYPE_CHECKING:
    from router_ml.storage.views.stories import Story

Source = Literal["executed", "reported", "expected", "nowhere"]
Kind = Literal["first", "retry", "fallback", "reported", "expected"]
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Part:
    """Money that went to one lane; ``retry``: again to a lane that had been called, ``fallback``: to another one;
    ``failed``: for a call that ended in an error."""

    lane: str
    provider: str
    usd: float
    kind: Kind
    failed: bool = False


@dataclass(frozen=True)
class Rule:
    """A hard rule that kept a request from the lane that learning alone would have taken: what the lane that was taken
    instead is expected to cost more, in ``usd``, and to be better, in ``quality``; None where the record holds no
    estimate. ``stopped``: the rule left no lane at all."""

    name: str
    usd: float | None = None
    quality: float | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Priced:
    """One request. ``unpriced``: a call was reported without its cost; where that of another one is known, it counts as
    nothing, and as unpriced unless it failed. ``baseline_usd``: a stand-in for what the baseline would have cost, to be
    averaged over many requests; None where it could not be taken."""

    source: Source
    parts: tuple[Part, ...]
    unpriced: bool
    exploration_usd: float
    baseline_usd: float | None
    rule: Rule | None

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(part.usd for part in self.parts)


def price(story: Story, *, baseline: str | None = None) -> Priced:
    """Price a request.

    Args:
        baseline: the lane to compare with; by default the eligible one that was expected to cost most.
    """
    decision = story.decision
    said = [hop for execution in story.executions for hop in execution.hops]
    hops = [hop for hop in said if hop.called]
    costs = [outcome.cost_usd for outcome in story.outcomes if outcome.cost_usd is not None]
    source: Source
    if any(hop.cost_usd is not None for hop in hops):
        source, parts = "executed", tuple(_of_hops(hops))
    elif decision.lane is None or (said and not hops):
        source, parts = "nowhere", ()
    elif costs:
        source, parts = "reported", (_planned(decision, costs[-1], "reported"),)
    elif decision.lane in decision.estimates:
        source, parts = "expected", (_planned(decision, decision.estimates[decision.lane].cost_usd, "expected"),)
    else:
        source, parts = "nowhere", ()
    usd = sum(part.usd for part in parts)
    return Priced(
        source=source,
        parts=parts,
        unpriced=any(hop.cost_usd is None and (source != "executed" or not hop.failed) for hop in hops),
        exploration_usd=_exploration(decision),
        baseline_usd=None if source == "nowhere" else _baseline(decision, baseline, usd, source != "expected"),
        rule=_rule(decision),
    )


def provider(decision: RouteDecision, lane: str) -> str:
    """Who ran a lane when a request was decided."""
    place = decision.places.get(lane)
    return UNKNOWN if place is None else place.provider


def _planned(decision: RouteDecision, usd: float, kind: Kind) -> Part:
    lane = decision.lane or ""
    return Part(lane, provider(decision, lane), usd, kind)


def _of_hops(hops: list[Hop]) -> Iterator[Part]:
    called: set[str] = set()
    for hop in hops:
        kind: Kind = "first" if not called else "retry" if hop.lane in called else "fallback"
        called.add(hop.lane)
        yield Part(hop.lane, hop.provider, hop.cost_usd or 0.0, kind, failed=hop.failed)


def preferred(decision: RouteDecision) -> str | None:
    """The lane that would have been taken without exploration: where another one was drawn, the most probable."""
    if decision.lane is None or not decision.explored:
        return decision.lane
    return max(decision.propensities, key=decision.propensities.__getitem__, default=decision.lane)


def _exploration(decision: RouteDecision) -> float:
    """Expected cost of the draw minus that of the preferred lane."""
    exploit, estimates = preferred(decision), decision.estimates
    if exploit not in estimates or not decision.propensities.keys() <= estimates.keys():
        return 0.0
    own = estimates[exploit].cost_usd
    return sum(share * (estimates[lane].cost_usd - own) for lane, share in decision.propensities.items())


def _baseline(decision: RouteDecision, named: str | None, usd: float, observed: bool) -> float | None:
    """The estimate, and where the lane was drawn and its cost is known, what the estimate missed by over the
    probability of the draw (doubly robust: Dudik, Langford & Li 2011)."""
    eligible = {lane: decision.estimates[lane].cost_usd for lane in decision.eligible if lane in decision.estimates}
    lane = named if named is not None else max(eligible, key=eligible.__getitem__, default=None)
    if lane is None or lane not in eligible:
        return None
    drawn = lane == decision.lane and observed and decision.propensity
    return eligible[lane] + ((usd - eligible[lane]) / decision.propensity if drawn and decision.propensity else 0.0)


def _rule(decision: RouteDecision) -> Rule | None:
    learned = decision.learned_lane
    if decision.lane is None:
        return _stopping(decision)
    if learned is None or learned in decision.eligible:
        return None
    steps = (step.rule for step in decision.narrowing if learned in step.before and learned not in step.after)
    name = next(steps, UNKNOWN)
    own, other = decision.estimates.get(preferred(decision) or ""), decision.learned_estimate
    if own is None or other is None:
        return Rule(name)
    return Rule(name, own.cost_usd - other.cost_usd, own.quality - other.quality)


def _stopping(decision: RouteDecision) -> Rule | None:
    """The rule that left no lane, or that asks for a person or refuses."""
    emptied = [step.rule for step in decision.narrowing if step.before and not step.after]
    asked = [
        f"policy {fired.id}"
        for fired in decision.policies
        if "refuse" in fired.effect or "human_review" in fired.effect
    ]
    name = next(iter([*asked, *emptied]), None)
    return None if name is None else Rule(name, stopped=True)


def check_baseline(baseline: str | None, seen: set[str]) -> None:
    """A baseline that no decision knows is a slip.

    Raises:
        InvalidRequestError: it is none of the lanes ``seen``.
    """
    if baseline is not None and seen and baseline not in seen:
        raise InvalidRequestError(f"No decision knows the lane {baseline!r}. Known lanes: {', '.join(sorted(seen))}.")
