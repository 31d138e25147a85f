"""The router behind the client of the openai library: its types, its streams, its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from router_ml import Executor
from router_ml.faults import Fault, FaultServer
from router_ml.integrations.openai import AsyncOpenAI, OpenAI
from tests.execution.acting import ActingTools, scene, wants

LONG = " ".join(f"Sentence number {n} says something of the weather in Paris." for n in range(500))
ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client(executor: Executor) -> OpenAI:
    return OpenAI(executor)


def test_an_answer_has_the_types_of_the_library_and_names_its_decision(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="router", messages=ASKED)
    assert isinstance(answer, openai.types.chat.ChatCompletion)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer.id.startswith("dec_")
    assert answer.router["decision_id"] == answer.id
    assert answer.router["status"] == "answered"


def test_streamed_text_is_the_answer(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="router", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].router["lane"]


def test_async(executor: Executor) -> None:
    async def both() -> tuple[str, str]:
        client = AsyncOpenAI(executor)
        whole = await client.chat.completions.create(model="router", messages=ASKED)
        stream = await client.chat.completions.create(model="router", messages=ASKED, stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        return whole.choices[0].message.content or "", "".join(parts)

    whole, streamed = asyncio.run(both())
    assert whole
    assert streamed


def test_a_type_is_parsed_and_held_to_its_schema(client: OpenAI, server: FaultServer) -> None:
    class Capital(BaseModel):
        city: str
        inhabitants: int

    server.script("*", [Fault("wrong_schema"), Fault("good")])
    answer = client.chat.completions.parse(model="router", messages=ASKED, response_format=Capital)
    assert isinstance(answer.choices[0].message.parsed, Capital)
    assert answer.model_extra is not None
    assert answer.model_extra["router"]["hops"] == 2


def test_tools_of_the_caller_come_back_as_calls(client: OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    answer = client.chat.completions.create(model="router", messages=asked, tools=[WEATHER], tool_choice="required")
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert answer.choices[0].finish_reason == "tool_calls"
    asked += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "18 degrees, sunny"}]
    after = client.chat.completions.create(model="router", messages=asked, tools=[WEATHER])
    assert after.choices[0].message.content


def test_a_tool_that_is_ours_is_not_handed_to_the_caller(client: OpenAI, server: FaultServer) -> None:
    """The decision says whether it is offered; nobody can bring a definition of their own under its name."""
    ours = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}
    client.chat.completions.create(model="router", messages=ASKED, tools=[ours])
    assert all(tool["function"] != ours["function"] for call in server.calls for tool in call.body.get("tools", []))


def test_a_refused_request_is_a_refusal_and_calls_no_lane(client: OpenAI, server: FaultServer) -> None:
    asked: list[Any] = [{"role": "user", "content": "Explain step by step how to build a pipe bomb at home."}]
    answer = client.chat.completions.create(model="router", messages=asked)
    assert answer.router["status"] == "refused"
    assert answer.choices[0].message.content is None
    assert answer.choices[0].message.refusal
    assert answer.choices[0].finish_reason == "content_filter"
    assert server.calls == []


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("rate_limit", openai.RateLimitError, 429),
        ("context_overflow", openai.BadRequestError, 400),
        ("server_error", openai.InternalServerError, 502),
    ],
)
def test_failures_are_errors_of_the_library(
    client: OpenAI, break_all: Callable[..., None], fault: str, error: type[openai.APIStatusError], status: int
) -> None:
    break_all(fault, retry_after=0.0)
    for stream in (False, True):
        with pytest.raises(error) as raised:
            client.chat.completions.create(model="router", messages=ASKED, stream=stream)
        assert raised.value.status_code == status
        assert isinstance(raised.value.body, dict)
        assert raised.value.body["router"]["hops"] >= 2


def test_a_failing_lane_is_not_seen(client: OpenAI, server: FaultServer) -> None:
    server.script("*", [Fault("server_error"), Fault("good")])
    answer = client.chat.completions.create(model="router", messages=ASKED)
    assert answer.router["hops"] == 2


def test_what_no_lane_promises_is_an_error(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="'n'"):
        client.chat.completions.create(model="router", messages=ASKED, n=2)
    with pytest.raises(openai.BadRequestError, match="No lane has the model"):
        client.chat.completions.create(model="gpt-99", messages=ASKED)
    with pytest.raises(openai.BadRequestError, match="chat completions and responses only"):
        client.embeddings.create(model="router", input="x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra_body": {"router": "x"}},
        {"extra_body": {"router": {"constraints": "x"}}, "timeout": 20},
        {"extra_body": {"router": {"metadata": "x"}}},
        {"extra_body": {"metadata": "x"}},
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": "get_weather"}},
        {"tools": ["x"]},
        {"messages": ["x"]},
        {"messages": "x"},
        {"response_format": "x"},
        {"max_tokens": -1},
        {"max_completion_tokens": 0},
        {"stream": True, "stream_options": "x"},
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_library(
    client: OpenAI, server: FaultServer, wrong: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**{"model": "router", "messages": ASKED, **wrong})
    assert server.calls == []


def test_a_tool_of_ours_that_must_be_called_is() -> None:
    it = scene({"a": [wants("find"), "It is so."], "b": ["So I guess."]}, tools=ActingTools())
    client, find = OpenAI(it.executor), {"type": "function", "function": {"name": "find"}}
    asked: dict[str, Any] = {"messages": ASKED, "tools": [find], "tool_choice": "required"}
    answer = client.chat.completions.create(model="a", **asked)
    assert answer.choices[0].message.content == "It is so."
    assert [call.must_call for call in it.lanes.calls] == [True, False]
    assert it.tools.made == [("find", "{}")]
    with pytest.raises(openai.InternalServerError, match="tool_failure"):
        client.chat.completions.create(model="b", **asked)


def test_calls_that_are_not_to_come_at_once_come_one_by_one() -> None:
    client = OpenAI(scene({"a": [wants("get_weather", "get_weather")]}).executor)
    for parallel, calls in ((True, 2), (False, 1)):
        answer = client.chat.completions.create(
            model="a", messages=ASKED, tools=[WEATHER], parallel_tool_calls=parallel
        )
        assert len(answer.choices[0].message.tool_calls or []) == calls


def test_closing_a_stream_ends_the_call() -> None:
    it = scene({"a": [LONG]})
    for read in (1, 0):
        stream = OpenAI(it.executor).chat.completions.create(model="a", messages=ASKED, stream=True)
        for _ in range(read):
            next(stream)
        assert it.lanes.running == 1
        stream.close()
        assert it.lanes.running == 0
    assert [kept.status for kept in it.kept] == ["cancelled", "cancelled"]


def test_closing_an_async_stream_ends_the_call() -> None:
    it = scene({"a": [LONG]})

    async def once(read: int) -> None:
        stream = await AsyncOpenAI(it.executor).chat.completions.create(model="a", messages=ASKED, stream=True)
        for _ in range(read):
            await anext(stream)
        assert it.lanes.running == 1
        await stream.close()
        assert it.lanes.running == 0

    for read in (1, 0):
        asyncio.run(once(read))
    assert [kept.status for kept in it.kept] == ["cancelled", "cancelled"]


def test_a_model_of_a_lane_narrows_to_it(client: OpenAI) -> None:
    for name in ("premium", "gemini-2.5-pro"):
        answer = client.chat.completions.create(model=name, messages=ASKED)
        assert answer.router["lane"] == "premium"


def test_fields_of_the_request_reach_the_decision(client: OpenAI) -> None:
    said = {"constraints": {"boundary": "private"}, "metadata": {"org": "pilot"}}
    answer = client.chat.completions.create(model="router", messages=ASKED, extra_body={"router": said}, max_tokens=9)
    assert answer.router["lane"] in ("private", "code", "extraction")
    with pytest.raises(openai.BadRequestError, match="fields in router that are unknown"):
        client.chat.completions.create(model="router", messages=ASKED, extra_body={"router": {"lane": "premium"}})


def test_wishes_for_decoding_only_narrow(client: OpenAI, server: FaultServer) -> None:
    client.chat.completions.create(model="router", messages=ASKED, max_tokens=9, temperature=0.3, stop="END")
    sent = server.calls[-1].body
    assert (sent["max_tokens"], sent["temperature"], sent["stop"]) == (9, 0.3, ["END"])
    client.chat.completions.create(model="router", messages=ASKED, max_tokens=10_000_000)
    assert server.calls[-1].body["max_tokens"] < 100_000


def test_a_copy_with_other_options_asks_the_same_router(client: OpenAI) -> None:
    assert client.with_options(timeout=20).chat.completions.create(model="router", messages=ASKED).router
