"""What can be wrong in a ``router.yaml`` whose shape is right: references, reach, promises that cannot be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from router_ml.config.cascade_checks import cascade_issues
from router_ml.config.issues import Issue, Path, covers, unknown
from router_ml.config.plan_checks import plan_issues
from router_ml.config.planning import ClassWhen
from router_ml.config.rules import OutputPolicy, OutputWhen, Policy, When
from router_ml.config.schema import Probe, Promise, RouterConfig
from router_ml.contract.base import TIERS, RiskTier, highest


def check(config: RouterConfig) -> list[Issue]:
    """All issues of a configuration, in the order of its sections."""
    return [
        *_places(config),
        *_lanes(config),
        *_destinations(config),
        *_guardrails(config),
        *_policies(config),
        *_output_policies(config),
        *_classes(config),
        *_money(config),
        *plan_issues(config),
        *cascade_issues(config),
    ]


def _places(config: RouterConfig) -> Iterator[Issue]:
    for key, names in (("boundaries", config.boundaries), ("regions", config.regions)):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Issue((key,), f"{name!r} is listed twice.", "Remove one of them.")


def _lanes(config: RouterConfig) -> Iterator[Issue]:
    if not any(lane.enabled for lane in config.lanes.values()):
        yield Issue(("lanes",), "every lane is disabled.", "Enable at least one lane.")
    for name, lane in config.lanes.items():
        yield from unknown(("lanes", name, "boundary"), [lane.boundary], config.boundaries, "boundary")
        if config.regions:
            yield from unknown(("lanes", name, "region"), [lane.region], config.regions, "region")


def _destinations(config: RouterConfig) -> Iterator[Issue]:
    tools = ((("tools", name), tool.boundary, tool.region) for name, tool in config.tools.items())
    indexes = ((("indexes", name), index.boundary, index.region) for name, index in config.indexes.items())
    others = (
        ((section, name), place.boundary, place.region)
        for section in ("rerankers", "judges", "trace_sinks")
        for name, place in getattr(config, section).items()
    )
    for path, boundary, region in (*tools, *indexes, *others):
        if boundary is not None:
            yield from unknown((*path, "boundary"), [boundary], config.boundaries, "boundary")
        if region is not None and config.regions:
            yield from unknown((*path, "region"), [region], config.regions, "region")
    for name, index in config.indexes.items():
        if index.reranker is not None:
            yield from unknown(("indexes", name, "reranker"), [index.reranker], config.rerankers, "reranker")


def _guardrails(config: RouterConfig) -> Iterator[Issue]:
    if not config.taxonomy.risks:
        return
    for risk in config.guardrails.risk_tiers:
        yield from unknown(("guardrails", "risk_tiers", risk), [risk], config.taxonomy.risks, "risk")


def _twice(section: str, policies: Sequence[Policy | OutputPolicy]) -> Iterator[Issue]:
    first: dict[str, int] = {}
    for index, policy in enumerate(policies):
        if policy.id in first:
            message = f"policy {policy.id!r} is defined twice (also {section}[{first[policy.id]}])."
            yield Issue((section, index, "id"), message, "Rename or remove one of them.")
        first.setdefault(policy.id, index)


def _policies(config: RouterConfig) -> Iterator[Issue]:
    yield from _twice("policies", config.policies)
    for index, policy in enumerate(config.policies):
        here: Path = ("policies", index)
        yield from _conditions((*here, "when"), policy.when, config)
        yield from _effects((*here, "then"), policy, config)
        yield from _reach(here, policy, config)


def _conditions(path: Path, when: When | ClassWhen, config: RouterConfig) -> Iterator[Issue]:
    taxonomy = config.taxonomy
    references = (
        ("intent", taxonomy.intents, "intent"),
        ("domain", taxonomy.domains, "domain"),
        ("risk", taxonomy.risks, "risk"),
        ("region", config.regions, "region"),
        ("tool", tuple(config.tools), "tool"),
    )
    for key, known, what in references:
        if known or what == "tool":
            yield from unknown((*path, key), getattr(when, key, None) or (), known, what)


def _effects(path: Path, policy: Policy, config: RouterConfig) -> Iterator[Issue]:
    then = policy.then
    if then.boundary is not None:
        yield from unknown((*path, "boundary"), [then.boundary], config.boundaries, "boundary")
    if then.regions is not None and config.regions:
        yield from unknown((*path, "regions"), then.regions, config.regions, "region")
    if then.lanes is not None:
        yield from unknown((*path, "lanes", "allow"), then.lanes.allow or (), config.lanes, "lane")
        yield from unknown((*path, "lanes", "deny"), then.lanes.deny, config.lanes, "lane")
    if then.output_contract is not None:
        known = config.output_contracts
        yield from unknown((*path, "output_contract"), [then.output_contract], known, "output contract")


def _reach(path: Path, policy: Policy, config: RouterConfig) -> Iterator[Issue]:
    """Rules that can never fire, or that do nothing when they do."""
    when = policy.when
    yield from _empty_lists((*path, "when"), when)
    yield from _tier((*path, "when", "tier"), when.risk, when.tier, config)
    write_tools = {name for name, tool in config.tools.items() if tool.effect == "write"}
    if when.write_tool and not write_tools:
        yield Issue((*path, "when", "write_tool"), "unreachable: no tool has effect write.", "Remove the policy.")
    if when.write_tool is False and when.tool and write_tools.issuperset(when.tool):
        message = "unreachable: every tool that the rule names has effect write, and it asks for requests without one."
        yield Issue((*path, "when", "write_tool"), message, "Remove write_tool or the tool.")
    if all(value == {} for value in policy.then.model_dump(exclude_defaults=True).values()):
        yield Issue((*path, "then"), "the policy has no effect.", "Give at least one effect, or remove the policy.")


def _empty_lists(path: Path, when: When | OutputWhen) -> Iterator[Issue]:
    for key, value in when.model_dump().items():
        if value == ():
            message = "the list is empty, so the policy is unreachable."
            yield Issue((*path, key), message, "Name at least one value, or remove the key.")


def _tier(
    path: Path, risks: Sequence[str] | None, tiers: Sequence[RiskTier] | None, config: RouterConfig
) -> Iterator[Issue]:
    if not risks or not tiers:
        return
    least = min((config.guardrails.risk_tiers.get(risk, "high") for risk in risks), key=TIERS.index)
    if TIERS.index(highest(*tiers)) < TIERS.index(least):
        message = f"unreachable: these risks raise the tier to at least {least}, the rule asks for {tiers[0]}."
        yield Issue(path, message, f"Use tier [{least}] or higher, or remove the key.")


def _output_policies(config: RouterConfig) -> Iterator[Issue]:
    yield from _twice("output_policies", config.output_policies)
    taxonomy, notices = config.taxonomy, tuple(config.notices)
    for index, policy in enumerate(config.output_policies):
        when, then = policy.when, policy.then
        here: Path = ("output_policies", index, "when")
        for key, known, what in (
            ("risk", taxonomy.risks, "risk"),
            ("request_risk", taxonomy.risks, "risk"),
            ("domain", taxonomy.domains, "domain"),
        ):
            if known:
                yield from unknown((*here, key), getattr(when, key) or (), known, what)
        yield from unknown((*here, "notice_missing"), when.notice_missing or (), notices, "notice")
        yield from _empty_lists(here, when)
        yield from _tier((*here, "tier"), when.request_risk, when.tier, config)
        then_here: Path = ("output_policies", index, "then")
        added = (then.add_notice,) if then.add_notice is not None else ()
        yield from unknown((*then_here, "add_notice"), added, notices, "notice")
        if not then.model_dump(exclude_none=True):
            yield Issue(then_here, "the policy has no effect.", "Give at least one effect, or remove the policy.")


def _classes(config: RouterConfig) -> Iterator[Issue]:
    names = list(config.traffic_classes)
    conditions = [config.traffic_classes[name].when for name in names]
    for position, name in enumerate(names):
        yield from _conditions(("traffic_classes", name, "when"), config.traffic_classes[name].when, config)
        unconditional = config.traffic_classes[name].when == ClassWhen()
        if unconditional and position < len(names) - 1:
            message = f"{name!r} takes every request, so the classes after it are unreachable."
            yield Issue(("traffic_classes", name), message, "Move it to the end, or give it a condition.")
        earlier = next((i for i in range(position) if covers(conditions[i], conditions[position])), None)
        if earlier is not None and conditions[earlier] != ClassWhen():
            message = f"unreachable: {names[earlier]!r} comes first and takes every request of it."
            yield Issue(("traffic_classes", name), message, "Move it up, or change its condition.")
    if config.traffic_classes[names[-1]].when != ClassWhen():
        message = f"the last class, {names[-1]!r}, has a condition: some requests would belong to no class."
        yield Issue(("traffic_classes", names[-1]), message, "End with a class without 'when'.")


def _money(config: RouterConfig) -> Iterator[Issue]:
    """Budgets, promises and probes that cannot do what they say."""
    explored = any(item.explore_share > 0 for item in config.traffic_classes.values())
    for name, item in config.traffic_classes.items():
        here: Path = ("traffic_classes", name)
        if item.at_cap != "cheapest" and item.budget_usd_per_day is None:
            fix = "Add 'budget_usd_per_day', or remove the key."
            yield Issue((*here, "at_cap"), "without a budget there is no cap.", fix)
        if not 0 < item.promise.delta < 1:
            message = f"a promise that may be missed with probability {item.promise.delta:g} cannot be certified."
            yield Issue((*here, "promise", "delta"), message, "Give a number between 0 and 1, such as 0.1.")
        if item.promise.kind == "mean" and item.promise.max_loss != Promise().max_loss:
            yield Issue((*here, "promise", "max_loss"), "it counts for promises of kind loss alone.", "Set kind: loss.")
    for name, lane in config.lanes.items():
        if lane.probe != Probe() and lane.probe.share > 0 and not explored:
            message = "no traffic class explores, so the lane is never probed."
            yield Issue(("lanes", name, "probe"), message, "Give a class an explore_share above 0, or remove the key.")
