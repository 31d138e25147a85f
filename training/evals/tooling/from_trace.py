"""Cases from traces: what was logged of an execution, or a conversation in the OpenAI shape, to be replayed.

What was called counts as what is right, so take traces that went well. A call waits for those before it whose results
hold one of its arguments that the request does not. Then a fault can be put into a step (``with_fault``).

A trace is of somebody: read a case before it is kept, and replace what is private.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue, TypeAdapter, ValidationError

from router_ml.contract import Execution, Message, RiskTier
from router_ml.contract.base import JsonObject
from router_ml.errors import OfflineDataError
from router_ml.execution.tools.arguments import canonical, read
from router_ml.guardrails.withholding import DIGEST
from training.evals.attempt import Turn
from training.evals.case import Case, RightCall, Step
from training.evals.tooling.outcomes import in_passing

Effect = Literal["read", "write"]
_MESSAGES = TypeAdapter(tuple[Message, ...])
_MADE = ("done", "failed", "timeout")
_SHORTEST = 3  # characters of a value by which a call is known to depend on a result


@dataclass(frozen=True)
class Cell:
    """What a trace does not say of itself. ``id``: of the case."""

    id: str
    intent: str
    domain: str
    tier: RiskTier = "low"


@dataclass(frozen=True)
class _Call:
    tool: str
    arguments: JsonObject
    result: JsonValue
    error: str | None

    @property
    def told(self) -> str:
        return json.dumps(self.result, ensure_ascii=False)


def of_execution(execution: Execution, *, ask: str, cell: Cell, reference: str | None = None) -> Case:
    """The case of a logged execution. Calls that were never made (refused, invalid, waiting) are left out.

    Args:
        ask: what was asked, which no log of executions keeps.
        reference: what was answered.

    Raises:
        OfflineDataError: it made no calls, or the log was told to keep no words of them.
    """
    made = [call for call in execution.tool_calls if call.status in _MADE]
    if not made:
        raise OfflineDataError(f"Execution of {execution.decision_id} called no tool, so there is nothing to replay.")
    if any(_withheld(call.arguments) or _withheld(call.result) for call in made):
        raise OfflineDataError(
            f"The log keeps only digests of the calls of {execution.decision_id}. Replay a trace of a tier whose log "
            "keeps texts, or a conversation."
        )
    calls = [
        _Call(one.name, one.arguments, one.result, None if one.status == "done" else one.error or one.status)
        for one in made
    ]
    return _case((Message(role="user", content=ask),), calls, cell, reference)


def of_conversation(said: Sequence[Mapping[str, Any]], *, cell: Cell) -> Case:
    """The case of a conversation with messages of tools: what follows the last message of a user is replayed.

    Raises:
        OfflineDataError: it is no conversation in the OpenAI shape, calls no tool after its last question, or a call
            has no result.
    """
    try:
        messages = _MESSAGES.validate_python(said)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise OfflineDataError(f"Message {where} is not as in the OpenAI shape: {error.errors()[0]['msg']}.") from None
    last = max((place for place, one in enumerate(messages) if one.role == "user"), default=None)
    if last is None:
        raise OfflineDataError("Found a conversation without a message of a user, expected what was asked.")
    asked, done = messages[: last + 1], messages[last + 1 :]
    told = {one.tool_call_id: one.text for one in done if one.role == "tool"}
    calls = [_called(one, told) for message in done for one in message.tool_calls]
    if not calls:
        raise OfflineDataError(
            "Found no call of a tool after the last message of the user: there is nothing to replay."
        )
    answers = [one.text for one in done if one.role == "assistant" and not one.tool_calls]
    return _case(asked, calls, cell, answers[-1] if answers else None)


def with_fault(
    case: Case,
    *,
    step: int,
    error: str | None = None,
    result: JsonValue = None,
    effects: Mapping[str, Effect],
) -> Case:
    """A case in which one step goes wrong at first. A reading that fails in passing has to be repeated and the rest
    stays as it was; after any other fault the later calls may be left out, and no answer is known to be right.

    Args:
        step: which, from 1. error, result: what comes back instead, once; after a write, or an error that does not
            pass, always. effects: of the tools; one that is not known counts as a write.

    Raises:
        OfflineDataError: there is no such step, or no right call is this step.
    """
    if not 1 <= step <= len(case.script):
        raise OfflineDataError(f"Found step {step}, expected one of the {len(case.script)} steps of case {case.id}.")
    place, there = step - 1, case.script[step - 1]
    calls = case.calls
    found = [at for at, one in enumerate(calls) if one.tool == there.tool and one.arguments == (there.arguments or {})]
    if not found:
        raise OfflineDataError(f"Step {step} of case {case.id} answers none of its right calls word for word.")
    told = Turn(there.tool, "", there.arguments, result=result, error=error)
    again = effects.get(there.tool, "write") == "read" and in_passing(told)
    fault = there.model_copy(update={"result": result, "error": error, "times": 1 if again else None})
    changes: dict[str, Any] = {
        "id": f"{case.id}.fault{step}",
        "group": case.cluster,
        "tags": (*case.tags, "fault"),
        "script": (*case.script[:place], fault, *case.script[place:]),
    }
    if again:
        changes["calls"] = tuple(_with_retry(calls, found[-1]))
    else:
        later = (one.model_copy(update={"optional": True}) for one in calls[found[0] + 1 :])
        changes |= {"calls": (*calls[: found[0] + 1], *later), "reference": None}
    return case.model_copy(update=changes)


def _with_retry(calls: Sequence[RightCall], place: int) -> Iterator[RightCall]:
    """Right calls, one of them twice: what waited for it waits for the second."""
    for at, one in enumerate(calls):
        yield one.model_copy(update={"after": tuple(first + (first >= place) for first in one.after)})
        if at == place:
            yield one.model_copy(update={"after": (place,)})


def _case(asked: tuple[Message, ...], calls: Sequence[_Call], cell: Cell, reference: str | None) -> Case:
    said = "\n".join(one.text for one in asked)
    return Case(
        id=cell.id,
        intent=cell.intent,
        domain=cell.domain,
        tier=cell.tier,
        tags=("trace",),
        messages=asked,
        tools=tuple(dict.fromkeys(one.tool for one in calls)),
        script=tuple(_steps(calls)),
        calls=tuple(
            RightCall(tool=one.tool, arguments=one.arguments, after=tuple(_waits_for(place, calls, said)))
            for place, one in enumerate(calls)
        ),
        reference=reference,
    )


def _steps(calls: Sequence[_Call]) -> Iterator[Step]:
    """Each call answers once, the last of those that are the same for good."""
    last = {(one.tool, canonical(one.arguments)): place for place, one in enumerate(calls)}
    for place, one in enumerate(calls):
        times = None if last[one.tool, canonical(one.arguments)] == place else 1
        yield Step(tool=one.tool, arguments=one.arguments, result=one.result, error=one.error, times=times)


def _waits_for(place: int, calls: Sequence[_Call], said: str) -> Iterator[int]:
    values = {text for text in _scalars(calls[place].arguments) if len(text) >= _SHORTEST and text not in said}
    for first, one in enumerate(calls[:place]):
        if any(value in one.told for value in values) or (one.error and one.arguments == calls[place].arguments):
            yield first


def _scalars(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _called(call: Any, told: Mapping[str | None, str]) -> _Call:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or call.get("id") not in told:
        raise OfflineDataError("A call of a tool has no function, or no message of role tool with its id.")
    try:
        arguments = read(str(function.get("arguments") or "{}"))
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise OfflineDataError(f"A call of {function.get('name')} has arguments that are no JSON object.")
    try:
        result = read(told[call["id"]])
    except (ValueError, RecursionError):
        result = told[call["id"]]
    error = result["error"] if isinstance(result, dict) and set(result) == {"error"} else None
    return _Call(str(function.get("name")), arguments, None if error else result, str(error) if error else None)


def _withheld(value: JsonValue) -> bool:
    return isinstance(value, dict) and set(value) == {DIGEST}
