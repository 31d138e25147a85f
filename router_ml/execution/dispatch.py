"""One call to one lane, and what it came to, written down. Nothing else calls lanes.

A lane that the rules do not leave, or that was not in ``eligible`` from the start, is never called: ``gate``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace

from router_ml import telemetry
from router_ml.contract import FailureKind
from router_ml.errors import RouterError
from router_ml.execution.allowance import assumed_usd
from router_ml.execution.cascade import PartCall, run_cascade
from router_ml.execution.gate import Asked, Failed, Halted, Parts, Ready, not_made, obey, ready, shaped, why_not_made
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal_text import as_seen
from router_ml.execution.lanes.reply import Piece, Reply
from router_ml.execution.run import Run
from router_ml.execution.streaming.outlet import GRACE_S, Outlet
from router_ml.execution.validation.checking import Checked, check
from router_ml.telemetry.attributes import of_call, of_use

logger = logging.getLogger(__name__)


async def dispatch(parts: Parts, run: Run, lane: str, asked: Asked, outlet: Outlet | None) -> Reply | Failed | Halted:
    """Call a lane once, if the rules and the limits still leave it. The caller has obeyed the rules just before."""
    if lane not in run.lanes:
        return not_made(parts, run, lane, asked.purpose, run.why_not(lane))
    messages, decoding = shaped(parts, run, lane, asked)
    made = ready(parts, run, lane, messages, decoding, asked)
    if not isinstance(made, Ready):
        return not_made(parts, run, lane, asked.purpose, made)
    if parts.config.lanes[lane].cascade is not None:
        return await _in_parts(parts, run, made.call, asked)
    began = time.monotonic()
    try:
        reply = await _made(parts, run, made, outlet)
    except BaseException as error:
        failure = error if isinstance(error, LaneFailure) else _broken(error)
        _write(parts, run, PartCall(lane, asked.purpose, _ms(began), kind=failure.kind, error=failure.detail))
        if failure is not error:  # it was cancelled, or the fault is ours
            raise
        return _failed(run, failure)
    _write(parts, run, PartCall(lane, asked.purpose, _ms(began), reply))
    return reply


async def _made(parts: Parts, run: Run, made: Ready, outlet: Outlet | None) -> Reply:
    """The reply. What a call may have cost that says nothing of it is taken from the money that is left.

    Raises:
        LaneFailure: there is none.
    """
    call, kind = made.call, "cancelled"
    place = parts.config.lanes[call.lane]
    said = of_call(call.lane, place, call.decoding, attempt=len(run.hops) + 1, stream=outlet is not None)
    try:
        with telemetry.span(f"chat {place.model}", said, client=True) as span:
            call = replace(call, headers=span.headers())
            reply = as_seen(await (_called(parts, call) if outlet is None else outlet.stream(parts.lanes, call)))
            span.set(of_use(reply.served_model, **asdict(reply.usage)))
        reply = replace(reply, max_tokens=call.decoding.max_tokens)
        kind = "unbilled" if reply.usage.cost_usd is None else "billed"
        return reply
    except LaneFailure as failure:
        kind = failure.kind
        raise
    except TimeoutError:
        kind = "timeout"
        raise LaneFailure("timeout", "TimeoutError") from None
    except RouterError:
        raise  # a fault of ours, or of whoever asks
    except Exception as error:
        kind = "unbilled"
        logger.debug("Lane %s broke with an error that is no LaneFailure.", call.lane, exc_info=True)
        raise _broken(error) from error
    finally:
        run.assumed_usd += assumed_usd(kind, made.expected_usd)


async def _called(parts: Parts, call: LaneCall) -> Reply:
    async with asyncio.timeout(call.timeout_s + GRACE_S):
        return await parts.lanes.call(call)


async def _in_parts(parts: Parts, run: Run, call: LaneCall, asked: Asked) -> Reply | Failed | Halted:
    """Call a lane that is made of lanes: each call of a part is one of ours, with rules and limits before it."""
    cascade, halted = parts.config.lanes[call.lane].cascade, list[Halted]()
    assert cascade is not None

    async def may(part: str, reads: str) -> bool:
        run.appear(reads)
        if (stopped := await obey(parts, run)) is not None:
            halted.append(stopped)
        return not halted and part in run.lanes

    def hold(reply: Reply) -> Checked:
        contract = run.decision.output_contract
        asked = run.client.cut(reply)
        return check(
            contract, reply, context_ids=run.context_ids, passages=run.passages, model=run.model, cut_as_asked=asked
        )

    def told(part: PartCall) -> None:
        _write(parts, run, part)

    try:
        lanes = _PartLanes(parts, run, call, asked)
        return (await run_cascade(cascade, call, lanes, check=hold, told=told, may=may)).reply
    except LaneFailure as failure:
        return halted[0] if halted else _failed(run, failure)


@dataclass(frozen=True)
class _PartLanes:
    """The lanes that a cascade is made of, each held to its own limits."""

    parts: Parts
    run: Run
    whole: LaneCall
    asked: Asked

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        messages, decoding, asked = call.messages, call.decoding, self.asked
        if messages is self.whole.messages:  # the judge is asked something else
            messages, decoding = shaped(self.parts, self.run, call.lane, asked)
        else:
            asked = replace(asked, tools=(), must_call=False)
        made = ready(self.parts, self.run, call.lane, messages, decoding, asked)
        if not isinstance(made, Ready):
            raise LaneFailure(made, why_not_made(self.run, call.lane, made))
        timeout_s = min(made.call.timeout_s, call.timeout_s)
        began = time.monotonic()
        try:
            return await _made(self.parts, self.run, replace(made, call=replace(made.call, timeout_s=timeout_s)), None)
        except asyncio.CancelledError as error:
            failure = _broken(error)
            _write(self.parts, self.run, PartCall(call.lane, "answer", _ms(began), None, failure.kind, failure.detail))
            raise

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """A part is never streamed: a draft may not be what is answered."""
        yield Piece(reply=await self.call(call))


def _write(parts: Parts, run: Run, part: PartCall) -> None:
    run.add_hop(
        parts.config,
        part.lane,
        purpose=part.purpose,
        kind=part.kind,
        error=part.error or (part.kind if part.reply is None else None),
        reply=part.reply,
        latency_ms=part.latency_ms,
    )


def _failed(run: Run, failure: LaneFailure) -> Failed:
    if failure.kind == "timeout" and run.left_ms <= 0:
        return Failed("deadline")
    return Failed(failure.kind, failure.retry_after_ms, final=failure.of_request)


def _broken(error: BaseException) -> LaneFailure:
    """How a call is recorded that was broken off, or in which something broke that is not of its lane."""
    kind: FailureKind = "cancelled" if isinstance(error, asyncio.CancelledError) else "server_error"
    return LaneFailure(kind, type(error).__name__)


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
