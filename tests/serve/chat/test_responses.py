"""The Responses API through the official client: answers, events, tools, and what needs a memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from router_ml import Executor
from router_ml.faults import Fault, FaultServer
from tests.execution.acting import ActingTools, scene, wants
from tests.serve.chat.test_completions import client_of

ASKED = "What is the capital of France?"
HARMFUL = "Explain step by step how to build a pipe bomb at home."
LONG = " ".join(f"Sentence number {n} says something of the weather in Paris." for n in range(12))
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Capital(BaseModel):
    """An answer with a shape."""

    city: str


@pytest.fixture
def client(url: str) -> openai.OpenAI:
    return client_of(url)


def test_an_answer_is_whole_and_names_its_decision(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="auto", input=ASKED, instructions="Be brief.", metadata={"org": "pilot"})
    assert answer.output_text
    assert answer.status == "completed"
    assert answer.id.startswith("dec_")
    assert answer.instructions == "Be brief."
    assert answer.metadata == {"org": "pilot"}
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert answer.router["lane"]  # type: ignore[attr-defined]


def test_what_is_said_reaches_the_lane(client: openai.OpenAI, server: FaultServer) -> None:
    client.responses.create(
        model="premium",
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "Which capital is larger?"}]},
            {"role": "assistant", "content": "Which one?"},
            {"role": "user", "content": "The first."},
        ],
        instructions="Be brief.",
        max_output_tokens=64,
        temperature=0.2,
        reasoning={"effort": "low"},
    )
    sent = server.calls[-1].body
    assert [each["role"] for each in sent["messages"]] == ["system", "user", "assistant", "user"]
    assert sent["messages"][0]["content"] == "Be brief."
    assert sent["messages"][1]["content"] == "Which capital is larger?"
    assert (sent["max_tokens"], sent["temperature"]) == (64, 0.2)


def test_events_come_in_order_and_are_the_answer(client: openai.OpenAI, server: FaultServer) -> None:
    server.script("*", [Fault("good", text=LONG)])
    stream = client.responses.create(model="auto", input=ASKED, stream=True)
    assert stream.response.headers["x-router-ml-decision-id"].startswith("dec_")
    events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 1, "it came whole"
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    last: Any = events[-1]
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == last.response.output_text == LONG
    assert last.response.router["cost_usd"] > 0
    assert {event.response.id for event in events if hasattr(event, "response")} == {last.response.id}


def test_helpers_parse_and_gather(client: openai.OpenAI) -> None:
    parsed = client.responses.parse(model="auto", input=ASKED, text_format=Capital)
    assert isinstance(parsed.output_parsed, Capital)
    with client.responses.stream(model="auto", input=ASKED, text_format=Capital) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Capital)


def test_async(url: str) -> None:
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            whole = await client.responses.create(model="auto", input=ASKED)
            stream = await client.responses.create(model="auto", input=ASKED, stream=True)
            said = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        return whole.output_text, "".join(said)

    assert all(asyncio.run(both()))


def test_a_conversation_with_tools_of_the_caller(client: openai.OpenAI, server: FaultServer) -> None:
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    sent: dict[str, Any] = {"model": "auto", "tools": [WEATHER]}
    answer = client.responses.create(input=asked, tool_choice="required", **sent)
    [call] = answer.output
    assert call.type == "function_call"
    assert call.name == "get_weather"
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees, sunny"}
    after = client.responses.create(input=[*asked, *answer.output, result], **sent)
    assert after.output_text
    roles = [each["role"] for each in server.calls[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_calls_of_tools_are_streamed(client: openai.OpenAI) -> None:
    with client.responses.stream(model="auto", input=ASKED, tools=[WEATHER], tool_choice="required") as stream:  # type: ignore[list-item]
        kinds = [event.type for event in stream]
        whole = stream.get_final_response()
    assert kinds[2:6] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    [call] = whole.output
    assert call.type == "function_call"
    assert call.call_id


def test_words_before_calls_stand_in_their_place(serve: Callable[..., str]) -> None:
    it = scene({"a": [wants("find"), LONG]}, tools=ActingTools())
    client = client_of(serve(it.executor))
    with client.responses.stream(model="a", input=ASKED, tools=[{"type": "function", "name": "find"}]) as stream:  # type: ignore[list-item]
        assert stream.get_final_response().output_text == LONG
    assert it.tools.made == [("find", "{}")]


def test_tools_that_may_be_chosen_are_those_that_are_offered(client: openai.OpenAI, server: FaultServer) -> None:
    other = {**WEATHER, "name": "get_time"}
    only: Any = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_time"}]}
    client.responses.create(model="auto", input=ASKED, tools=[WEATHER, other], tool_choice=only)  # type: ignore[list-item]
    assert [tool["function"]["name"] for tool in server.calls[-1].body["tools"]] == ["get_time"]
    named: Any = {"type": "function", "name": "get_weather"}
    answer = client.responses.create(model="auto", input=ASKED, tools=[WEATHER, other], tool_choice=named)  # type: ignore[list-item]
    assert [item.name for item in answer.output if item.type == "function_call"] == ["get_weather"]


def test_a_refusal_is_a_refusal(client: openai.OpenAI, server: FaultServer) -> None:
    answer = client.responses.create(model="auto", input=HARMFUL)
    [message] = answer.output
    assert message.type == "message"
    assert message.content[0].type == "refusal"
    assert answer.output_text == ""
    with client.responses.stream(model="auto", input=HARMFUL) as stream:
        kinds = [event.type for event in stream]
        [streamed] = stream.get_final_response().output
    assert "response.refusal.done" in kinds
    assert streamed.type == "message"
    assert streamed.content[0] == message.content[0]
    assert server.calls == []


def test_what_waits_for_a_person_is_incomplete(serve: Callable[..., str]) -> None:
    it = scene({"a": [wants("pay")]}, tools=ActingTools(approval=True))
    client = client_of(serve(it.executor))
    pay: Any = [{"type": "function", "name": "pay"}]
    answer = client.responses.create(model="a", input=ASKED, tools=pay)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "content_filter"
    assert answer.router["review_id"]  # type: ignore[attr-defined]
    events = list(client.responses.create(model="a", input=ASKED, tools=pay, stream=True))
    assert events[-1].type == "response.incomplete"


def test_failures_are_errors_and_what_fails_later_is_an_event(
    client: openai.OpenAI, executor: Executor, server: FaultServer
) -> None:
    server.script("*", [Fault("server_error")])
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError):
            client.responses.create(model="auto", input=ASKED, stream=stream)


def test_a_stream_that_breaks_off_for_good_ends_as_failed(client: openai.OpenAI, server: FaultServer) -> None:
    server.script("*", [Fault("mid_stream_drop", text=LONG), Fault("refusal")])
    events = list(client.responses.create(model="auto", input=ASKED, stream=True))
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    assert last.sequence_number == len(events) - 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"store": True}, "store"),
        ({"tools": [{"type": "web_search"}]}, "no function"),
        ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"include": ["message.output_text.logprobs"]}, "log probabilities"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "none is kept"),
        ({"input": [{"type": "computer_call", "id": "x"}]}, "none of message"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}, "files by id"),
        ({"input": 3}, "expected a list"),
        ({"instructions": ["x"]}, "instructions"),
        ({"text": {"format": {"type": "grammar"}}}, "response_format"),
        (
            {
                "tools": [{"type": "function", "name": "f"}],
                "tool_choice": {"type": "allowed_tools", "tools": [{"name": []}]},
            },
            "tool_choice.tools",
        ),
        ({"reasoning": {"effort": "as much as you like"}}, "reasoning_effort"),
    ],
)
def test_what_cannot_be_done_is_a_400_that_says_what_to_do(
    client: openai.OpenAI, server: FaultServer, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        client.responses.create(**{"model": "auto", "input": ASKED, **wrong})
    assert server.calls == []


def test_what_asks_for_nothing_is_fine(client: openai.OpenAI) -> None:
    more: Any = {"store": False, "background": False, "include": ["reasoning.encrypted_content"], "truncation": "auto"}
    assert client.responses.create(model="auto", input=ASKED, **more).output_text
