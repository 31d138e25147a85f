"""Rounds of tools: what a lane is offered, what it asks for, what goes back to it.

A call is made once: what a write tool did for an earlier lane, or before the request was suspended, is told again and
not done again. Reads of one reply run at the same time, each write alone and in its place.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from router_ml import telemetry
from router_ml.config.execution import ExecutionRules
from router_ml.contract import ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.gate import Halted, Parts, obey
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.messages import answers, with_ids
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Outlet
from router_ml.telemetry.attributes import of_tool

_TRIED = ("done", "failed", "timeout")
_LIMIT = "LimitError no more tools may be called for this request; answer with what is known"


@dataclass(frozen=True)
class Waiting:
    """A call of a tool that a person has to agree to before anything goes on."""

    lane: str | None
    request: ToolRequest
    call: ToolCall


@dataclass
class Rounds:
    """The rounds of one lane: how many there were, and how often it asked for the same call."""

    made: int = 0
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    limit_told: bool = False

    def take(self, run: Run, reply: Reply) -> Reply:
        """Count a reply that asks for tools; the reply with an id for each call."""
        reply = with_ids(reply, len(run.messages))
        self.made += 1
        self.asked.update((request.name, canonical(request.arguments)) for request in reply.tool_requests)
        return reply

    def too_many(self, run: Run, rules: ExecutionRules) -> bool:
        """Whether the lane goes round in circles: too many rounds, the same call too often, or on and on after it was
        told that no call is left."""
        told, self.limit_told = self.limit_told, run.calls_left == 0
        return self.made > rules.max_tool_rounds or told or any(n > rules.repeats for n in self.asked.values())


def offered(parts: Parts, run: Run) -> tuple[tuple[JsonObject, ...], bool]:
    """The tools that a lane is offered now, and whether it has to call one: those that are required come first and
    alone. They are offered until the end, since not every vendor reads a conversation with tools without them."""
    client = run.client
    if not run.tools:
        return client.tools, client.must_call and bool(client.tools)
    missing = owed(run)
    if missing and run.calls_left:
        return tuple(parts.tools.offered(run.decision, missing)), True
    ours = parts.tools.offered(run.decision, run.tools)
    return (*ours, *client.tools), client.must_call and not run.all_calls


def owed(run: Run) -> list[str]:
    """Required tools that were not called yet; an answer without them is none."""
    tried = {call.name for call in run.all_calls if call.status in _TRIED}
    required = (tool.name for tool in run.decision.tools if tool.required and tool.name in run.tools)
    return [name for name in required if name not in tried]


async def answer_calls(
    parts: Parts, run: Run, lane: str | None, requests: Sequence[ToolRequest], outlet: Outlet | None
) -> Halted | Waiting | None:
    """Make the calls that a lane asked for and put what came of them into the conversation; None when it may go on."""
    for group in _groups(run, requests):
        if run.fresh and (halted := await obey(parts, run)) is not None:
            return halted
        left = run.calls_left
        ended = await asyncio.gather(
            *(_one(parts, run, each, spare=index < left) for index, each in enumerate(group)), return_exceptions=True
        )
        for request, made in zip(group, ended, strict=True):
            if isinstance(made, BaseException):
                raise made
            call, new = made
            if new:
                run.tool_calls.append(call)
            if call.status == "waiting":
                return Waiting(lane, request, call)
            message = answers(request, call)
            run.messages.append(message)
            run.appear(str(message["content"]))
            if outlet is not None:
                await outlet.used(call)
    return None


async def _one(parts: Parts, run: Run, request: ToolRequest, *, spare: bool) -> tuple[ToolCall, bool]:
    """What came of one call, and whether it is a new one."""
    if (known := _done_before(run, request)) is not None:
        return known.model_copy(update={"call_id": request.id}), False
    if not spare:
        return _refused(run, request, _LIMIT), True
    with telemetry.span(f"execute_tool {request.name if request.name in run.tools else 'unknown'}") as span:
        call = await _called(parts, run, request)
        span.set(of_tool(call))
    return call, True


async def _called(parts: Parts, run: Run, request: ToolRequest) -> ToolCall:
    left = None if run.left_ms == float("inf") else max(run.left_ms, 0) / 1000
    try:
        async with asyncio.timeout(left):
            return await parts.tools.call(
                run.decision,
                request,
                allowed=run.tools,
                before=run.all_calls,
                approval_id=run.granted.get(request.id),
                ask=run.ask,
                timeout_s=left,
            )
    except TimeoutError:
        return _broken_off(run, request, "TimeoutError the deadline of the request passed")
    except asyncio.CancelledError:
        run.tool_calls.append(_broken_off(run, request, "CancelledError"))
        raise


def _groups(run: Run, requests: Sequence[ToolRequest]) -> Iterator[list[ToolRequest]]:
    """Neighbouring reads together, each write alone."""
    reads = {tool.name for tool in run.decision.tools if tool.effect == "read"}
    group: list[ToolRequest] = []
    for request in requests:
        if request.name in reads:
            group.append(request)
            continue
        if group:
            yield group
        group = []
        yield [request]
    if group:
        yield group


def _done_before(run: Run, request: ToolRequest) -> ToolCall | None:
    """What a write that is asked for again has done already."""
    asked = canonical(request.arguments)
    for call in run.all_calls:
        same = call.name == request.name and canonical(call.arguments) == asked
        if same and call.effect == "write" and call.status in ("done", "timeout"):
            return call
    return None


def _broken_off(run: Run, request: ToolRequest, why: str) -> ToolCall:
    told = f"{why}; whether it was done is not known"
    return _refused(run, request, told).model_copy(update={"status": "timeout", "attempts": 1})


def _refused(run: Run, request: ToolRequest, error: str) -> ToolCall:
    planned = next((tool for tool in run.decision.tools if tool.name == request.name), None)
    read = _parsed(request.arguments)
    return ToolCall(
        name=request.name if planned else "?",  # a lane may make up names, and put anything into them
        version=planned.version if planned else "?",
        effect=(planned.effect if planned else None) or "read",
        arguments=read if isinstance(read, dict) else {},
        call_id=request.id,
        status="refused",
        error=error,
        attempts=0,
    )


def canonical(arguments: str | JsonObject) -> str:
    """Arguments in one form, whatever the order of their names."""
    read = _parsed(arguments) if isinstance(arguments, str) else arguments
    return json.dumps(read, sort_keys=True, ensure_ascii=False)


def _parsed(arguments: str) -> JsonValue:
    try:
        read: JsonValue = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return arguments
    return read
