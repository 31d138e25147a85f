"""Hard rules: which lanes, tools and indexes a request may use. Pure; decided before anything learned.

Every rule that fires, the caller's constraints, health and capabilities *intersect* what is left, so adding a rule can
only narrow. Each lane that falls out says why, with what was found and what was needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from router_ml.config.schema import Guardrails, Lane, Policy, RouterConfig
from router_ml.contract import Constraints, PolicyFired, RiskTier, highest
from router_ml.contract.base import GuardState
from router_ml.guardrails.conditions import Facts, effect, fires, presumed
from router_ml.guardrails.limits import (
    Limit,
    allows_destination,
    check_known,
    forbids_lane,
    of_constraints,
    of_policy,
    width,
)

__all__ = ["Facts", "Ruling", "risk_tier", "rule", "within"]

_NO_HEALTH: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Ruling:
    """What the rules leave. ``eligible`` and ``excluded`` (lane to all its reasons) part the configured lanes.

    ``boundary`` is the widest allowed, ``regions`` None when all are. ``tools`` are those the caller allows and no rule
    removes, ``indexes`` those that data may reach. Of several rules that set one, the first ``human_review``,
    ``refuse`` and ``output_contract`` in the order of the configuration count.
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
    indexes: tuple[str, ...]


def risk_tier(
    guardrails: Guardrails,
    *,
    risks: frozenset[str],
    guard_state: GuardState,
    language_validated: bool,
    language_chars: int,
    abstained: bool,
) -> RiskTier:
    """The highest tier that anything brings: a risk, an incomplete scan, an unvalidated language, abstention.

    ``language_chars`` counts the characters that the language was judged by; few of them judge nothing. A risk without
    a tier of its own brings ``high``.
    """
    tiers: list[RiskTier] = [guardrails.risk_tiers.get(risk, "high") for risk in risks]
    if guard_state == "unknown":
        tiers.append(guardrails.unknown_tier)
    if not language_validated and language_chars >= guardrails.unvalidated_language_min_chars:
        tiers.append(guardrails.unvalidated_language_tier)
    if abstained:
        tiers.append(guardrails.abstained_tier)
    return highest(*tiers)


def rule(
    config: RouterConfig,
    facts: Facts,
    *,
    constraints: Constraints,
    tokens_in: int,
    needs: frozenset[str] = frozenset(),
    health: Mapping[str, str] = _NO_HEALTH,
) -> Ruling:
    """Apply every rule to a request.

    Args:
        constraints: what the caller allows; ``boundary`` is the widest.
        tokens_in: tokens that a lane's context window has to hold.
        needs: capabilities that a lane has to have.
        health: ``down`` by name of a lane, a provider or a failure domain.

    Raises:
        InvalidRequestError: constraints or tools name what the configuration does not have.
    """
    check_known("allowed_tools", facts.tools, tuple(config.tools))
    limits = [of_constraints(config, constraints)]
    policies = [policy for policy in config.policies if fires(policy.when, facts)]
    limits += map(of_policy, policies)
    reasons = {
        name: (
            *_unfit(name, lane, tokens_in=tokens_in, needs=needs, health=health),
            *(reason for limit in limits for reason in forbids_lane(config, limit, name, lane)),
        )
        for name, lane in config.lanes.items()
    }
    effects = [policy.then for policy in policies]
    return Ruling(
        eligible=tuple(name for name, found in reasons.items() if not found),
        excluded={name: found for name, found in reasons.items() if found},
        fired=tuple(_fired(policy, facts) for policy in policies),
        tools=_tools(config, facts.tools, limits, {then.tools for then in effects}),
        approval=any(then.approval for then in effects),
        human_review=next((then.human_review for then in effects if then.human_review is not None), None),
        refuse=next((then.refuse for then in effects if then.refuse is not None), None),
        output_contract=next((then.output_contract for then in effects if then.output_contract is not None), None),
        explore=constraints.explore and all(then.explore is not False for then in effects),
        boundary=_boundary(config, limits),
        regions=_regions(limits),
        indexes=tuple(name for name, index in config.indexes.items() if allows_destination(config, limits, index)),
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
    excluded = dict(ruling.excluded)
    for lane in (*ruling.eligible, *ruling.excluded):
        over = (
            *_over(costs.get(lane), max_cost_usd, "cost", "${:.6f}"),
            *_over(latencies.get(lane), max_latency_ms, "latency", "{:.0f} ms"),
        )
        if over:
            excluded[lane] = (*excluded.get(lane, ()), *over)
    return replace(ruling, eligible=tuple(lane for lane in ruling.eligible if lane not in excluded), excluded=excluded)


def _over(found: float | None, ceiling: float | None, what: str, form: str) -> Iterator[str]:
    if ceiling is not None and not (found is not None and found <= ceiling):
        estimate = form.format(found) if found is not None else "without an estimate"
        yield f"{what} {estimate}, at most {form.format(ceiling)} allowed"


def _unfit(name: str, lane: Lane, *, tokens_in: int, needs: frozenset[str], health: Mapping[str, str]) -> Iterator[str]:
    if not lane.enabled:
        yield "disabled in router.yaml"
    for kind, place in (("lane", name), ("provider", lane.provider), ("failure domain", lane.failure_domain)):
        if health.get(place) == "down":
            yield f"health: {kind} {place} is down"
    if tokens_in > lane.context_window:
        yield f"context window {lane.context_window} tokens, {tokens_in} needed"
    for need in sorted(needs.difference(lane.capabilities)):
        yield f"capability {need} is missing"


def _fired(policy: Policy, facts: Facts) -> PolicyFired:
    note = ", since an incomplete scan counts as a hit" if presumed(policy.when, facts) else ""
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


def _boundary(config: RouterConfig, limits: Sequence[Limit]) -> str:
    stated = [limit.boundary for limit in limits if limit.boundary is not None]
    return min(stated, key=lambda boundary: width(config, boundary), default=config.boundaries[-1])


def _regions(limits: Sequence[Limit]) -> tuple[str, ...] | None:
    stated = [limit.regions for limit in limits if limit.regions is not None]
    if not stated:
        return None
    return tuple(region for region in dict.fromkeys(stated[0]) if all(region in other for other in stated))
