"""Ask one lane one case, tools included, and write down what it did. How a lane fails is an attempt, never an error."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal, Protocol

from router_ml.config import RouterConfig
from router_ml.contract import FailureKind, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.errors import OfflineDataError
from router_ml.execution.allowance import assumed_usd
from router_ml.execution.lanes.calls import LaneCall, Lanes
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.execution.messages import answers, with_ids
from training.evals.asking.forecast import expected_usd
from training.evals.asking.prompts import decoding_of, shaped_for
from training.evals.asking.slots import LaneSlots
from training.evals.attempt import Attempt, Turn
from training.evals.case import Case
from training.evals.suite import Suite
from training.evals.tooling.replay import Replay

PASSING: frozenset[FailureKind] = frozenset(("rate_limit", "server_error", "connection", "timeout"))
"""Failures after which the same call may go well."""
_RETRIES = 2
_PATIENCE_MS = 30_000.0


class Target(Protocol):
    """Whatever can be asked a case."""

    async def attempt(self, suite: Suite, case: Case, lane: str) -> Attempt:
        """What it did; how it failed is in the attempt."""
        ...


@dataclass
class _Tally:
    """What the calls of one attempt came to."""

    lane: str
    expected_usd: float
    latency_ms: float = 0.0
    first_ms: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    assumed_usd: float = 0.0
    unpriced: bool = False
    answered: int = 0
    retries: int = 0
    turns: list[Turn] = field(default_factory=list)
    rounds: int = 0

    def failed(self, failure: LaneFailure) -> None:
        self.assumed_usd += assumed_usd(failure.kind, self.expected_usd)

    def add(self, reply: Reply) -> None:
        usage = reply.usage
        self.answered += 1
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out
        if usage.cost_usd is None or not (usage.tokens_in or usage.tokens_out):
            self.unpriced = True
            self.assumed_usd += self.expected_usd
        else:
            self.cost_usd += usage.cost_usd

    def attempt(
        self, case: Case, reply: Reply | None, *, failure: LaneFailure | None = None, looped: bool = False
    ) -> Attempt:
        known = self.answered > 0 and not self.unpriced
        return Attempt(
            self.lane,
            case.id,
            reply if failure is None else None,
            error=None if failure is None else failure.kind,
            detail="" if failure is None else failure.detail,
            turns=tuple(self.turns),
            rounds=self.rounds,
            looped=looped,
            latency_ms=self.latency_ms,
            first_ms=self.first_ms,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            cost_usd=self.cost_usd if known else None,
            assumed_usd=self.assumed_usd + (0.0 if known else self.cost_usd),
            retries=self.retries,
            served_model=None if reply is None else reply.served_model,
            fingerprint=None if reply is None else reply.fingerprint,
        )


class LaneTarget:
    """Asks configured lanes, each no more at a time and a minute than its endpoint takes.

    Args:
        lanes: what makes the calls.
        sleep, rng: of the pauses before retries, for tests.
        patience_ms: the longest pause that a provider may ask for; one that asks for more is not asked again.
    """

    def __init__(
        self,
        lanes: Lanes,
        config: RouterConfig,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        patience_ms: float = _PATIENCE_MS,
    ) -> None:
        self._lanes, self._config, self._sleep, self._patience_ms = lanes, config, sleep, patience_ms
        self._rng = rng or random.Random()
        self._slots = LaneSlots(config)

    async def attempt(self, suite: Suite, case: Case, lane: str) -> Attempt:
        """One attempt at one case.

        Raises:
            OfflineDataError: there is no such lane, or it is made of others.
        """
        place = self._config.lanes.get(lane)
        if place is None or place.cascade is not None:
            found = "is not configured" if place is None else "is a cascade, which the route as a whole carries out"
            raise OfflineDataError(f"Lane {lane} {found}. Lanes that can be asked: {', '.join(askable(self._config))}.")
        replay = Replay(suite, case) if case.tools else None
        call = LaneCall(
            lane,
            shaped_for(place, suite, case),
            decoding_of(self._config, place, case),
            place.endpoint.timeout_ms / 1000,
            tools=tuple(replay.offered()) if replay is not None else (),
            must_call=case.must_call,
            batch=case.channel == "batch",
        )
        tally = _Tally(lane, expected_usd(self._config, suite, case, lane))
        return await self._rounds(call, case, replay, tally, streamed=suite.file.streamed)

    async def call(self, call: LaneCall) -> Reply:
        """The reply to one call that is no attempt, as of a lane that judges.

        Raises:
            LaneFailure: there is none.
        """
        return await self._tried(call, _Tally(call.lane, 0.0), streamed=False)

    async def _rounds(
        self, call: LaneCall, case: Case, replay: Replay | None, tally: _Tally, *, streamed: bool
    ) -> Attempt:
        """Answer what the lane asks for until it asks for nothing more."""
        messages: list[JsonObject] = list(call.messages)
        while True:
            try:
                reply = await self._tried(replace(call, messages=messages), tally, streamed=streamed)
            except LaneFailure as failure:
                return tally.attempt(case, None, failure=failure)
            if replay is None or not reply.tool_requests:
                return tally.attempt(case, reply)
            tally.rounds += 1
            if tally.rounds > self._config.execution.max_tool_rounds:
                return tally.attempt(case, reply, looped=True)
            reply = with_ids(reply, messages)
            messages.append(reply.as_message())
            for request in reply.tool_requests:
                turn = replay.answer(request.name, request.arguments, round=tally.rounds)
                tally.turns.append(turn)
                messages.append(told(request, turn))
            call = replace(call, must_call=False)

    async def _tried(self, call: LaneCall, tally: _Tally, *, streamed: bool) -> Reply:
        """The reply, also where the first calls failed in passing."""
        for tried in range(_RETRIES + 1):
            try:
                reply = await self._timed(call, tally, streamed=streamed)
            except LaneFailure as failure:
                tally.failed(failure)
                pause_ms = failure.retry_after_ms or 0.0
                passing = failure.kind in PASSING and not failure.of_request and pause_ms <= self._patience_ms
                if tried == _RETRIES or not passing:
                    raise
                tally.retries += 1
                await self._sleep(self._pause_s(pause_ms, tried=tried))
                continue
            tally.add(reply)
            return reply
        raise AssertionError("the last try returns or raises")

    async def _timed(self, call: LaneCall, tally: _Tally, *, streamed: bool) -> Reply:
        """One call; what was waited for a place is no latency of the lane."""
        async with self._slots.place(call.lane):
            began = monotonic()
            try:
                return await (self._streamed(call, tally, began) if streamed else self._lanes.call(call))
            finally:
                tally.latency_ms += (monotonic() - began) * 1000

    async def _streamed(self, call: LaneCall, tally: _Tally, began: float) -> Reply:
        whole = None
        async for piece in self._lanes.stream(call):
            if tally.first_ms is None:
                tally.first_ms = (monotonic() - began) * 1000
            whole = piece.reply or whole
        if whole is None:
            raise LaneFailure("malformed", "StreamCutError")
        return whole

    def _pause_s(self, asked_ms: float, *, tried: int) -> float:
        own = self._config.fallback.backoff_ms * 2**tried
        return float(max(asked_ms, own)) * self._rng.uniform(1.0, 1.5) / 1000


def askable(config: RouterConfig) -> tuple[str, ...]:
    """Lanes that are one model, and not made of others."""
    return tuple(name for name, lane in config.lanes.items() if lane.cascade is None)


def told(request: ToolRequest, turn: Turn) -> JsonObject:
    """What a lane is told of a call, in the words of executions."""
    status: Literal["done", "failed"] = "done" if turn.error is None else "failed"
    call = ToolCall(name=turn.tool, version="1", result=turn.result, status=status, error=turn.error)
    return answers(request, call)
