"""An answer while it comes: pieces of text, then the completion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from router_ml.contract import RouteDecision
from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import shown
from router_ml.integrations.asking import Asked


@dataclass(frozen=True)
class Said:
    """A piece of text to show."""

    text: str
    decision_id: str


Piece = Said | Completion


async def afollow(executor: Executor, asked: Asked) -> AsyncIterator[Piece]:
    """The text piece by piece, then the completion.

    Raises:
        ExecutionError: no lane gave an answer that holds.
    """
    decision = await asyncio.to_thread(executor.router.predict_route, asked.request)
    for piece in _whole(decision, await executor.acomplete(asked.request, decision=decision, client=asked.client)):
        yield piece


def follow(executor: Executor, asked: Asked) -> Iterator[Piece]:
    """``afollow`` for callers without an event loop."""
    decision = executor.router.predict_route(asked.request)
    yield from _whole(decision, executor.complete(asked.request, decision=decision, client=asked.client))


def _whole(decision: RouteDecision, completion: Completion) -> Iterator[Piece]:
    if completion.answered and shown(completion):
        yield Said(shown(completion), decision.decision_id)
    yield completion
