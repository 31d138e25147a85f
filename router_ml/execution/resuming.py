"""Going on with what waited for a person: under the same decision id, by the rules that are in force now."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pydantic import BaseModel

from router_ml.contract import Approval, RouteDecision, RouteRequest
from router_ml.errors import ExecutionError, InvalidRequestError, ReviewError, RouterError
from router_ml.execution.allowance import size
from router_ml.execution.attempts import judge
from router_ml.execution.client_side import kept
from router_ml.execution.completion import Completion
from router_ml.execution.ends import end, nothing_left
from router_ml.execution.fallback import Tried
from router_ml.execution.gate import Failed, Parts, obey
from router_ml.execution.grants import Grant
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.messages import of_request, texts_of
from router_ml.execution.run import Run, Spent
from router_ml.execution.streaming.outlet import Interrupted
from router_ml.execution.validation.checking import Checked
from router_ml.execution.validation.structured import contract_of
from router_ml.execution.walk import answered, carry_out, finish, recorded

if TYPE_CHECKING:
    from router_ml.execution.reviews.reviews import Suspended

logger = logging.getLogger(__name__)

_SAID = {"denied": "A person looked at this and did not agree.", "expired": "Nobody agreed to this in time."}


async def resume(
    parts: Parts, approval_id: str, *, model: type[BaseModel] | None = None, on_spent: Spent | None = None
) -> Completion:
    """Go on with a request that a person has decided on, or end it as its ``on_expiry`` says.

    All that can stand in the way is found before the approval is used up.

    Args:
        model: the pydantic one that the answer has to fit, where this process does not know it.
        on_spent: is told what it came to from here on, in USD.

    Raises:
        ReviewError: nobody has decided yet, somebody else went on with it, or the model is missing.
        InvalidRequestError: the model is another one, or the request cannot be decided. Otherwise as ``carry_out``.
    """
    approval = await asyncio.to_thread(parts.reviews.state, approval_id)
    if approval.state != "granted":
        waited = await asyncio.to_thread(parts.reviews.take, approval_id, last=approval)
        parts.models.pop(approval_id, None)
        return await _ended(parts, _run(waited, waited.decision), approval)
    waits = await asyncio.to_thread(parts.reviews.suspended, approval_id)
    model = _model(waits, parts.models.get(approval_id), model)
    decision = waits.decision
    if decision.action == "human_review" and waits.whole:
        decision = await asyncio.to_thread(parts.router.decide_reviewed, waits.request, decision, approval)
    waited = await asyncio.to_thread(parts.reviews.take, approval_id, last=approval)
    parts.models.pop(approval_id, None)
    run = _run(waited, decision)
    run.on_spent = on_spent
    run.model, run.client = model, kept(run.client, parts.config, decision)
    run.reviewed = run.reviewed or approval.subject == "request"
    run.granted = Grant.of(waited) or run.granted
    if waited.answer is not None and waited.lane is not None:
        reply = Reply(text=waited.answer, citations=waited.citations)
        return await recorded(parts, run, _give(parts, run, waited.lane, reply))
    return await carry_out(parts, run)


async def resume_ready(parts: Parts) -> list[Completion]:
    """Go on with all that somebody has decided on, and end what nobody did in time, one after the other.

    What cannot be gone on with from here is left for others, or for the next time; the log says why.
    """
    done: list[Completion] = []
    for approval in await asyncio.to_thread(parts.reviews.ready):
        try:
            done.append(await resume(parts, approval.approval_id))
        except ExecutionError as error:
            done += [error.completion] if isinstance(error.completion, Completion) else []
        except RouterError as error:
            logger.warning("Approval %s was not gone on with: %s", approval.approval_id, error)
    return done


def begin(request: RouteRequest, decision: RouteDecision) -> Run:
    """The run of a request that nothing has been done for."""
    messages = of_request(request)
    return Run(decision, request, messages, asked_bytes=size(messages))


def again(interrupted: Interrupted) -> Run:
    """A run that goes on from where a stream broke off: another record, under the same decision, money and time gone on
    from; what failed has failed."""
    before = interrupted.run
    run = begin(before.request, before.decision)
    run.go_on_from(before.progress, execution_id=interrupted.execution.execution_id)
    run.messages, run.tried, run.model = list(before.messages), list(before.tried), before.model
    run.lanes, run.tools, run.destinations, run.tier = before.lanes, before.tools, before.destinations, before.tier
    run.appear(*before.appeared, interrupted.partial)
    return run


def _run(waited: Suspended, decision: RouteDecision) -> Run:
    """The run of what waited; the rules look again at all that came in before it did."""
    run = begin(waited.request, decision)
    asked = run.messages
    run.go_on_from(waited.progress, execution_id=waited.execution.execution_id)
    run.messages = list(waited.messages)
    run.approvals.append(waited.approval_id)
    run.appear(*texts_of([message for message in run.messages if message not in asked]))
    return run


def _model(waits: Suspended, known: type[BaseModel] | None, given: type[BaseModel] | None) -> type[BaseModel] | None:
    """The pydantic model that an answer has to fit; nothing is answered without it.

    Raises:
        ReviewError: it is missing. InvalidRequestError: it is another one.
    """
    if known is None and given is None and waits.progress.with_model:
        raise ReviewError(
            f"Approval {waits.approval_id} is of a request whose answer has to fit a pydantic model, which is not "
            "known here. Give it: executor.resume(approval_id, model=...)."
        )
    if given is not None and waits.whole and contract_of(given) != waits.request.output_contract:
        raise InvalidRequestError(
            f"{given.__name__} is not the output contract of the request. Give the model that it was asked with."
        )
    return known or given


async def _give(parts: Parts, run: Run, lane: str, reply: Reply) -> Completion:
    """An answer that a person has looked at, once the rules have looked at it again."""
    if (halted := await obey(parts, run)) is not None:
        return await finish(parts, run, halted, None)
    given = await judge(parts, run, lane, reply)
    if isinstance(given, Checked | Failed):
        run.tried.append(Tried(lane, given.kind or "schema"))
        return await nothing_left(parts, run)
    return await answered(parts, run, given)


async def _ended(parts: Parts, run: Run, approval: Approval) -> Completion:
    if approval.on_expiry == "static_answer":
        return await end(parts, run, "static_answer", parts.config.execution.static_answer)
    return await end(parts, run, "refused", _SAID.get(approval.state, _SAID["denied"]))
