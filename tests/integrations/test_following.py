"""Streams for users who can only append: what was shown either stands, or they are told."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from langchain_core.exceptions import ModelAPIError

from router_ml import Completion, Executor
from router_ml.contract import RouteRequest
from router_ml.errors import StreamInterruptedError
from router_ml.execution.client_side import ClientSide
from router_ml.execution.streaming.outlet import Delta, Finished, Restarted, Started
from router_ml.faults import Fault, FaultServer
from router_ml.integrations.asking import Asked
from router_ml.integrations.following import Following, Said, afollow, follow
from router_ml.integrations.langchain import ChatRouter
from router_ml.integrations.openai import OpenAI

LONG = " ".join(f"Sentence number {n} says something of the weather in Paris." for n in range(10))


@pytest.fixture
def asked() -> Asked:
    return Asked(RouteRequest(text="Describe the weather in Paris at length."), ClientSide())


def test_pieces_are_the_answer(executor: Executor, server: FaultServer, asked: Asked) -> None:
    server.script("*", [Fault("good", text=LONG)])
    *pieces, end = list(follow(executor, asked))
    assert isinstance(end, Completion)
    assert len(pieces) > 1, "it came whole"
    assert "".join(piece.text for piece in pieces if isinstance(piece, Said)) == end.text == LONG


def test_a_lane_that_breaks_off_is_gone_on_from(executor: Executor, server: FaultServer, asked: Asked) -> None:
    """What was shown is the beginning of what ends up as the answer."""
    server.script("*", [Fault("mid_stream_drop", text=LONG), Fault("good")])
    *pieces, end = list(follow(executor, asked))
    assert isinstance(end, Completion)
    assert len(end.execution.hops) == 2
    assert "".join(piece.text for piece in pieces if isinstance(piece, Said)) == end.text


def decided(executor: Executor, asked: Asked) -> tuple[Started, Completion]:
    completion = executor.complete(asked.request)
    return Started(completion.decision), completion


def test_what_does_not_stand_is_an_error_that_has_the_answer(executor: Executor, asked: Asked) -> None:
    started, completion = decided(executor, asked)
    following = Following()
    events = [started, Delta("I think", 1, 0), Restarted(1, "refusal", 7), Delta("No: ", 2, 0)]
    said = [piece for event in events for piece in following.see(event)]
    assert [piece.text for piece in said if isinstance(piece, Said)] == ["I think"]
    with pytest.raises(StreamInterruptedError) as raised:
        list(following.see(Finished(completion)))
    assert (raised.value.partial, raised.value.completion) == ("I think", completion)


def test_words_before_a_call_of_a_tool_stand(executor: Executor, asked: Asked) -> None:
    started, completion = decided(executor, asked)
    following = Following()
    events = [started, Delta("Let me look.", 1, 0), Restarted(1, "tools", 12), Delta("It is sunny.", 2, 0)]
    said = [piece for event in [*events, Finished(completion)] for piece in following.see(event)]
    assert "".join(one.text for one in said if isinstance(one, Said)) == "Let me look.\n\nIt is sunny."
    assert said[-1] == completion


def test_a_restart_before_anything_was_shown_is_not_seen(executor: Executor, asked: Asked) -> None:
    started, completion = decided(executor, asked)
    following = Following()
    events = [started, Restarted(1, "refusal", 0), Delta("It is sunny.", 2, 0), Finished(completion)]
    assert [piece for event in events for piece in following.see(event)][-1] == completion


class Interrupted:
    """Streams that break off and cannot be gone on from."""

    def __init__(self, executor: Executor) -> None:
        self._executor, self.router = executor, executor.router

    def stream(self, request: Any, **_: Any) -> Any:
        completion = self._executor.complete(request)
        yield from (Started(completion.decision), Delta("I think", 1, 0), Restarted(1, "refusal", 7))
        yield Finished(completion)


def test_users_of_openai_and_langchain_are_told(executor: Executor) -> None:
    broken: Any = Interrupted(executor)
    client = OpenAI(broken)
    stream = client.chat.completions.create(
        model="router", messages=[{"role": "user", "content": "What is the capital of France?"}], stream=True
    )
    with pytest.raises(openai.APIError) as raised:
        list(stream)
    assert raised.value.body["router"]["status"] == "answered"  # type: ignore[index,call-overload]
    chat = ChatRouter.model_construct(executor=broken, model="router", request={}, cache=False)
    with pytest.raises(StreamInterruptedError) as told:
        list(chat._stream([("human", "What is the capital of France?")]))  # type: ignore[list-item]
    assert isinstance(told.value, ModelAPIError)


def test_a_stream_that_nobody_reads_to_its_end_is_ended(executor: Executor, server: FaultServer, asked: Asked) -> None:
    server.script("*", [Fault("slow_stream", text=LONG, delay_ms=50)])

    async def some() -> Said:
        pieces = afollow(executor, asked)
        async for piece in pieces:
            await pieces.aclose()  # type: ignore[attr-defined]
            assert isinstance(piece, Said)
            return piece
        raise AssertionError("nothing came")

    assert LONG.startswith(asyncio.run(asyncio.wait_for(some(), 20)).text)
