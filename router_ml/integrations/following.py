"""An answer while it comes, for libraries whose users can only append: pieces of text, then the completion.

A lane that breaks off is gone on from by the next one, so what was shown stands. Where that makes no sense, as after a
refusal, what was shown cannot be taken back: the request is carried out to its end, and then a
``StreamInterruptedError`` says so; its ``completion`` has the answer that holds.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import cast

from router_ml.contract import RouteDecision
from router_ml.errors import StreamInterruptedError
from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.execution.streaming.outlet import Delta, Event, Finished, Restarted, Started
from router_ml.integrations.answering import noticed
from router_ml.integrations.asking import Asked


@dataclass(frozen=True)
class Said:
    """A piece of text to show; ``blocked``: not of an answer, but why there is none."""

    text: str
    decision_id: str
    blocked: bool = False


Piece = Said | Completion


async def afollow(executor: Executor, asked: Asked) -> AsyncGenerator[Piece]:
    """The text piece by piece, then the completion.

    Raises:
        StreamInterruptedError: what was shown does not stand. ExecutionError: no lane gave an answer that holds.
    """
    following, begun = Following(), executor.astream(asked.request, client=asked.client, on_interrupt="continue")
    async with aclosing(cast("AsyncGenerator[Event, None]", begun)) as events:
        async for event in events:
            for piece in following.see(event):
                yield piece


def follow(executor: Executor, asked: Asked) -> Generator[Piece]:
    """``afollow`` for callers without an event loop."""
    following, begun = Following(), executor.stream(asked.request, client=asked.client, on_interrupt="continue")
    with closing(
        cast("Generator[Event, None, None]", begun)
    ) as events:  # so that the call ends when nobody listens any more
        for event in events:
            yield from following.see(event)


@dataclass
class Following:
    """What has been shown so far, and what follows from the next event."""

    decision: RouteDecision | None = None
    sent: list[str] = field(default_factory=list)
    void: Restarted | None = None
    gap: str = ""

    def see(self, event: Event) -> Iterator[Piece]:
        """The pieces that an event comes to."""
        match event:
            case Started(decision):
                self.decision = decision
            case Delta(text, notice=notice) if self.void is None:
                yield self._say(self.gap + text, blocked=notice)
                self.gap = ""
            case Restarted(why="tools", discarded=discarded) if discarded:
                self.gap = "\n\n"  # what led up to a call of a tool was no answer, and does no harm where it stands
            case Restarted(discarded=discarded) if discarded:
                self.void = event
            case Finished(completion):
                if self.void is not None:
                    raise StreamInterruptedError(completion, self.void.why, partial="".join(self.sent), resume=None)
                if notices := noticed(completion)[len(completion.text) :]:
                    yield self._say(notices)
                yield completion
            case _:
                pass

    def _say(self, text: str, *, blocked: bool = False) -> Said:
        assert self.decision is not None, "a stream begins with Started"
        self.sent.append(text)
        return Said(text, self.decision.decision_id, blocked)
