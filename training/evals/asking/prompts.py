"""What a lane is sent with a case, built by the functions of executions: what is measured is what runs."""

from __future__ import annotations

from router_ml.config import Lane, RouterConfig
from router_ml.contract import Decoding, OutputContract
from router_ml.contract.base import JsonObject
from router_ml.execution.messages import as_sent
from router_ml.execution.retrieval.passages import with_passages
from router_ml.execution.validation.checking import instructions
from router_ml.execution.validation.structured import decoding_for, held_to_shape
from training.evals.case import Case
from training.evals.suite import Suite


def conversation(suite: Suite, case: Case) -> list[JsonObject]:
    """The messages of a case, with the system of its suite and its passages, before any lane is chosen."""
    asked: list[JsonObject] = [one.model_dump(mode="json", exclude_defaults=True) for one in case.messages]
    if case.ask is not None:
        asked = [{"role": "user", "content": case.ask}]
    messages = as_sent(asked, case.system or suite.file.system)
    passages = suite.passages_of(case)
    return with_passages(messages, passages) if passages else messages


def contract_of(case: Case) -> OutputContract:
    """The output contract of a case; one of plain text where it has none."""
    if case.output_contract is None:
        return OutputContract(name="text")
    return OutputContract(name="case", **case.output_contract.model_dump(by_alias=True))


def shaped_for(lane: Lane, suite: Suite, case: Case) -> list[JsonObject]:
    """The messages that a lane is sent: it is told of the shape of the answer where it cannot be held to it."""
    contract = contract_of(case)
    more = contract.citations_required or contract.forbidden
    told = None if held_to_shape(lane, contract) and not more else instructions(contract)
    return as_sent(conversation(suite, case), told)


def decoding_of(config: RouterConfig, lane: Lane, case: Case) -> Decoding:
    """How a lane is to decode: as it is configured, then as the case says; with the shortest ``max_tokens`` of case,
    lane and traffic class, and the response format of the contract."""
    own = lane.decoding.model_dump(exclude_none=True, exclude_defaults=True)
    merged = case.decoding.model_copy(update={name: getattr(lane.decoding, name) for name in own})
    limits = config.traffic_classes.get(case.traffic_class or "")
    caps = (
        case.decoding.max_tokens,
        lane.decoding.max_tokens,
        limits.limits.max_output_tokens if limits is not None else None,
        lane.max_output_tokens,
    )
    merged = merged.model_copy(update={"max_tokens": min(one for one in caps if one is not None)})
    return decoding_for(lane, merged, contract_of(case))
