"""Calls of the Responses API, read as requests, also in this process."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml import Executor
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.integrations.openai import OpenAI
from router_ml.integrations.responses import read
from router_ml.integrations.responses_items import chosen, messages_of
from router_ml.storage.bundle import Bundle


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def test_instructions_and_the_first_word_of_a_developer_are_one_message() -> None:
    """Not every server takes two."""
    items = [{"role": "developer", "content": "Use French."}, {"role": "user", "content": "Hello"}]
    assert messages_of(items, "Be brief.") == [
        {"role": "developer", "content": "Be brief.\n\nUse French."},
        {"role": "user", "content": "Hello"},
    ]
    assert messages_of("Hello", "Be brief.")[0] == {"role": "system", "content": "Be brief."}


def test_calls_side_by_side_are_of_one_message_and_thoughts_are_left_out() -> None:
    """Vendors want all results of a message right behind it."""
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"a": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "find", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"type": "function_call", "call_id": "c3", "name": "find", "arguments": "{}"},
    ]
    first, one, two, last = messages_of(items, None)
    assert first["content"] == "Let me look."
    assert [call["id"] for call in first["tool_calls"]] == ["c1", "c2"]  # type: ignore[union-attr,index,call-overload]
    assert (one["tool_call_id"], two["content"]) == ("c1", "two")
    assert last["role"] == "assistant"
    assert last["content"] is None


def test_pictures_stay_parts_and_ask_for_a_lane_that_sees(config: RouterConfig) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}
    said = [{"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, picture]}]
    asked = read(config, {"input": said})
    assert asked.request.messages[0].content == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": picture["image_url"], "detail": "low"}},
    ]
    lanes = asked.request.constraints.allow_lanes or ()
    assert lanes
    assert all("vision" in config.lanes[name].capabilities for name in lanes)


@pytest.mark.parametrize("output", [{"x": 1}, [{"type": "input_image", "image_url": "data:,"}], [3]])
def test_what_no_lane_reads_as_a_result_is_an_error(output: Any) -> None:
    with pytest.raises(InvalidRequestError):
        messages_of([{"type": "function_call_output", "call_id": "c1", "output": output}], None)


def test_a_choice_of_allowed_tools_leaves_those() -> None:
    tools: list[Any] = [{"type": "function", "function": {"name": name}} for name in "ab"]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    assert chosen(choice, tools) == ("required", tools[1:])


def test_the_client_in_this_process_answers_responses_too(executor: Executor) -> None:
    client = OpenAI(executor)
    answer = client.responses.create(model="router", input="What is the capital of France?")
    assert answer.output_text
    with client.responses.stream(model="router", input="What is the capital of France?") as stream:
        assert stream.get_final_response().output_text
