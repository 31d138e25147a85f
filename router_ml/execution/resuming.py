"""Going on with what waited for a person: under the same decision id, by the rules that are in force now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from router_ml.contract import Approval, RouteDecision, RouteRequest
from router_ml.execution.allowance import size
from router_ml.execution.attempts import judge
from router_ml.execution.completion import Completion
from router_ml.execution.ends import end, nothing_left
from router_ml.execution.fallback import Tried
from router_ml.execution.gate import Failed, Parts, obey
from router_ml.execution.grants import Grant
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.messages import of_request, texts_of
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Interrupted
from router_ml.execution.validation.checking import Checked
from router_ml.execution.walk import answered, carry_out, finish, recorded

if TYPE_CHECKING:
    from router_ml.execution.reviews.reviews import Suspended

_SAID = {"denied": "A person looked at this and did not agree.", "expired": "Nobody agreed to this in time."}


async def resume(parts: Parts, approval_id: str) -> Completion:
    """Go on with a request that a person has decided on, or end it as its ``on_expiry`` says.

    Raises:
        ReviewError: nobody has decided yet, or somebody else went on with it. Otherwise as ``carry_out``.
    """
    approval = await asyncio.to_thread(parts.reviews.state, approval_id)
    waited = await asyncio.to_thread(parts.reviews.take, approval_id)
    run = _run(waited, waited.decision)
    if approval.state != "granted":
        return await _ended(parts, run, approval)
    if waited.decision.action == "human_review":
        again = await asyncio.to_thread(parts.router.decide_reviewed, waited.request, waited.decision, approval)
        run = _run(waited, again)
    run.reviewed = approval.subject == "request"
    run.granted = Grant.of(waited)
    run.unfinished = run.granted is not None
    if waited.answer is not None and waited.lane is not None:
        return await recorded(parts, run, _give(parts, run, waited.lane, waited.answer))
    return await carry_out(parts, run)


def begin(request: RouteRequest, decision: RouteDecision) -> Run:
    """The run of a request that nothing has been done for."""
    messages = of_request(request)
    return Run(decision, request, messages, asked_bytes=size(messages))


def again(interrupted: Interrupted) -> Run:
    """A run that goes on from where a stream broke off: another record, under the same decision, money and time gone on
    from; what failed has failed."""
    before = interrupted.run
    run = begin(before.request, before.decision)
    run.messages, run.passages = list(before.messages), list(before.passages)
    run.tried, run.earlier, run.client, run.model = (
        list(before.tried),
        interrupted.execution,
        before.client,
        before.model,
    )
    run.lanes, run.tools, run.destinations, run.tier = before.lanes, before.tools, before.destinations, before.tier
    run.earlier_calls, run.earlier_usd = before.all_calls, before.spent_usd
    run.appear(*before.appeared, interrupted.partial)
    return run


def _run(waited: Suspended, decision: RouteDecision) -> Run:
    """The run of what waited; the rules look again at all that came in before it did."""
    run = begin(waited.request, decision)
    asked = run.messages
    run.messages, run.earlier = list(waited.messages), waited.execution
    run.earlier_calls = (*waited.earlier_calls, *waited.execution.tool_calls)
    run.earlier_usd = waited.spent_usd
    run.approvals.append(waited.approval_id)
    run.appear(*texts_of([message for message in run.messages if message not in asked]))
    return run


async def _give(parts: Parts, run: Run, lane: str, answer: str) -> Completion:
    """An answer that a person has looked at, once the rules have looked at it again."""
    if (halted := await obey(parts, run)) is not None:
        return await finish(parts, run, halted, None)
    given = await judge(parts, run, lane, Reply(text=answer))
    if isinstance(given, Checked | Failed):
        run.tried.append(Tried(lane, given.kind or "schema"))
        return await nothing_left(parts, run)
    return await answered(parts, run, given)


async def _ended(parts: Parts, run: Run, approval: Approval) -> Completion:
    if approval.on_expiry == "static_answer":
        return await end(parts, run, "static_answer", parts.config.execution.static_answer)
    return await end(parts, run, "refused", _SAID.get(approval.state, _SAID["denied"]))
