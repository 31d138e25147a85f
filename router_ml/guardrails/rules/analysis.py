"""What deserves a look in rules that are each right: conflicts, rules that change nothing, requests without a lane.

Pure. Ceilings on cost, latency and tokens are left out, since they depend on the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Literal

from pydantic import JsonValue

from router_ml.config.rules import Policy
from router_ml.config.schema import RouterConfig
from router_ml.contract import Constraints
from router_ml.contract.base import LogLevel
from router_ml.guardrails.policy import Ruling
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.conditions import ELSEWHERE
from router_ml.guardrails.rules.keeping import LOG_LEVELS
from router_ml.guardrails.rules.limits import Limit, forbids_lane, of_policy, width
from router_ml.guardrails.rules.logic import example, implies, reachable, told

FIRST_COUNTS = ("human_review", "refuse", "output_contract")
"""Effects of which one request takes a single one: that of the first rule that fires."""


@dataclass(frozen=True)
class Note:
    """Something to look at: the rules, what about them, and ``example``: facts of a request on which they fire."""

    kind: Literal["conflict", "shadowed", "no lane", "unreachable", "reference", "promise", "documents"]
    policies: tuple[str, ...]
    message: str
    example: dict[str, JsonValue] = field(default_factory=dict)

    def __str__(self) -> str:
        facts = ", ".join(f"{key} {_shown(value)}" for key, value in self.example.items())
        return f"{self.kind}: {self.message}" + (f" For example: {facts}." if facts else "")


def _shown(value: JsonValue) -> str:
    if value == ELSEWHERE:
        return "that is not configured"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def notes(config: RouterConfig) -> tuple[Note, ...]:
    """Everything that deserves a look, by kind and in the order of the configuration."""
    return (*_unreachable(config), *_shadowed(config), *_conflicts(config), *_without_lane(config))


def _unreachable(config: RouterConfig) -> Iterator[Note]:
    for policy in config.policies:
        if not reachable(config, policy.when):
            message = (
                f"{policy.id} never fires: no request that meets its other conditions has the tier that it asks for."
            )
            yield Note("unreachable", (policy.id,), message)


def _shadowed(config: RouterConfig) -> list[Note]:
    """Rules that change nothing; of two that do the same, the later one. All of them may go at once."""
    kept, found = list(config.policies), []
    for policy in reversed(config.policies):
        if not reachable(config, policy.when):
            continue
        others = [other for other in kept if other is not policy and implies(config, policy.when, other.when)]
        if not others or not _brought(config, policy, others, kept):
            continue
        for other in list(others):  # name as few as will do
            fewer = [each for each in others if each is not other]
            others = fewer if fewer and _brought(config, policy, fewer, kept) else others
        kept.remove(policy)
        names = " and ".join(other.id for other in others)
        message = f"{policy.id} never changes anything: {names} always fires with it and already does what it does."
        facts = example(config, [policy.when])
        found.append(Note("shadowed", (policy.id, *(o.id for o in others)), message, told(facts) if facts else {}))
    return found[::-1]


def _brought(config: RouterConfig, policy: Policy, others: Sequence[Policy], kept: Sequence[Policy]) -> bool:
    """Whether the others, which all fire whenever the policy does, already bring each of its effects."""
    then, effects = policy.then, [other.then for other in others]
    limits, mine = [of_policy(other) for other in others], of_policy(policy)
    return (
        _places_brought(config, mine, limits)
        and _lanes_brought(config, mine, limits)
        and (then.tools is None or any(each.tools in ("none", then.tools) for each in effects))
        and (not then.approval or any(each.approval for each in effects))
        and (then.explore is None or any(each.explore is False for each in effects))
        and (then.log is None or _at_most(then.log, [each.log for each in effects if each.log is not None]))
        and all(_first_brought(config, policy, key, others, kept) for key in FIRST_COUNTS)
    )


def _at_most(level: LogLevel, others: Sequence[LogLevel]) -> bool:
    return any(LOG_LEVELS.index(other) <= LOG_LEVELS.index(level) for other in others)


def _places_brought(config: RouterConfig, mine: Limit, limits: Sequence[Limit]) -> bool:
    boundary, regions = mine.boundary, mine.regions
    widths = [width(config, limit.boundary) for limit in limits if limit.boundary is not None]
    narrow = boundary is None or min(widths, default=len(config.boundaries)) <= width(config, boundary)
    stated = [limit.regions for limit in limits if limit.regions is not None]
    if regions is None or not stated:
        return narrow and regions is None
    left = set(stated[0]).intersection(*stated[1:])
    return narrow and left <= set(regions) and (bool(regions) or () in stated)


def _lanes_brought(config: RouterConfig, mine: Limit, limits: Sequence[Limit]) -> bool:
    named = Limit(mine.source, allow=mine.allow, deny=mine.deny, min_grade=mine.min_grade)
    return all(
        not any(forbids_lane(config, named, name, lane))
        or any(any(forbids_lane(config, limit, name, lane)) for limit in limits)
        for name, lane in config.lanes.items()
    )


def _first_brought(
    config: RouterConfig, policy: Policy, key: str, others: Sequence[Policy], kept: Sequence[Policy]
) -> bool:
    """Whether an effect of which the first counts never is that of this policy, or is the same without it."""
    value = getattr(policy.then, key)
    if value is None:
        return True
    order = list(config.policies)
    here = order.index(policy)
    for other in others:
        there, found = order.index(other), getattr(other.then, key)
        between = [getattr(each.then, key) for each in order[here + 1 : there] if each in kept]
        if found is not None and (there < here or (found == value and all(v in (None, value) for v in between))):
            return True
    return False


def _conflicts(config: RouterConfig) -> Iterator[Note]:
    for first, second in combinations(config.policies, 2):
        for key in FIRST_COUNTS:
            ours, theirs = getattr(first.then, key), getattr(second.then, key)
            if ours is None or theirs is None or ours == theirs:
                continue
            facts = example(config, [first.when, second.when])
            if facts is not None:
                message = f"{first.id} and {second.id} both set {key}; the first, {first.id}, counts: {ours}"
                yield Note("conflict", (first.id, second.id), f"{message.rstrip('.')}.", told(facts))


def _without_lane(config: RouterConfig) -> Iterator[Note]:
    """Rules that leave no lane, alone or two together, where nothing else sends the request to a person anyway."""
    known: list[set[str]] = []
    stops = [policy for policy in config.policies if _stops(policy)]
    for rules in chain(combinations(config.policies, 1), combinations(config.policies, 2)):
        stopped = any(implies(config, rule.when, stop.when) for rule in rules for stop in stops)
        if stopped or any(earlier <= {rule.id for rule in rules} for earlier in known):
            continue
        facts = example(config, [rule.when for rule in rules])
        if facts is None:
            continue
        alone = config.model_copy(update={"policies": rules})
        for asked in (alone, config):
            ruling = apply_rules(asked, facts, constraints=Constraints(), tokens_in=0)
            fired = {rule.id for rule in rules} if asked is alone else {rule.id for rule in ruling.fired}
            if _is_empty(ruling) and not any(earlier <= fired for earlier in known):
                known.append(fired)
                named = tuple(policy.id for policy in config.policies if policy.id in fired)
                message = (
                    f"when {' and '.join(named)} fire{'s' * (len(named) == 1)}, no lane is left and a person answers."
                )
                yield Note("no lane", named, message, told(facts))
                break


def _stops(policy: Policy) -> bool:
    return policy.then.refuse is not None or policy.then.human_review is not None


def _is_empty(ruling: Ruling) -> bool:
    return not (ruling.eligible or ruling.refuse or ruling.human_review)
