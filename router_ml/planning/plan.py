"""Everything a decision carries besides the lane: decoding, limits, retrieval, tools, output contract, fallbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_ml.config import Lane, RouterConfig, TrafficClass
from router_ml.config.planning import PlanRule
from router_ml.contract import (
    Decoding,
    Destinations,
    Fallback,
    Limits,
    OutputContract,
    PlannedTool,
    Retrieval,
    RouteDecision,
    RouteRequest,
    Step,
)
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.rules.limits import smallest
from router_ml.planning.guess import Advice, Guess
from router_ml.planning.situation import Situation, matches

__all__ = ["Allowed", "Plan", "Situation", "batch_priced", "fallback", "make_plan", "matches", "traffic_class"]


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


def traffic_class(config: RouterConfig, request: RouteRequest, situation: Situation) -> tuple[str, TrafficClass]:
    """The class the caller named, else the first one that matches.

    Raises:
        InvalidRequestError: the named class does not exist.
    """
    return class_of(config, request.traffic_class, situation)


def class_of(config: RouterConfig, named: str | None, situation: Situation) -> tuple[str, TrafficClass]:
    """``traffic_class`` of a request that names this class, or None; errors as there."""
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
    advice: Advice | None = None,
) -> Plan:
    """Plan the execution on ``ranking[0]``, with the other lanes of the ranking to fall back on, best first.

    Args:
        advice: the rules that are for the request, and what outcomes taught; by default the rules whose conditions on
            the situation hold.
    """
    if advice is None:
        advice = Advice([rule for rule in config.plan if matches(rule.when, situation)])
    rules, guess = advice.rules, advice.guess
    contract = _output_contract(config, request, allowed, advice)
    tools = _tools(config, rules, allowed, guess) if limits.limits.max_tool_calls else ()
    steps = fallback(config, ranking)
    names = (ranking[0], *sorted(steps.lanes()))
    used = [config.lanes[part] for name in names for part in (name, *parts_of(config, name))]
    return Plan(
        decoding=_decoding(used, rules, limits, contract, tokens_in=tokens_in),
        limits=_limits(request, used, limits, bool(tools)),
        retrieval=_retrieval(config, allowed, advice),
        tools=tools,
        output_contract=contract,
        fallback=steps,
    )


def batch_priced(config: RouterConfig, decision: RouteDecision) -> bool:
    """Whether a decision is carried out at batch prices: as it was weighed, as long as its class is configured."""
    channel, promise = decision.circumstances.channel, config.traffic_classes.get(decision.traffic_class)
    return channel == "batch" if promise is None else promise.batched(channel=channel, mode=decision.mode.label)


def parts_of(config: RouterConfig, lane: str) -> tuple[str, ...]:
    """The lanes that a lane is made of; none of one that is not a cascade."""
    cascade = config.lanes[lane].cascade
    return cascade.parts if cascade is not None else ()


def _output_contract(config: RouterConfig, request: RouteRequest, allowed: Allowed, advice: Advice) -> OutputContract:
    """What policy demands, else what the caller asks for, else the rules, else what was learned, else text."""
    if allowed.output_contract is None and isinstance(request.output_contract, OutputContract):
        return request.output_contract
    guess = advice.guess.output_contract
    learned = guess if guess in config.output_contracts else None
    rule = advice.first("output_contract", learned=learned)
    name = allowed.output_contract or request.output_contract or (rule.output_contract if rule else learned)
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
    """Decoding of the first lane, with an output length that every lane of the plan can serve. What a lane is
    configured to outranks a rule; what it cannot be held to is left out."""
    lane = lanes[0]
    room = min(min(other.max_output_tokens, max(other.context_window - tokens_in, 1)) for other in lanes)
    length = next((rule.max_output_tokens for rule in rules if rule.max_output_tokens is not None), None)
    asked = smallest(limits.limits.max_output_tokens, length) or lane.decoding.max_tokens or room
    changes: dict[str, object] = {"max_tokens": int(min(asked, room))}
    for name, needs in (
        ("temperature", None),
        ("reasoning_effort", "reasoning"),
        ("stop", None),
        ("grammar", "grammar"),
    ):
        planned = next((getattr(rule, name) for rule in rules if getattr(rule, name) is not None), None)
        if planned is not None and not getattr(lane.decoding, name) and needs in (None, *lane.capabilities):
            changes[name] = planned
    if lane.decoding.temperature is not None:
        changes.pop("temperature", None)
    if contract.schema is not None and "json_schema" in lane.capabilities:
        schema = {"name": contract.name, "schema": contract.schema}
        changes["response_format"] = {"type": "json_schema", "json_schema": schema}
    return lane.decoding.model_copy(update=changes)


def _limits(request: RouteRequest, lanes: Sequence[Lane], limits: TrafficClass, has_tools: bool) -> Limits:
    """Ceilings of class and caller, and of context what the first lane holds with all of its parts."""
    own, asked, window = limits.limits, request.constraints, lanes[0].context_window
    return Limits(
        max_input_tokens=min(own.max_input_tokens or window, window),
        max_context_tokens=window,
        max_tool_calls=own.max_tool_calls if has_tools else 0,
        deadline_ms=smallest(own.deadline_ms, asked.max_latency_ms),
        max_cost_usd=smallest(own.max_cost_usd, asked.max_cost_usd),
    )


def _retrieval(config: RouterConfig, allowed: Allowed, advice: Advice) -> Retrieval:
    """What the first rule says that sets it, else what was learned, in the index that a rule names; none where policy
    does not let the index be used."""
    learned = advice.guess.retrieval
    rule = advice.first("retrieval", learned=learned)
    strategy = rule.retrieval if rule is not None else learned
    name = rule.index if rule is not None else None
    name = name or _index_for(config, strategy, advice.rules)
    if strategy not in ("light", "deep") or name is None or name not in allowed.destinations.indexes:
        return Retrieval()
    index = config.indexes[name]
    reranker = index.reranker if strategy == "deep" and index.reranker in allowed.destinations.rerankers else None
    return Retrieval(strategy=strategy, index=name, top_k=index.top_k, reranker=reranker)


def _index_for(config: RouterConfig, strategy: str | None, rules: Sequence[PlanRule]) -> str | None:
    """The index that a rule names for a strategy: one that is for the request, else the first there is."""
    named = (rule.index for rule in (*rules, *config.plan) if rule.index and rule.retrieval in (strategy, None))
    return next(named, None)


def _tools(config: RouterConfig, rules: Sequence[PlanRule], allowed: Allowed, guess: Guess) -> tuple[PlannedTool, ...]:
    """The tools that policies left, but those that the first rule which names one withholds."""
    only = next((rule.require_tools for rule in rules if rule.require_tools is not None), False)
    need = {name: _need(name, rules, guess) for name in allowed.tools}
    offered = tuple(name for name in allowed.tools if need[name] != "withheld")
    return tuple(
        PlannedTool(
            name=name,
            version=config.tools[name].version,
            effect=config.tools[name].effect,
            required=need[name] == "required" or (need[name] is None and only and len(offered) == 1),
            approval=config.tools[name].effect == "write" and (config.tools[name].approval or allowed.approval),
        )
        for name in offered
    )


def _need(name: str, rules: Sequence[PlanRule], guess: Guess) -> str | None:
    """What the first rule that names a tool says of it, else what was learned; None where nobody says anything."""
    for tools in (rule.tools for rule in rules if rule.tools is not None):
        for kind in ("withheld", "required", "optional"):
            if name in getattr(tools, kind):
                return kind
    return "required" if name in guess.tools else None


def fallback(config: RouterConfig, ranking: Sequence[str]) -> Fallback:
    """Steps for each kind of failure, all from the ranking; the last in another failure domain where there is one.

    With more than one attempt, the first lane gets what is left of its own after a failure that may pass. An answer of
    the wrong shape is corrected on its lane (``execution.repairs``) before any step is taken.
    """
    first, rule = ranking[0], config.fallback
    home = config.lanes[first].failure_domain
    others = list(ranking[1:])
    away = [lane for lane in others if config.lanes[lane].failure_domain != home]
    chosen = others[: rule.lanes]
    if chosen and away and config.lanes[chosen[-1]].failure_domain == home:
        last = next((lane for lane in away if lane not in chosen), away[0])
        chosen = [*[lane for lane in chosen if lane != last][: rule.lanes - 1], last]
    steps = tuple(Step(lane=lane, attempts=rule.attempts, backoff_ms=rule.backoff_ms) for lane in chosen)
    left = rule.attempts - 1
    again = (Step(lane=first, attempts=left, backoff_ms=rule.backoff_ms),) if left else ()
    return Fallback(
        on_timeout=(*again, *steps),
        on_rate_limit=(*again, *steps),
        on_schema_failure=steps,
        on_refusal=steps,
        on_error=(*again, *steps),
        finally_=rule.finally_,
    )
