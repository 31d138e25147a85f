"""One request from its decision to its end: the lane, then the steps of the fallback, until an answer holds.

    look up -> [step -> attempt] -> answered, handed over, suspended, refused, or nothing left

What comes out is a ``Completion``, and an ``Execution`` in the log, whatever happens: also where the caller went away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from router_ml import telemetry
from router_ml.contract import Destinations, ExecutionStatus, Step
from router_ml.execution.attempts import Answered, Ended, HandedOver, attempt
from router_ml.execution.completion import Completion
from router_ml.execution.ends import Suspension, end, interrupted, keep, keep_last, nothing_left, suspend
from router_ml.execution.fallback import Tried, next_step, substitute
from router_ml.execution.gate import Failed, Halted, Parts, obey
from router_ml.execution.retrieval.indexes import fails_without
from router_ml.execution.retrieval.passages import with_passages
from router_ml.execution.rounds import Waiting
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import Outlet
from router_ml.telemetry.attributes import of_lookup

_PATIENCE_S = 10.0
"""How long a look-up may take."""


async def carry_out(parts: Parts, run: Run, outlet: Outlet | None = None) -> Completion:
    """Carry a decision out, or go on with one.

    Raises:
        ExecutionError: no lane gave an answer that holds. StreamInterruptedError: one broke off and the consumer asked
            to be told. LogError: the record could not be kept, and must be.
    """
    return await recorded(parts, run, _carry_out(parts, run, outlet))


async def recorded(parts: Parts, run: Run, work: Awaitable[Completion]) -> Completion:
    """Do some work that ends a request, with a record and a span of it also where it is broken off."""
    client = run.client
    with telemetry.root(
        run.decision,
        parent=client.traceparent,
        state=client.tracestate,
        began=run.began,
        allowed=lambda: run.destinations,
    ):
        try:
            return await work
        except asyncio.CancelledError:
            if not run.closed:
                keep_last(parts, run, run.execution("cancelled", error="cancelled"))
            raise
        except Exception:
            if not run.closed:  # a fault of ours, or of what we were given: the record says that it failed
                keep_last(parts, run, run.execution("failed"))
            raise


async def _carry_out(parts: Parts, run: Run, outlet: Outlet | None) -> Completion:
    decision = run.decision
    if decision.action == "human_review":
        return await suspend(parts, run, Suspension(decision.reason, queue=decision.queue), outlet)
    if decision.action != "route":
        status = _STATUS[decision.action]
        return await end(parts, run, status, decision.question or decision.reason, outlet)
    if (stopped := await _look_up(parts, run)) is not None:
        return await finish(parts, run, stopped, outlet)
    while (step := _next(parts, run)) is not None:
        if step.backoff_ms:
            await parts.sleep(_jittered(parts, run, step) / 1000)
        ended = await attempt(parts, run, step.lane, outlet)
        if not isinstance(ended, Failed):
            return await finish(parts, run, ended, outlet)
        run.tried.append(Tried(step.lane, ended.kind, ended.retry_after_ms, ended.final))
        run.refusal = run.refusal or ended.kind == "refusal"
        if ended.hopeless:
            return await nothing_left(parts, run, outlet, ask=False)
        if outlet is not None and await outlet.failed(run, ended.kind):
            await interrupted(parts, run, ended.kind, outlet)
    return await nothing_left(parts, run, outlet)


def _next(parts: Parts, run: Run) -> Step | None:
    limit = parts.config.execution.max_retry_after_ms
    step = next_step(run.decision, run.tried, max_retry_after_ms=limit, left_ms=run.left_ms)
    return step or substitute(run.decision, run.tried, run.lanes)


def _jittered(parts: Parts, run: Run, step: Step) -> float:
    """A pause, drawn between its part without jitter and the whole; never shorter than the lane asked for."""
    jitter = parts.config.execution.jitter
    asked = next((one.retry_after_ms for one in reversed(run.tried) if one.lane == step.lane), None) or 0.0
    return max(step.backoff_ms * (1 - jitter * parts.rng.random()), asked)


async def _look_up(parts: Parts, run: Run) -> Halted | Failed | None:
    """Retrieve what was planned, where the rules still let the index be asked. Where an answer has to cite and there is
    nothing that it could, that is a failure which no lane could mend."""
    if run.earlier.looked_up:
        return None
    nothing = Failed("tool_failure") if fails_without(run.decision, None) else None
    if run.decision.retrieval.strategy not in ("light", "deep"):
        return nothing
    if (halted := await obey(parts, run)) is not None:
        return halted
    patience = min(run.left_ms / 1000, _PATIENCE_S)

    def still(found: Sequence[str]) -> Destinations:
        return parts.router.recheck(run.decision, [*run.appeared, *found]).destinations

    with telemetry.span(f"retrieval {run.decision.retrieval.index}") as span:
        found = await parts.look_up(
            run.decision, run.request, allowed=run.destinations, still=still, timeout_s=patience
        )
        if found is None:
            return nothing
        lookup, passages = found
        span.set(of_lookup(lookup))
    run.lookups.append(lookup)
    if fails_without(run.decision, lookup):
        return Failed("tool_failure")
    run.passages.extend(passages)
    run.appear(*(passage.text for passage in passages))
    if passages:
        run.messages = with_passages(run.messages, passages)
    return None


async def finish(parts: Parts, run: Run, ended: Ended, outlet: Outlet | None) -> Completion:
    """The completion of what nothing more is tried after."""
    match ended:
        case Answered():
            return await answered(parts, run, ended, outlet)
        case HandedOver(lane, reply, wanted):
            execution = run.execution("answered", lane=lane)
            await keep(parts, run, execution)
            if outlet is not None:
                await outlet.end(reply.text)
            return Completion("answered", reply.text, run.decision, execution, tool_requests=wanted)
        case Waiting(lane, request):
            reason = f"The tool {ended.call.name} changes something; a person has to agree first."
            return await suspend(parts, run, Suspension(reason, tool_request=request, lane=lane), outlet)
        case Halted("human_review", reason, queue):
            return await suspend(parts, run, Suspension(reason, queue=queue), outlet)
        case Halted(_, reason):
            return await end(parts, run, "refused", reason, outlet)
        case Failed(kind):
            run.tried.append(Tried(run.decision.lane or "", kind))
            return await nothing_left(parts, run, outlet)


async def answered(parts: Parts, run: Run, given: Answered, outlet: Outlet | None = None) -> Completion:
    """An answer that holds is given, or put before a person where a rule on answers says so and nobody has agreed."""
    reply, found = given.reply, given.found
    if found.action == "human_review" and not run.reviewed:
        asked = Suspension(found.reason, found.queue, answer=reply.text, citations=reply.citations, lane=given.lane)
        return await suspend(parts, run, asked, outlet)
    execution = run.execution("answered", lane=given.lane)
    await keep(parts, run, execution)
    if outlet is not None:
        await outlet.end(reply.text)
    return Completion(
        "answered",
        reply.text,
        run.decision,
        execution,
        value=given.checked.value,
        citations=given.checked.citations,
        notices=tuple(found.notices.values()),
        warnings=given.checked.warnings,
    )


_STATUS: dict[str, ExecutionStatus] = {"clarify": "clarify", "refuse": "refused"}
