"""How a request ends: with the record of it, the completion, and the error where there is no answer."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass

from router_ml import telemetry
from router_ml.contract import Execution, ExecutionStatus, FailureKind
from router_ml.deciding.recording import must_be_kept
from router_ml.errors import ExecutionError, LogError, StreamInterruptedError
from router_ml.execution.completion import Completion
from router_ml.execution.gate import Parts
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.reviews.reviews import Suspended, new_approval_id
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Interrupted, Outlet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Suspension:
    """What a person is to look at: a call of a tool, an answer of a lane, or the request as a whole."""

    reason: str
    queue: str | None = None
    tool_request: ToolRequest | None = None
    answer: str | None = None
    citations: tuple[str, ...] = ()
    lane: str | None = None
    error: FailureKind | None = None


async def end(
    parts: Parts,
    run: Run,
    status: ExecutionStatus,
    text: str,
    outlet: Outlet | None = None,
    *,
    error: FailureKind | None = None,
) -> Completion:
    """End without an answer of a lane: a question back, a refusal, a static answer."""
    execution = run.execution(status, error=error)
    await keep(parts, run, execution)
    if outlet is not None:
        await outlet.end(text, why=error or "changed", notice=status == "refused")
    return Completion(status, text, run.decision, execution)


async def suspend(parts: Parts, run: Run, asked: Suspension, outlet: Outlet | None = None) -> Completion:
    """Put a request before a person; it goes on with ``Executor.resume(completion.review_id)``.

    Raises:
        LogError: it could not be kept. Nothing waits then.
    """
    approval_id = new_approval_id()
    run.approvals.append(approval_id)
    execution = run.execution("human_review", error=asked.error)
    suspended = Suspended(
        approval_id,
        run.decision,
        run.request,
        tuple(run.messages),
        execution,
        tool_request=asked.tool_request,
        answer=asked.answer,
        citations=asked.citations,
        lane=asked.lane,
        progress=run.progress,
    )
    if run.model is not None:
        parts.remember(approval_id, run.model)
    await asyncio.to_thread(
        parts.reviews.ask,
        suspended,
        subject="request" if asked.tool_request is None else "tool",
        reason=asked.reason,
        queue=asked.queue,
    )
    await keep(parts, run, execution)
    if outlet is not None:
        await outlet.end(asked.reason, why="review", notice=True)
    return Completion("human_review", asked.reason, run.decision, execution, review_id=approval_id)


async def nothing_left(parts: Parts, run: Run, outlet: Outlet | None = None, *, ask: bool = True) -> Completion:
    """End as the fallback says where no lane gave an answer that holds.

    Args:
        ask: a person may be asked; else that is an error too.

    Raises:
        ExecutionError: it says ``error``, or a person may not be asked.
    """
    last = run.tried[-1].kind if run.tried else "unavailable"
    finally_ = run.decision.fallback.finally_
    if finally_ == "static_answer":
        return await end(parts, run, "static_answer", parts.config.execution.static_answer, outlet, error=last)
    if finally_ == "human_review" and ask:
        return await suspend(parts, run, Suspension("No lane gave an answer that holds.", error=last), outlet)
    execution = run.execution("failed", error=last)
    await keep(parts, run, execution)
    raise ExecutionError(Completion("failed", "", run.decision, execution), last)


async def interrupted(parts: Parts, run: Run, kind: FailureKind, outlet: Outlet) -> None:
    """End a stream that broke off.

    Raises:
        StreamInterruptedError: always.
    """
    execution = run.execution("failed", error=kind)
    await keep(parts, run, execution)
    partial = "" if kind == "withheld" else outlet.delivered
    told = Completion("failed", partial, run.decision, execution)
    raise StreamInterruptedError(told, kind, partial=partial, resume=Interrupted(run, execution, partial))


async def keep(parts: Parts, run: Run, execution: Execution) -> None:
    """Log what was done; it is written also where the caller goes away meanwhile.

    Raises:
        LogError: it could not be kept, and requests of its class or tier must be.
    """
    run.closed, taken = True, threading.Lock()

    def write() -> None:
        if taken.acquire(blocking=False):
            keep_now(parts, run, execution)

    try:
        await asyncio.to_thread(write)
    except asyncio.CancelledError:
        if taken.acquire(blocking=False):  # else a thread is at it, which nobody stops
            keep_last(parts, run, execution)
        raise


def keep_now(parts: Parts, run: Run, execution: Execution) -> None:
    """``keep``, at once."""
    run.closed = True
    if run.on_spent is not None:
        run.on_spent(run.spent_usd - run.earlier.spent_usd)
    telemetry.executed(run.decision, execution)
    try:
        parts.router.log_execution(execution, words=run.words and not run.fresh)  # unread texts may hold anything
    except LogError as error:
        if must_be_kept(parts.config, run.decision.traffic_class, run.tier):
            raise
        logger.error("A request was carried out but that was not logged: %s", error)


def keep_last(parts: Parts, run: Run, execution: Execution) -> None:
    """``keep_now`` where the request ends with an error or a cancellation anyway, which is what its caller has to hear
    of."""
    try:
        keep_now(parts, run, execution)
    except LogError as error:
        logger.error("A request was broken off and that was not logged: %s", error)


def cancelled(parts: Parts, run: Run) -> None:
    """End a request that was decided and that nobody waits for any more, before anything was done for it."""
    with telemetry.root(run.decision, parent=run.client.traceparent, began=run.began):
        keep_last(parts, run, run.execution("cancelled", error="cancelled"))
