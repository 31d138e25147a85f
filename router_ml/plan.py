"""Everything a decision carries besides the lane: decoding, limits, retrieval, tools, output contract, fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_ml.config import Lane, RouterConfig, TrafficClass
from router_ml.config.schema import ClassWhen, PlanRule
from router_ml.contract import (
    Decoding,
    Destinations,
    Fallback,
    Limits,
    OutputContract,
    PlannedTool,
    Retrieval,
    RouteRequest,
    Step,
)
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.limits import smallest


@dataclass(frozen=True)
class Situation:
    """What class and plan rules may look at."""

    intent: str
    domain: str
    mode: str
    channel: str
    org: str | None


@dataclass(frozen=True)
class Plan:
    """The rest of a decision."""

    decoding: Decoding
    limits: Limits
    retrieval: Retrieval
    tools: tuple[PlannedTool, ...]
    output_contract: OutputContract
    fallback: Fallback


@dataclass(frozen=True)
class Allowed:
    """What the policies left: tools, whether each needs approval, other places, and an output contract they demand."""

    tools: tuple[str, ...]
    approval: bool
    destinations: Destinations
    output_contract: str | None


def matches(when: ClassWhen, situation: Situation) -> bool:
    """Whether every condition that is given holds."""
    conditions = (
        (when.intent, situation.intent),
        (when.domain, situation.domain),
        (when.mode, situation.mode),
        (when.channel, situation.channel),
        (when.org and tuple(org.casefold() for org in when.org), situation.org),
    )
    return all(wanted is None or found in wanted for wanted, found in conditions)


def traffic_class(config: RouterConfig, request: RouteRequest, situation: Situation) -> tuple[str, TrafficClass]:
    """The class the caller named, else the first one that matches.

    Raises:
        InvalidRequestError: the named class does not exist.
    """
    named = request.traffic_class
    if named is not None:
        if named not in config.traffic_classes:
            known = ", ".join(config.traffic_classes)
            raise InvalidRequestError(f"The traffic class of the request is not configured. Known classes: {known}.")
        return named, config.traffic_classes[named]
    return next((name, item) for name, item in config.traffic_classes.items() if matches(item.when, situation))


def make_plan(
    config: RouterConfig,
    request: RouteRequest,
    situation: Situation,
    limits: TrafficClass,
    allowed: Allowed,
    ranking: Sequence[str],
    tokens_in: int,
) -> Plan:
    """Plan the execution on ``ranking[0]``, with the other lanes of the ranking to fall back on, best first."""
    rules = [rule for rule in config.plan if matches(rule.when, situation)]
    contract = _output_contract(config, request, rules, allowed)
    lane = config.lanes[ranking[0]]
    tools = _tools(config, rules, allowed) if limits.limits.max_tool_calls else ()
    steps = fallback(config, ranking)
    used = [config.lanes[name] for name in (ranking[0], *sorted(steps.lanes()))]
    return Plan(
        decoding=_decoding(used, rules, limits, contract, tokens_in=tokens_in),
        limits=_limits(request, lane, limits, bool(tools)),
        retrieval=_retrieval(config, rules, allowed),
        tools=tools,
        output_contract=contract,
        fallback=steps,
    )


def _output_contract(
    config: RouterConfig, request: RouteRequest, rules: Sequence[PlanRule], allowed: Allowed
) -> OutputContract:
    """What policy demands, else what the caller asks for, else what the plan rules say, else text."""
    if allowed.output_contract is None and isinstance(request.output_contract, OutputContract):
        return request.output_contract
    planned = next((rule.output_contract for rule in rules if rule.output_contract is not None), None)
    name = allowed.output_contract or request.output_contract or planned
    if name is None or isinstance(name, OutputContract):
        return OutputContract(name="text")
    if name not in config.output_contracts:
        known = ", ".join(config.output_contracts) or "none"
        raise InvalidRequestError(f"The output contract of the request is not configured. Known contracts: {known}.")
    spec = config.output_contracts[name]
    return OutputContract(name=name, **spec.model_dump(by_alias=True))


def _decoding(
    lanes: Sequence[Lane], rules: Sequence[PlanRule], limits: TrafficClass, contract: OutputContract, *, tokens_in: int
) -> Decoding:
    """Decoding of the first lane, with an output length that every lane of the plan can serve."""
    lane = lanes[0]
    temperature = next((rule.temperature for rule in rules if rule.temperature is not None), None)
    room = [min(other.max_output_tokens, max(other.context_window - tokens_in, 1)) for other in lanes]
    asked = limits.limits.max_output_tokens or lane.decoding.max_tokens or min(room)
    changes: dict[str, object] = {"max_tokens": min(asked, *room)}
    if temperature is not None and lane.decoding.temperature is None:
        changes["temperature"] = temperature
    if contract.schema is not None and "json_schema" in lane.capabilities:
        schema = {"name": contract.name, "schema": contract.schema}
        changes["response_format"] = {"type": "json_schema", "json_schema": schema}
    return lane.decoding.model_copy(update=changes)


def _limits(request: RouteRequest, lane: Lane, limits: TrafficClass, has_tools: bool) -> Limits:
    own, asked = limits.limits, request.constraints
    return Limits(
        max_input_tokens=own.max_input_tokens or lane.context_window,
        max_context_tokens=lane.context_window,
        max_tool_calls=own.max_tool_calls if has_tools else 0,
        deadline_ms=smallest(own.deadline_ms, asked.max_latency_ms),
        max_cost_usd=smallest(own.max_cost_usd, asked.max_cost_usd),
    )


def _retrieval(config: RouterConfig, rules: Sequence[PlanRule], allowed: Allowed) -> Retrieval:
    """The first rule that asks for retrieval; none where policy does not let the index be used."""
    rule = next((rule for rule in rules if rule.retrieval is not None), None)
    if (
        rule is None
        or rule.retrieval is None
        or rule.retrieval == "none"
        or rule.index not in allowed.destinations.indexes
    ):
        return Retrieval()
    index = config.indexes[rule.index]
    reranker = index.reranker if index.reranker in allowed.destinations.rerankers else None
    return Retrieval(strategy=rule.retrieval, index=rule.index, top_k=index.top_k, reranker=reranker)


def _tools(config: RouterConfig, rules: Sequence[PlanRule], allowed: Allowed) -> tuple[PlannedTool, ...]:
    required = next((rule.require_tools for rule in rules if rule.require_tools is not None), False)
    return tuple(
        PlannedTool(
            name=name,
            version=config.tools[name].version,
            effect=config.tools[name].effect,
            required=required and len(allowed.tools) == 1,
            approval=config.tools[name].effect == "write" and (config.tools[name].approval or allowed.approval),
        )
        for name in allowed.tools
    )


def fallback(config: RouterConfig, ranking: Sequence[str]) -> Fallback:
    """Steps for each kind of failure, all from the ranking; the last in another failure domain where there is one."""
    first, rule = ranking[0], config.fallback
    home = config.lanes[first].failure_domain
    others = list(ranking[1:])
    away = [lane for lane in others if config.lanes[lane].failure_domain != home]
    chosen = others[: rule.lanes]
    if chosen and away and config.lanes[chosen[-1]].failure_domain == home:
        last = next((lane for lane in away if lane not in chosen), away[0])
        chosen = [*[lane for lane in chosen if lane != last][: rule.lanes - 1], last]
    steps = tuple(Step(lane=lane, attempts=rule.attempts, backoff_ms=rule.backoff_ms) for lane in chosen)
    again = Step(lane=first, attempts=1, backoff_ms=0)
    return Fallback(
        on_timeout=steps,
        on_rate_limit=steps,
        on_schema_failure=(again, *steps),
        on_refusal=steps,
        on_error=steps,
        finally_=rule.finally_,
    )
