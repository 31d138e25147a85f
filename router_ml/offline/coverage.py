"""Which lanes each policy leaves, and which traffic one outage stops. Pure, by asking the rules themselves.

For each policy, and each class with up to two policies, one request is made up that meets their conditions, and
``guardrails.policy.rule`` decides on it. Ceilings on cost and latency are left out: they depend on the request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, product
from typing import Any

from router_ml.config import Policy, RouterConfig
from router_ml.config.planning import ClassWhen
from router_ml.config.rules import When
from router_ml.contract import Constraints
from router_ml.guardrails.policy import Facts, Ruling, risk_tier, rule
from router_ml.guardrails.rules.conditions import effect, fires
from router_ml.planning.plan import Situation, matches

Cause = tuple[str, str]
Mild = tuple[str, Ruling]
"""A traffic class, and what the rules leave of a request of it."""
NOTHING: Cause = ("nothing", "")
_TRIES = 200
_MANY = 1_000  # characters: long enough for an unvalidated language to count
_NEUTRAL: dict[str, tuple[Any, ...]] = {  # where nothing is asked: first what no rule is likely to name
    "intent": ("",),
    "domain": ("",),
    "mode": ("chat", "batch"),
    "channel": ("api", "web", "app", "batch"),
    "org": (None,),
    "region": (None,),
    "guard_state": ("clean",),
    "language_validated": (True,),
}


@dataclass(frozen=True)
class PolicyLanes:
    """What one policy does, and the lanes it leaves: none if it refuses or asks for a person.

    ``lanes`` is None if no request could be found that it fires on.
    """

    policy: str
    effect: str
    lanes: tuple[str, ...] | None


@dataclass(frozen=True)
class Stop:
    """Traffic that one outage stops: requests of ``classes`` on which ``policies`` fire (none: any request).

    ``kind`` and ``name`` say what has to fail: a ``failure domain``, a ``provider``, a ``lane``, a ``region``, or
    ``nothing``: no lane is left.
    """

    classes: tuple[str, ...]
    policies: tuple[str, ...]
    lanes: tuple[str, ...]
    kind: str
    name: str

    def __str__(self) -> str:
        when = f" when {' and '.join(self.policies)} fire{'s' if len(self.policies) == 1 else ''}" * bool(self.policies)
        if not self.lanes:
            return f"{', '.join(self.classes)}{when}: no lane is left, a person answers"
        return f"{', '.join(self.classes)}{when}: only {', '.join(self.lanes)}, all of {self.kind} {self.name}"


def policy_lanes(config: RouterConfig) -> tuple[PolicyLanes, ...]:
    """Each policy evaluated alone."""
    rows = []
    for policy in config.policies:
        facts = _mildest(config, [policy])
        rows.append(
            PolicyLanes(policy.id, effect(policy.then), None if facts is None else _left(config, policy, facts))
        )
    return tuple(rows)


def _left(config: RouterConfig, policy: Policy, facts: Facts) -> tuple[str, ...]:
    alone = config.model_copy(update={"policies": (policy,)})
    ruling = rule(alone, facts, constraints=Constraints(), tokens_in=0)
    return () if ruling.refuse or ruling.human_review else ruling.eligible


def stops(config: RouterConfig) -> tuple[Stop, ...]:
    """All traffic that one provider or failure domain can stop, each in its mildest situation only."""
    return _stops(config, mildest(config), lambda left: _shared(config, left))


def stopped_by(
    config: RouterConfig, struck: Collection[str], *, kind: str, name: str, situations: Sequence[Mild] | None = None
) -> tuple[Stop, ...]:
    """The traffic that stops while the ``struck`` lanes answer nothing, each in its mildest situation only.

    Args:
        kind, name: what has to fail for that, for ``Stop``.
        situations: what ``mildest`` says, where it is known already.
    """
    known = mildest(config) if situations is None else situations
    return _stops(config, known, lambda left: (kind, name) if left and set(left) <= set(struck) else None)


def mildest(config: RouterConfig) -> tuple[Mild, ...]:
    """For each class and up to two policies that fire, what the rules leave of the mildest request."""
    return tuple(
        (name, ruling)
        for name in config.traffic_classes
        for policies in chain.from_iterable(combinations(config.policies, size) for size in range(3))
        if (ruling := _ruled(config, name, policies)) is not None
    )


def _stops(
    config: RouterConfig, situations: Sequence[Mild], cause_of: Callable[[Sequence[str]], Cause | None]
) -> tuple[Stop, ...]:
    """``cause_of``: what stops all of some lanes, none of which is a cascade; None if nothing does."""
    found: dict[tuple[Any, ...], list[str]] = {}
    known: dict[str, list[tuple[frozenset[str], Cause]]] = {}
    for name, ruling in situations:
        # of a cascade its parts count
        cause = cause_of([lane for lane in ruling.eligible if config.lanes[lane].cascade is None])
        fired, told = tuple(policy.id for policy in ruling.fired), known.setdefault(name, [])
        if cause is not None and not any(earlier <= set(fired) and same == cause for earlier, same in told):
            told.append((frozenset(fired), cause))
            lanes = ruling.eligible if cause != NOTHING else ()
            found.setdefault((fired, lanes, cause), []).append(name)
    return tuple(Stop(tuple(names), fired, lanes, *cause) for (fired, lanes, cause), names in found.items())


def _ruled(config: RouterConfig, class_name: str, policies: Sequence[Policy]) -> Ruling | None:
    """What the rules leave of the mildest request; None if there is none, or no lane was to answer anyway."""
    facts = _mildest(config, policies, class_name)
    if facts is None:
        return None
    needs = frozenset(["tools"] if facts.tools else ())
    ruling = rule(config, facts, constraints=Constraints(), tokens_in=0, needs=needs)
    return None if ruling.refuse or ruling.human_review else ruling


def _shared(config: RouterConfig, left: Sequence[str]) -> Cause | None:
    """What stops all of some lanes: the failure domain or else the provider that they share."""
    if not left:
        return NOTHING
    for kind, places in (
        ("failure domain", {config.lanes[lane].failure_domain for lane in left}),
        ("provider", {config.lanes[lane].provider for lane in left}),
    ):
        if len(places) == 1:
            return kind, places.pop()
    return None


def _mildest(config: RouterConfig, policies: Sequence[Policy], class_name: str | None = None) -> Facts | None:
    """Of the requests that can be made up, one on which as few other policies fire as possible."""

    def fired(facts: Facts) -> int:
        return sum(fires(policy.when, facts) for policy in config.policies)

    found: Facts | None = None
    for facts in islice(_requests(config, policies, class_name), _TRIES):
        if found is None or fired(facts) < fired(found):
            found = facts
        if fired(found) == len(policies):
            break
    return found


def _requests(config: RouterConfig, policies: Sequence[Policy], class_name: str | None = None) -> Iterator[Facts]:
    """Facts of requests that all the policies fire on, and that belong to the class."""
    asked = [policy.when for policy in policies]
    own = [config.traffic_classes[class_name].when] if class_name is not None else []
    singles = [_values(key, [*own, *asked]) for key in _NEUTRAL]
    risks = [when.risk for when in asked if when.risk is not None]
    for values in product(*singles, *risks):
        single = dict(zip(_NEUTRAL, values, strict=False))
        facts = _facts(config, asked, single, frozenset(values[len(_NEUTRAL) :]))
        situation = Situation(facts.intent, facts.domain, facts.mode, facts.channel, facts.org)
        in_class = next(n for n, item in config.traffic_classes.items() if matches(item.when, situation))
        if all(fires(when, facts) for when in asked) and class_name in (None, in_class):
            yield facts


def _values(key: str, conditions: Sequence[When | ClassWhen]) -> tuple[Any, ...]:
    """The values of one key that meet every condition that asks for it."""
    wanted = [value for value in (getattr(condition, key, None) for condition in conditions) if value is not None]
    lists = [value if isinstance(value, tuple) else (value,) for value in wanted]
    return tuple(value for value in lists[0] if all(value in other for other in lists)) if lists else _NEUTRAL[key]


def _facts(config: RouterConfig, asked: Sequence[When], single: dict[str, Any], risks: frozenset[str]) -> Facts:
    tools = {when.tool[0]: None for when in asked if when.tool}
    if any(when.write_tool for when in asked):
        tools |= dict.fromkeys([name for name, tool in config.tools.items() if tool.effect == "write"][:1])
    tier = risk_tier(
        config.guardrails,
        risks=risks,
        guard_state=single["guard_state"],
        language_validated=single["language_validated"],
        language_chars=_MANY,
        abstained=False,
    )
    tiers = next((when.tier for when in asked if when.tier), None)
    return Facts(
        **single,
        risks=risks,
        tier=tier if tiers is None or tier in tiers else tiers[-1],
        findings=frozenset(when.finding[0] for when in asked if when.finding),
        tools=tuple(tools),
        write_tool=any(config.tools[name].effect == "write" for name in tools),
    )
