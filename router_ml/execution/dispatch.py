"""One call to one lane, with everything that stands between a decision and the wire.

    rules again -> what the limits leave -> call -> what it came to, written down

Nothing else calls lanes. A lane that the rules do not leave, or that was not in ``eligible`` from the start, is never
called.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from router_ml.config import RouterConfig
from router_ml.contract import Destinations, FailureKind, Lookup, RouteDecision, RouteRequest
from router_ml.contract.base import JsonObject
from router_ml.contract.executed import HopPurpose
from router_ml.execution.allowance import Allowance, allow, assumed_usd, expected_usd, tokens_in
from router_ml.execution.client_side import decoding_with
from router_ml.execution.failures import LaneFailure
from router_ml.execution.lanes import LaneCall, Lanes
from router_ml.execution.messages import as_sent
from router_ml.execution.reply import Reply
from router_ml.execution.retrieval import Passage
from router_ml.execution.run import Run
from router_ml.execution.structured import decoding_for, held_to_shape
from router_ml.execution.toolbox import Toolbox
from router_ml.execution.validation import instructions
from router_ml.rollout import Rollout
from router_ml.router import Router

if TYPE_CHECKING:
    from router_ml.execution.reviews import Reviews
    from router_ml.execution.streaming import Outlet

_GRACE_S = 0.05
"""Lanes keep the time of a call themselves, and say more of it; this is for those that do not."""

LookUp = Callable[[RouteDecision, RouteRequest, Destinations], Awaitable[tuple[Lookup, list[Passage]] | None]]


@dataclass(frozen=True)
class Parts:
    """What carrying out needs, beside the request; ``rng`` draws the jitter of pauses."""

    router: Router | Rollout
    lanes: Lanes
    tools: Toolbox
    look_up: LookUp
    reviews: Reviews
    rng: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def config(self) -> RouterConfig:
        """The configuration in force."""
        return self.router.config


@dataclass(frozen=True)
class Failed:
    """A step that gave no answer that holds; ``retry_after_ms``: how long its lane asked to be left alone; ``final``:
    the lane would not have this request another time either."""

    kind: FailureKind
    retry_after_ms: float | None = None
    final: bool = False


@dataclass(frozen=True)
class Halted:
    """Nothing more may be tried: a rule asks for a refusal or for a person; ``queue`` where the person looks."""

    status: str
    reason: str
    queue: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a call says beside the conversation. ``more``: messages of this call alone, as for a repair."""

    purpose: HopPurpose = "answer"
    more: Sequence[JsonObject] = ()
    tools: Sequence[JsonObject] = ()
    must_call: bool = False


async def obey(parts: Parts, run: Run) -> Halted | None:
    """Look at the rules again, with all that has appeared, and take away what they take away.

    A person who has agreed to a request is not asked again; a refusal still counts.
    """
    if run.fresh:
        still = await asyncio.to_thread(parts.router.recheck, run.decision, list(run.appeared))
    else:
        still = parts.router.recheck(run.decision, run.appeared)
    run.fresh = False
    run.narrow(still)
    run.gone.update(still.excluded)
    if still.refuse is not None:
        return Halted("refused", still.refuse)
    if still.human_review is not None and not run.reviewed:
        return Halted("human_review", "A rule asks for a person to look first.", still.human_review)
    return None


async def dispatch(parts: Parts, run: Run, lane: str, asked: Asked, outlet: Outlet | None) -> Reply | Failed | Halted:
    """Call a lane once, if the rules and the limits still leave it. The caller has obeyed the rules just before."""
    if lane not in run.lanes or lane not in run.decision.eligible:
        return _not_made(parts, run, lane, asked, run.why_not(lane))
    place = parts.config.lanes[lane]
    contract = run.decision.output_contract
    decoding = decoding_for(place, decoding_with(run.client, run.decision.decoding), contract)
    held = held_to_shape(place, contract) and not contract.citations_required
    told = None if held else instructions(contract)
    messages = as_sent((*run.messages, *asked.more), told)
    tokens = tokens_in(run.decision, messages, asked.tools, run.asked_bytes)
    allowed = allow(
        run.decision,
        lane,
        place,
        decoding,
        tokens=tokens,
        spent_usd=run.spent_usd,
        left_ms=run.left_ms,
    )
    if not isinstance(allowed, Allowance):
        return _not_made(parts, run, lane, asked, allowed)
    call = LaneCall(lane, messages, allowed.decoding, allowed.timeout_s, tuple(asked.tools), asked.must_call)
    expected = expected_usd(run.decision, lane, place, tokens=tokens)
    return await _call(parts, run, call, asked.purpose, expected, outlet)


async def _call(
    parts: Parts, run: Run, call: LaneCall, purpose: HopPurpose, expected: float, outlet: Outlet | None
) -> Reply | Failed:
    began, reply, failure = time.monotonic(), None, None
    try:
        async with asyncio.timeout(call.timeout_s + _GRACE_S):
            reply = await (parts.lanes.call(call) if outlet is None else outlet.stream(parts.lanes, call))
    except LaneFailure as found:
        failure = found
    except TimeoutError:
        failure = LaneFailure("timeout", "TimeoutError")
    except asyncio.CancelledError:
        failure = LaneFailure("cancelled", "CancelledError")
        raise
    finally:
        run.add_hop(
            parts.config,
            call.lane,
            purpose=purpose,
            kind=failure.kind if failure else None if reply else "server_error",
            error=(failure.detail or failure.kind) if failure else None,
            reply=reply,
            latency_ms=(time.monotonic() - began) * 1000,
        )
        if failure is not None:
            run.assumed_usd += assumed_usd(failure.kind, expected)
    if reply is not None and reply.usage.cost_usd is None:
        run.assumed_usd += expected
    if failure is None and reply is not None:
        return reply
    if failure is None or (failure.kind == "timeout" and run.left_ms <= 0):
        return Failed("deadline")
    return Failed(failure.kind, failure.retry_after_ms, final=failure.of_request)


def _not_made(parts: Parts, run: Run, lane: str, asked: Asked, kind: FailureKind) -> Failed:
    """Write down a call that was not made, and why. A lane that is no longer configured has no place to state."""
    if lane in parts.config.lanes:
        why = "; ".join(run.gone.get(lane, ())) if kind in ("not_allowed", "unavailable") else ""
        name = "".join(part.capitalize() for part in kind.split("_")) + "Error"
        run.add_hop(parts.config, lane, purpose=asked.purpose, kind=kind, error=f"{name} {why}".strip())
    return Failed(kind)
