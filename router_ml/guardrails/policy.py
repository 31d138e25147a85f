"""Hard rules: which lanes, tools and indexes a request may use. Pure; decided before anything learned.

Every rule that fires, the caller's constraints, health and capabilities *intersect* what is left, so adding a rule can
only narrow. Each lane that falls out says why, with what was found and what was needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from router_ml.config.execution import Index
from router_ml.config.rules import Guardrails, Policy
from router_ml.config.schema import Destination, Lane, RouterConfig
from router_ml.contract import Constraints, Destinations, Narrowing, PolicyFired, RiskTier, highest
from router_ml.contract.base import Channel, GuardState, LogLevel
from router_ml.guardrails.rules.conditions import SCANNED_RISKS, Facts, effect, fires, presumed
from router_ml.guardrails.rules.keeping import most_kept
from router_ml.guardrails.rules.limits import (
    Limit,
    allows_destination,
    check_known,
    forbids_lane,
    keeps,
    of_constraints,
    of_policy,
    width,
)

__all__ = ["Facts", "Ruling", "risk_tier", "rule", "within", "without"]

_NO_HEALTH: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Ruling:
    """What the rules leave. ``eligible`` and ``excluded`` (lane to all its reasons) part the configured lanes.

    ``boundary`` is the widest allowed, ``regions`` None when all are. ``tools`` are those the caller allows and no rule
    removes, ``destinations`` all other places that data may reach. Of several rules that set one, the first
    ``human_review``, ``refuse`` and ``output_contract`` in the order of the configuration count. ``narrowing`` has the
    lanes before and after each rule that fired, and after whatever else took one away.
    """

    eligible: tuple[str, ...]
    excluded: dict[str, tuple[str, ...]]
    fired: tuple[PolicyFired, ...]
    tools: tuple[str, ...]
    approval: bool
    human_review: str | None
    refuse: str | None
    output_contract: str | None
    explore: bool
    boundary: str
    regions: tuple[str, ...] | None
    destinations: Destinations
    log: LogLevel
    narrowing: tuple[Narrowing, ...]


def risk_tier(
    guardrails: Guardrails,
    *,
    risks: frozenset[str],
    guard_state: GuardState,
    language_validated: bool,
    language_chars: int,
    abstained: bool,
    channel: Channel = "api",
    write_tool: bool = False,
) -> RiskTier:
    """The highest tier that anything brings: risks, channel, tools, an incomplete scan, language, abstention.

    ``language_chars`` counts the characters that the language was judged by; few of them judge nothing. A risk without
    a tier of its own brings ``high``.
    """
    tiers: list[RiskTier] = [guardrails.risk_tiers.get(risk, "high") for risk in risks]
    tiers.append(guardrails.channel_tiers.get(channel, "low"))
    if write_tool:
        tiers.append(guardrails.write_tool_tier)
    if guard_state == "unknown":
        tiers.append(guardrails.unknown_tier)
    if not language_validated and language_chars >= guardrails.unvalidated_language_min_chars:
        tiers.append(guardrails.unvalidated_language_tier)
    if abstained:
        tiers.append(guardrails.abstained_tier)
    return highest(*tiers)


def worst_tier(guardrails: Guardrails, tier: RiskTier, *, missed: frozenset[str]) -> RiskTier:
    """The tier that a request would have, had everything been found that an incomplete scan may have missed."""
    return highest(tier, *(guardrails.risk_tiers.get(risk, "high") for risk in SCANNED_RISKS | missed))


def rule(
    config: RouterConfig,
    facts: Facts,
    *,
    constraints: Constraints,
    tokens_in: int,
    needs: frozenset[str] = frozenset(),
    health: Mapping[str, str] = _NO_HEALTH,
    also: Facts | None = None,
) -> Ruling:
    """Apply every rule to a request.

    Args:
        constraints: what the caller allows; ``boundary`` is the widest.
        tokens_in: tokens that a lane's context window has to hold.
        needs: capabilities that a lane has to have.
        health: ``down``, or ``down: `` with why, by name of a lane, a provider or a failure domain.
        also: the same request read in another way; a rule that fires on either reading counts.

    Raises:
        InvalidRequestError: constraints or tools name what the configuration does not have.
    """
    check_known("allowed_tools", facts.tools, tuple(config.tools))
    readings = (facts,) if also is None else (facts, also)
    policies = [policy for policy in config.policies if any(fires(policy.when, each) for each in readings)]
    limits = [of_constraints(config, constraints), *map(of_policy, policies)]
    lanes = config.lanes.items()
    fit = {name: _unfit(name, lane, tokens_in=tokens_in, needs=needs, health=health) for name, lane in lanes}
    steps = [
        ("lanes", fit),
        *((limit.source, {name: forbids_lane(config, limit, name, lane) for name, lane in lanes}) for limit in limits),
    ]
    excluded, narrowing = _narrow(config, steps, always={limit.source for limit in limits[1:]})
    effects = [policy.then for policy in policies]
    return Ruling(
        eligible=tuple(name for name in config.lanes if name not in excluded),
        excluded=excluded,
        fired=tuple(_fired(policy, readings) for policy in policies),
        tools=_tools(config, facts.tools, limits, {then.tools for then in effects}),
        approval=any(then.approval for then in effects),
        human_review=next((then.human_review for then in effects if then.human_review is not None), None),
        refuse=next((then.refuse for then in effects if then.refuse is not None), None),
        output_contract=next((then.output_contract for then in effects if then.output_contract is not None), None),
        explore=constraints.explore and all(then.explore is not False for then in effects),
        boundary=_boundary(config, limits),
        regions=_regions(limits),
        destinations=_destinations(config, limits),
        log=most_kept(config, facts, (then.log for then in effects)),
        narrowing=narrowing,
    )


def within(
    ruling: Ruling,
    costs: Mapping[str, float],
    latencies: Mapping[str, float],
    *,
    max_cost_usd: float | None,
    max_latency_ms: float | None,
) -> Ruling:
    """A ruling with price and latency ceilings as further exclusions.

    ``costs`` in USD and ``latencies`` in ms, per lane; a lane without a number is above every ceiling.
    """

    def over(lane: str) -> tuple[str, ...]:
        cost = _over(costs.get(lane), max_cost_usd, "cost", "${:.6f}")
        return (*cost, *_over(latencies.get(lane), max_latency_ms, "latency", "{:.0f} ms"))

    return without(ruling, {lane: over(lane) for lane in (*ruling.eligible, *ruling.excluded)}, rule="ceilings")


def without(ruling: Ruling, reasons: Mapping[str, tuple[str, ...]], *, rule: str) -> Ruling:
    """A ruling with further reasons against lanes; ``rule`` names whose they are."""
    excluded = dict(ruling.excluded)
    for lane, found in reasons.items():
        if found:
            excluded[lane] = (*excluded.get(lane, ()), *found)
    left = tuple(lane for lane in ruling.eligible if lane not in excluded)
    step = () if left == ruling.eligible else (Narrowing(rule=rule, before=ruling.eligible, after=left),)
    return replace(ruling, eligible=left, excluded=excluded, narrowing=(*ruling.narrowing, *step))


def _narrow(
    config: RouterConfig, steps: Sequence[tuple[str, Mapping[str, Iterator[str]]]], *, always: Set[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[Narrowing, ...]]:
    """All reasons by lane, and the lanes before and after each step; a step not in ``always`` only if it took one."""
    excluded: dict[str, tuple[str, ...]] = {}
    narrowing: list[Narrowing] = []
    left = tuple(config.lanes)
    for source, reasons in steps:
        for lane, found in reasons.items():
            if told := tuple(found):
                excluded[lane] = (*excluded.get(lane, ()), *told)
        after = tuple(lane for lane in left if lane not in excluded)
        if after != left or source in always:
            narrowing.append(Narrowing(rule=source, before=left, after=after))
        left = after
    return {lane: excluded[lane] for lane in config.lanes if lane in excluded}, tuple(narrowing)


def _over(found: float | None, ceiling: float | None, what: str, form: str) -> Iterator[str]:
    if ceiling is not None and not (found is not None and keeps(found, ceiling)):
        estimate = form.format(found) if found is not None else "without an estimate"
        yield f"{what} {estimate}, at most {form.format(ceiling)} allowed"


def _unfit(name: str, lane: Lane, *, tokens_in: int, needs: frozenset[str], health: Mapping[str, str]) -> Iterator[str]:
    if not lane.enabled:
        yield "disabled in router.yaml"
    for kind, place in (("lane", name), ("provider", lane.provider), ("failure domain", lane.failure_domain)):
        status, _, why = health.get(place, "").partition(": ")
        if status == "down":
            yield f"health: {kind} {place} counts as down, {why}" if why else f"health: {kind} {place} is down"
    if tokens_in > lane.context_window:
        yield f"context window {lane.context_window} tokens, {tokens_in} needed"
    for need in sorted(needs.difference(lane.capabilities)):
        yield f"capability {need} is missing"


def _fired(policy: Policy, readings: Sequence[Facts]) -> PolicyFired:
    only = all(presumed(policy.when, facts) for facts in readings)
    note = ", since an incomplete scan counts as a hit" if only else ""
    return PolicyFired(id=policy.id, version=policy.version, effect=effect(policy.then) + note)


def _tools(
    config: RouterConfig, allowed: Sequence[str], limits: Sequence[Limit], restrictions: set[str | None]
) -> tuple[str, ...]:
    if "none" in restrictions:
        return ()
    return tuple(
        name
        for name in dict.fromkeys(allowed)
        if not ("read_only" in restrictions and config.tools[name].effect == "write")
        and allows_destination(config, limits, config.tools[name])
    )


def _destinations(config: RouterConfig, limits: Sequence[Limit]) -> Destinations:
    def reachable(places: Mapping[str, Index] | Mapping[str, Destination]) -> tuple[str, ...]:
        return tuple(name for name, place in places.items() if allows_destination(config, limits, place))

    return Destinations(**{kind: reachable(getattr(config, kind)) for kind in Destinations.model_fields})


def _boundary(config: RouterConfig, limits: Sequence[Limit]) -> str:
    stated = [limit.boundary for limit in limits if limit.boundary is not None]
    return min(stated, key=lambda boundary: width(config, boundary), default=config.boundaries[-1])


def _regions(limits: Sequence[Limit]) -> tuple[str, ...] | None:
    stated = [limit.regions for limit in limits if limit.regions is not None]
    if not stated:
        return None
    return tuple(region for region in dict.fromkeys(stated[0]) if all(region in other for other in stated))
