"""One step of the fallback: a lane, the rounds of tools that it asks for, the repair of an answer that broke its shape.

rules -> call -> tools? -> rules -> call -> ... -> validate -> repair? -> check the answer
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router_ml.contract import OutputCheck, OutputContract, Validation
from router_ml.contract.executed import ValidationStatus
from router_ml.execution.dispatch import dispatch
from router_ml.execution.gate import Asked, Failed, Halted, Parts, obey
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.messages import texts_of, to_continue, unanswered
from router_ml.execution.rounds import Rounds, Waiting, answer_calls, offered, owed
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Outlet
from router_ml.execution.validation.checking import Checked, check, repair, to_scan

CUT = "it ends at the max_tokens of the request"
"""What the record says of an answer that was cut off as its caller wanted."""
_ANY_TEXT = OutputContract(name="text")


@dataclass(frozen=True)
class Answered:
    """A reply that kept its contract, and what was found in it; ``found.action`` is pass or human_review."""

    lane: str
    reply: Reply
    checked: Checked
    found: OutputCheck


@dataclass(frozen=True)
class HandedOver:
    """Tools of the caller that a lane asks for: the caller calls them and comes back."""

    lane: str
    reply: Reply
    wanted: tuple[ToolRequest, ...]


Ended = Answered | HandedOver | Failed | Halted | Waiting


@dataclass
class _Step:
    """How far one lane has got: its rounds of tools, repairs, and what its next call says beside the conversation."""

    lane: str
    rounds: Rounds = field(default_factory=Rounds)
    repairs: int = 0
    asked: Asked = field(default_factory=Asked)


async def attempt(parts: Parts, run: Run, lane: str, outlet: Outlet | None) -> Ended:
    """What one lane makes of the conversation so far.

    Rounds of tools stay in the conversation, so that the lane of the next step goes on from them; corrections of an
    answer do not.
    """
    step = _Step(lane)
    ended: Ended | None = None
    if run.unfinished:
        ended = await _round(parts, run, lane, unanswered(run.messages), outlet)
    while ended is None:
        ended = await _turn(parts, run, step, outlet)
    return ended


async def _turn(parts: Parts, run: Run, step: _Step, outlet: Outlet | None) -> Ended | None:
    """One call and what it leads to; None where the lane is to go on."""
    if (halted := await obey(parts, run)) is not None:
        return halted
    tools, must_call = offered(parts, run)
    prefix = outlet.begin(run) if outlet is not None else ""
    more = (*step.asked.more, *(to_continue(prefix) if prefix else ()))
    asked = replace(step.asked, more=more, tools=tools, must_call=must_call)
    reply = await dispatch(parts, run, step.lane, asked, outlet)
    if not isinstance(reply, Reply):
        return reply
    if _wants_tools(reply):
        step.asked = Asked(purpose="tool_round")
        return await _tools(parts, run, step, reply, outlet)
    if owed(run) or (must_call and not run.client.cut(reply)):
        kind = check(_ANY_TEXT, reply).kind or "tool_failure"
        run.fault(kind)
        return Failed(kind)
    reply = replace(reply, text=prefix + reply.text)
    ended = await judge(parts, run, step.lane, reply, repaired=step.repairs > 0)
    return ended if not isinstance(ended, Checked) else await _repair(parts, run, step, reply, ended, outlet)


async def _repair(
    parts: Parts, run: Run, step: _Step, reply: Reply, checked: Checked, outlet: Outlet | None
) -> Failed | None:
    """Have the lane correct an answer whose shape is wrong; None where it is to try."""
    if checked.kind != "schema" or step.repairs >= parts.config.execution.repairs:
        return Failed(checked.kind or "schema", hopeless=checked.kind == "truncated" and run.client.cut(reply))
    if outlet is not None:
        await outlet.discard("schema")
    step.repairs += 1
    step.asked = Asked("repair", repair(reply, checked, run.decision.output_contract))
    if parts.config.lanes[step.lane].cascade is not None:  # another of its lanes may have written the answer
        run.appear(*texts_of(step.asked.more))
    return None


async def judge(
    parts: Parts, run: Run, lane: str, reply: Reply, *, repaired: bool = False
) -> Answered | Failed | Checked:
    """Whether a reply keeps its contract and may be shown; ``Checked`` where its shape is wrong."""
    contract = run.decision.output_contract
    cut = run.client.cut(reply)
    checked = check(
        contract, reply, context_ids=run.context_ids, passages=run.passages, model=run.model, cut_as_asked=cut
    )
    if checked.kind is not None:
        errors = (*checked.errors, *([CUT] if cut and checked.kind == "truncated" else ()))
        run.validation = Validation(status="failed", errors=errors)
        run.fault(checked.kind)
        return checked
    held: ValidationStatus = "truncated" if checked.cut else "repaired" if repaired else "passed"
    run.validation = Validation(status=held, errors=(CUT,) if checked.cut else ())
    run.citations = checked.citations
    found = await look_at(parts, run, to_scan(reply, checked))
    if found.action == "withhold":
        run.fault("withheld")
        return Failed("withheld")
    return Answered(lane, reply, checked, found)


async def look_at(parts: Parts, run: Run, output: Mapping[str, Any]) -> OutputCheck:
    """What the rules on answers say of one."""
    found = await asyncio.to_thread(parts.router.check_output, run.decision, output, request=run.request)
    run.output_checks.append(found.check_id)
    return found


def _wants_tools(reply: Reply) -> bool:
    return bool(reply.tool_requests) and reply.refusal is None and reply.stop in ("tools", "end", "unknown")


async def _tools(
    parts: Parts, run: Run, step: _Step, reply: Reply, outlet: Outlet | None
) -> HandedOver | Failed | Halted | Waiting | None:
    """A round of tools; None where the lane is to go on."""
    if outlet is not None:
        await outlet.discard("tools")
    if wanted := run.client.wanted(reply):
        found = await look_at(parts, run, replace(reply, tool_requests=wanted).as_message())
        if found.action != "pass":  # a person cannot call the caller's tools
            run.fault("withheld")
            return Failed("withheld")
        return HandedOver(step.lane, reply, wanted)
    reply = step.rounds.take(run, reply)
    if step.rounds.too_many(run, parts.config.execution):
        run.fault("tool_loop")
        return Failed("tool_loop")
    run.messages.append(reply.as_message())
    run.appear(reply.text, *(request.arguments for request in reply.tool_requests))
    return await _round(parts, run, step.lane, reply.tool_requests, outlet)


async def _round(
    parts: Parts, run: Run, lane: str, requests: tuple[ToolRequest, ...], outlet: Outlet | None
) -> Halted | Waiting | None:
    run.unfinished = True
    if (halted := await obey(parts, run)) is not None:
        return halted
    stopped = await answer_calls(parts, run, lane, requests, outlet)
    run.unfinished = stopped is not None
    return stopped
