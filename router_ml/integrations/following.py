"""An answer while it comes: pieces of text, then the completion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.integrations.answering import shown
from router_ml.integrations.asking import Asked

Piece = str | Completion
"""A piece of text to show, or, at the end, what it all came to."""


async def afollow(executor: Executor, asked: Asked) -> AsyncIterator[Piece]:
    """The text piece by piece, then the completion."""
    completion = await executor.acomplete(asked.request, client=asked.client)
    if shown(completion):
        yield shown(completion)
    yield completion


def follow(executor: Executor, asked: Asked) -> Iterator[Piece]:
    """``afollow`` for callers without an event loop."""
    completion = executor.complete(asked.request, client=asked.client)
    if shown(completion):
        yield shown(completion)
    yield completion
