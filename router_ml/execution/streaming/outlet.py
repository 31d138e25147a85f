"""An answer while it comes: what is sent on at once, what is held back, and what happens when it breaks off.

A stream is ``Started``, then ``Delta``, ``Restarted`` and ``ToolUsed`` as they come, then ``Finished``. The deltas
since the last ``Restarted``, joined, are always a beginning of what ends up as ``Finished.completion.text``, and all of
it in the end. A consumer that appends deltas and clears its text on ``Restarted`` is always right.

Nothing is sent that a rule withholds: plain text of the low and medium tiers is sent up to the last word that lies
``TAIL`` characters behind what has come, once that much has been scanned together; all else (JSON, labels, citations,
the high and restricted tiers) is held back until it has been checked as a whole. The whole is checked in any case.

When a lane fails after parts of its answer were delivered, ``on_interrupt`` says what follows:

- ``restart``: the consumer gets ``Restarted`` and forgets what came; the next lane answers from the start.
- ``continue``: the consumer gets nothing; the next lane goes on from what was delivered, and the whole is validated.
  Where going on makes no sense, as after a refusal, it is ``Restarted`` after all.
- ``stop``: the consumer gets ``StreamInterruptedError`` with the partial text; ``stream(resume_from=error)`` goes on
  from it, with the next lane.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from router_ml.contract import Execution, FailureKind, OutputCheck, RouteDecision, ToolCall
from router_ml.execution.completion import Completion
from router_ml.execution.lanes.calls import LaneCall, Lanes
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.normal_text import Visible
from router_ml.execution.lanes.reply import Reply

if TYPE_CHECKING:
    from router_ml.execution.run import Run

OnInterrupt = Literal["restart", "continue", "stop"]
Why = FailureKind | Literal["tools", "changed", "review"]

TAIL = 48
"""Characters that are held back behind what has come: longer than most values that a detector finds."""
GRACE_S = 0.05
"""Lanes keep the time of a call themselves, and say more of it; this is for those that do not."""
_WINDOW = 400  # characters before what is scanned that are scanned again with it
_LEAST, _MOST = 60, 200  # characters to send at a time: from the first on at the end of a sentence
_WORD = re.compile(r"\s")
_SENTENCE = re.compile(r"[.!?…。]\s|\n")
_RESUMABLE: frozenset[FailureKind] = frozenset(
    ("timeout", "rate_limit", "server_error", "connection", "malformed", "truncated", "empty")
)


@dataclass(frozen=True)
class Interrupted:
    """What a stream that broke off is gone on from: its run, the record of it, and what was delivered."""

    run: Run
    execution: Execution
    partial: str


@dataclass(frozen=True)
class Started:
    """The request was decided."""

    decision: RouteDecision


@dataclass(frozen=True)
class Delta:
    """More of the answer: ``offset`` characters stand before it; ``attempt`` is the hop that it comes from; ``notice``:
    it is of no answer, but says why there is none."""

    text: str
    attempt: int
    offset: int
    notice: bool = False


@dataclass(frozen=True)
class Restarted:
    """What was delivered, ``discarded`` characters, is void. ``why``: the failure, or ``tools`` (it led up to a call of
    a tool), ``changed`` (the end of the answer changed its beginning), ``review`` (a person has to look first)."""

    attempt: int
    why: Why
    discarded: int


@dataclass(frozen=True)
class ToolUsed:
    """A tool was called, and how that ended."""

    name: str
    status: str


@dataclass(frozen=True)
class Finished:
    """The end, with the whole story."""

    completion: Completion


Event = Started | Delta | Restarted | ToolUsed | Finished
Scan = Callable[[str], Awaitable[OutputCheck]]


class Outlet:
    """Where the pieces of an answer go through. ``delivered`` is what its consumer holds now."""

    def __init__(
        self, send: Callable[[Event], Awaitable[None]], scan: Scan, *, on_interrupt: OnInterrupt, delivered: str = ""
    ) -> None:
        self._send, self._scan, self._on_interrupt = send, scan, on_interrupt
        self.delivered = self._base = delivered
        self._came, self._held, self._attempt = "", False, 1

    def begin(self, run: Run) -> str:
        """A call begins; what it has to go on from, empty where it answers from the start."""
        self._attempt = len(run.hops) + 1
        self._base, self._came = self.delivered, ""
        contract = run.decision.output_contract
        shaped = contract.type != "text" or contract.citations_required or bool(contract.forbidden)
        self._held = shaped or run.tier in ("high", "restricted")
        return self._base

    async def stream(self, lanes: Lanes, call: LaneCall) -> Reply:
        """Call a lane and send on what comes, as far as it may be; the whole reply.

        Raises:
            LaneFailure: it broke off, or said nothing of its end.
            TimeoutError: it took longer than it may. The time that scans and the consumer take is not the lane's.
        """
        clock, left = asyncio.get_running_loop().time, call.timeout_s + GRACE_S
        # What streams can be closed, so that a call does not run on when nobody listens any more.
        seen = Visible()  # lanes take thinking off themselves; this is for those that do not
        async with aclosing(cast("Any", lanes.stream(call))) as stream:
            pieces = aiter(stream)
            while True:
                began = clock()
                async with asyncio.timeout(left):
                    piece = await anext(pieces, None)
                left -= clock() - began
                if piece is None:
                    break
                if text := seen.feed(piece.text):
                    self._came += text
                    await self._release()
                if piece.reply is not None:
                    return cast("Reply", piece.reply)
        raise LaneFailure("connection", "StreamError the stream ended before the answer did")

    async def _release(self) -> None:
        """Send what has come up to the last safe word, if that is worth a scan and passes it."""
        if self._held:
            return
        whole, sent = self._base + self._came, len(self.delivered)
        end = _last(_WORD, whole, len(whole) - TAIL)
        if end - sent < _MOST:
            end = min(end, _last(_SENTENCE, whole, end))
        if end - sent < _LEAST:
            return
        found = await self._scan(whole[max(sent - _WINDOW, 0) :])
        if found.action != "pass":
            self._held = True  # the check of the whole says what becomes of it
            return
        await self._deliver(whole[:end])

    async def _deliver(self, text: str, *, notice: bool = False) -> None:
        more, offset = text[len(self.delivered) :], len(self.delivered)
        if more:
            self.delivered = text  # first: who is cut off in the middle of a send may have got it
            await self._send(Delta(more, self._attempt, offset, notice))

    async def used(self, call: ToolCall) -> None:
        """A tool was called."""
        await self._send(ToolUsed(call.name, call.status))

    async def discard(self, why: Why) -> None:
        """Have the consumer forget what was delivered, if this call added to it or none of it may stand."""
        if len(self.delivered) > len(self._base) or (self.delivered and why in ("withheld", "review")):
            await self._forget(why)

    async def failed(self, run: Run, kind: FailureKind) -> bool:
        """A step failed; whether its consumer wants to be told instead of the next step."""
        if not self.delivered:
            return False
        if self._on_interrupt == "stop":
            return True
        nothing_new = len(self.delivered) == len(self._base)
        if self._on_interrupt == "continue" and kind != "withheld" and (kind in _RESUMABLE or nothing_new):
            run.appear(self.delivered)
            return False
        await self.discard(kind)
        return False

    async def end(self, text: str, *, why: Why = "changed", notice: bool = False) -> None:
        """Deliver what has not been yet of a text that may be shown; a ``notice`` stands in the place of an answer."""
        if not text.startswith(self.delivered) or (notice and self.delivered):
            await self._forget(why)
        await self._deliver(text, notice=notice)

    async def _forget(self, why: Why) -> None:
        count, self.delivered, self._base = len(self.delivered), "", ""
        await self._send(Restarted(self._attempt, why, count))


def _last(what: re.Pattern[str], text: str, end: int) -> int:
    """Where the last match before ``end`` ends; 0 where there is none."""
    return max((found.end() for found in what.finditer(text, max(end - 2 * _MOST, 0), max(end, 0))), default=0)
