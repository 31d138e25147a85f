"""Vendors' own clients read the answers, and know each fault as what it is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from router_ml.faults import FORMS, KINDS, Fault, FaultServer, faulty_config
from router_ml.faults.configured import model_of
from router_ml.storage.bundle import Bundle

ASK = [{"role": "user", "content": "Refund order 8812, please."}]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
REFUND = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
PASSAGES = "Use these passages.\n\n[help/1#0]\nRefunds take five days.\n\n[help/2#0]\nCall us."


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def chat(server: FaultServer) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.openai_url, api_key="k", max_retries=0, timeout=5) as client:
        yield client.chat.completions


@pytest.fixture
def claude(server: FaultServer) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=server.anthropic_url, api_key="k", max_retries=0, timeout=5) as client:
        yield client.messages


def _said(client: Any, **more: Any) -> Any:
    """The first choice of OpenAI's shape, or the message of Anthropic's."""
    if type(client).__name__ == "Completions":
        return client.create(model="m", **{"messages": ASK, **more}).choices[0]
    return client.create(model="m", max_tokens=99, **{"messages": ASK, **more})


def test_a_good_answer_suits_the_request(chat: Any) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    person = json.loads(_said(chat, response_format=shape).message.content)
    assert (set(person), person["age"]) == ({"name", "age"}, 18)
    listed = {"role": "system", "content": "Answer with exactly one of these labels: billing, delivery, other."}
    assert _said(chat, messages=[listed, *ASK]).message.content == "billing"
    told = {"role": "system", "content": f"Answer in JSON that fits this schema:\n{json.dumps(PERSON)}"}
    assert json.loads(_said(chat, messages=[told, *ASK]).message.content)["age"] == 18
    held: Any = json.loads(json.dumps(PERSON))
    del held["properties"]["age"]["minimum"]
    shape = {"type": "json_schema", "json_schema": {"name": "person", "schema": held}}
    assert json.loads(_said(chat, messages=[told, *ASK], response_format=shape).message.content)["age"] == 18
    cited = _said(chat, messages=[{"role": "system", "content": PASSAGES}, *ASK]).message.content
    assert cited.endswith("[help/1#0]")


def test_a_required_tool_is_called_once_and_its_result_told(chat: Any, claude: Any) -> None:
    tools = [{"type": "function", "function": {"name": "refund", "parameters": REFUND}}]
    asked = _said(chat, tools=tools, tool_choice="required")
    assert asked.finish_reason == "tool_calls"
    call = asked.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"order_id": "8812"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "paid 20 EUR"}
    after = [*ASK, asked.message.model_dump(exclude_none=True), result]
    assert "paid 20 EUR" in _said(chat, messages=after, tools=tools, tool_choice="required").message.content

    theirs = [{"name": "refund", "input_schema": REFUND}]
    said = _said(claude, tools=theirs, tool_choice={"type": "any"})
    assert (said.stop_reason, said.content[0].input) == ("tool_use", {"order_id": "8812"})
    result = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": said.content[0].id, "content": "done"}],
    }
    after = [*ASK, {"role": "assistant", "content": [said.content[0].model_dump()]}, result]
    assert "done" in _said(claude, messages=after, tools=theirs, tool_choice={"type": "any"}).content[0].text


def test_a_required_tool_is_called_again_where_it_failed(chat: Any, claude: Any) -> None:
    tools = [{"type": "function", "function": {"name": "refund", "parameters": REFUND}}]
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": "[]"}}
    wrong = {"role": "tool", "tool_call_id": "c1", "content": '{"error": "invalid arguments"}'}
    after = [*ASK, {"role": "assistant", "tool_calls": [call]}, wrong]
    assert _said(chat, messages=after, tools=tools, tool_choice="required").message.tool_calls
    assert _said(chat, messages=after, tools=tools).finish_reason == "stop"
    used = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "refund", "input": {}}]}
    told = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": wrong["content"]}]}
    theirs = [{"name": "refund", "input_schema": REFUND}]
    asked = {"messages": [*ASK, used, told], "tools": theirs, "tool_choice": {"type": "any"}}
    assert _said(claude, **asked).stop_reason == "tool_use"


def test_an_optional_tool_is_called_where_the_request_names_it(chat: Any) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": REFUND}} for name in ("search", "refund")]
    assert _said(chat, tools=tools).message.tool_calls[0].function.name == "refund"
    assert _said(chat, tools=tools[:1]).finish_reason == "stop"
    assert _said(chat, tools=tools, tool_choice="none").finish_reason == "stop"


def test_a_stream_adds_up_to_the_answer(server: FaultServer, chat: Any, claude: Any) -> None:
    whole = _said(chat).message.content
    chunks = list(chat.create(model="m", messages=ASK, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens > 0
    server.script("m", [Fault("good", thinking="First this. Then that, and so on.", text="Ten words.")])
    with claude.stream(model="m", max_tokens=99, messages=ASK) as stream:
        seen = stream.get_final_message()
    assert [block.type for block in seen.content] == ["thinking", "text"]
    assert (seen.content[0].thinking, seen.content[1].text) == ("First this. Then that, and so on.", "Ten words.")
    chunks = list(chat.create(model="m", messages=ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Ten words."


ERRORS = (
    (Fault("rate_limit"), openai.RateLimitError, anthropic.RateLimitError),
    (Fault("server_error"), openai.InternalServerError, anthropic.InternalServerError),
    (Fault("server_error", status=529), openai.InternalServerError, anthropic.InternalServerError),
    (Fault("unauthorized"), openai.AuthenticationError, anthropic.AuthenticationError),
    (Fault("html"), openai.InternalServerError, anthropic.InternalServerError),
    (Fault("context_overflow"), openai.BadRequestError, anthropic.BadRequestError),
    (Fault("content_filter", form="error"), openai.BadRequestError, anthropic.BadRequestError),
    (Fault("dropped"), openai.APIConnectionError, anthropic.APIConnectionError),
    (Fault("dropped", form="body"), openai.APIConnectionError, anthropic.APIConnectionError),
    (Fault("malformed"), json.JSONDecodeError, json.JSONDecodeError),
)


@pytest.mark.parametrize(("fault", "theirs", "other"), ERRORS, ids=lambda value: getattr(value, "kind", None))
def test_each_error_is_what_the_clients_know_it_as(
    server: FaultServer, chat: Any, claude: Any, fault: Fault, theirs: type[Exception], other: type[Exception]
) -> None:
    server.script("m", [fault])
    with pytest.raises(theirs):
        _said(chat)
    with pytest.raises(other):
        _said(claude)


def test_answers_that_are_none(server: FaultServer, chat: Any, claude: Any) -> None:
    server.script("m", ["truncated"])
    assert (_said(chat).finish_reason, _said(claude).stop_reason) == ("length", "max_tokens")
    server.script("m", ["refusal"])
    assert (_said(chat).message.content, _said(claude).stop_reason) == (None, "refusal")
    assert _said(chat).message.refusal
    server.script("m", [Fault("refusal", form="words")])
    assert "can't help" in _said(chat).message.content
    server.script("m", ["empty_text"])
    assert (_said(chat).message.content, _said(claude).content[0].text) == ("", "")
    server.script("m", ["empty_choices"])
    assert chat.create(model="m", messages=ASK).choices == []
    assert _said(claude).content == []
    server.script("m", ["content_filter"])
    assert _said(chat).finish_reason == "content_filter"


def test_answers_of_the_wrong_shape(server: FaultServer, chat: Any) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    server.script("m", ["wrong_schema"])
    assert not isinstance(json.loads(_said(chat, response_format=shape).message.content), dict)
    server.script("m", ["invented_citation"])
    cited = _said(chat, messages=[{"role": "system", "content": PASSAGES}, *ASK]).message.content
    assert "help/" not in cited
    assert "[no-such-passage]" in cited


def test_a_tool_loop_never_ends(server: FaultServer, chat: Any) -> None:
    tools = [{"type": "function", "function": {"name": "refund", "parameters": REFUND}}]
    server.script("m", ["tool_loop"])
    messages: list[Any] = list(ASK)
    for _ in range(3):
        asked = _said(chat, messages=messages, tools=tools).message
        messages += [asked.model_dump(exclude_none=True)]
        messages += [{"role": "tool", "tool_call_id": asked.tool_calls[0].id, "content": "done"}]
    assert len({call["function"]["arguments"] for one in messages[1::2] for call in one["tool_calls"]}) == 1


def _pieces(client: httpx.Client, url: str, body: dict[str, Any]) -> Iterator[bytes]:
    with client.stream("POST", url, json=body) as response:
        yield from response.iter_bytes()


def test_a_malformed_stream_is_known_as_such(server: FaultServer, chat: Any, claude: Any) -> None:
    server.script("m", ["malformed"])
    with pytest.raises(json.JSONDecodeError):
        list(chat.create(model="m", messages=ASK, stream=True))
    with pytest.raises(json.JSONDecodeError), claude.stream(model="m", max_tokens=99, messages=ASK) as stream:
        stream.get_final_message()


def test_a_dropped_stream_has_begun(server: FaultServer) -> None:
    server.script("m", ["mid_stream_drop"])
    body, got = {"model": "m", "messages": ASK, "stream": True}, []
    with httpx.Client(timeout=5) as client, pytest.raises(httpx.RemoteProtocolError):
        got.extend(_pieces(client, f"{server.openai_url}/chat/completions", body))
    assert b"content" in b"".join(got)
    assert b"[DONE]" not in b"".join(got)


def test_a_call_that_hangs_ends_when_the_client_gives_up(server: FaultServer) -> None:
    server.script("m", ["hang", "good"])
    with openai.OpenAI(base_url=server.openai_url, api_key="k", max_retries=0, timeout=0.2) as client:
        with pytest.raises(openai.APITimeoutError):
            _said(client.chat.completions)
        assert _said(client.with_options(timeout=5).chat.completions).finish_reason == "stop"


def test_retry_after_comes_as_seconds_and_as_a_date(server: FaultServer) -> None:
    server.script("m", [Fault("rate_limit", retry_after=2.5), Fault("rate_limit", form="date", retry_after=60)])
    post = lambda: httpx.post(f"{server.openai_url}/chat/completions", json={"model": "m", "messages": ASK})  # noqa: E731
    assert post().headers["retry-after"] == "2.5"
    away = parsedate_to_datetime(post().headers["retry-after"]).timestamp() - time.time()
    assert 30 < away <= 61


def test_context_overflow_in_three_wordings(server: FaultServer) -> None:
    server.script("m", [Fault("context_overflow", form=form) for form in FORMS["context_overflow"]])
    url, body = f"{server.openai_url}/chat/completions", {"model": "m", "messages": ASK}
    said = [httpx.post(url, json=body).json() for _ in range(3)]
    assert said[0]["error"]["code"] == "context_length_exceeded"
    assert said[1]["error"]["message"].startswith("prompt is too long")
    assert said[2]["object"] == "error"


def test_scripts_go_on_one_by_one_and_rates_are_drawn_by_seed(server: FaultServer) -> None:
    url, body = f"{server.openai_url}/chat/completions", {"model": "m", "messages": ASK}
    server.script("m", ["unauthorized", "good", Fault("server_error", status=503)])
    with httpx.Client(timeout=5) as client:
        assert [client.post(url, json=body).status_code for _ in range(4)] == [401, 200, 503, 503]
        drawn = []
        for _ in range(2):
            server.reset()
            server.rate("*", 0.5, ["server_error", "unauthorized"], seed=3)
            drawn.append([client.post(url, json=body).status_code for _ in range(30)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 500, 401}


def test_what_came_is_written_down_without_keys(server: FaultServer, chat: Any) -> None:
    server.script("m", ["good"])
    _said(chat)
    (call,) = server.calls
    assert (call.model, call.fault, call.body["messages"]) == ("m", "good", ASK)
    assert "authorization" not in call.headers
    assert server.count == {("m", "good"): 1}


def test_litellm_reads_it(server: FaultServer) -> None:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    for model, base in (("hosted_vllm/m", server.openai_url), ("anthropic/claude-sonnet-4-5", server.anthropic_url)):
        said = litellm.completion(model=model, api_base=base, api_key="k", messages=ASK, num_retries=0)
        assert said.choices[0].message.content.startswith("This is a short answer")
    server.script("*", ["context_overflow"])
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(model="openai/m", api_base=server.openai_url, api_key="k", messages=ASK, max_retries=0)


def test_it_can_be_started_where_a_loop_runs() -> None:
    async def asked() -> int:
        with FaultServer() as server:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(f"{server.url}/health")).status_code

    assert asyncio.run(asked()) == 200


def test_it_can_be_closed_before_anybody_calls() -> None:
    for _ in range(20):
        FaultServer().start().close()


def test_a_configuration_moves_all_lanes_to_the_server(server: FaultServer, bundle: Bundle) -> None:
    moved = faulty_config(server, bundle.config)
    assert {lane.endpoint.base_url for lane in moved.lanes.values()} == {server.openai_url, server.anthropic_url}
    assert {name: lane.region for name, lane in moved.lanes.items()} == {
        name: lane.region for name, lane in bundle.config.lanes.items()
    }
    assert len({model_of(lane) for lane in moved.lanes.values()}) == len(moved.lanes)


def test_the_command_serves_a_script(tmp_path: Path, root: Path) -> None:
    (tmp_path / "script.json").write_text(json.dumps({"m": ["unauthorized"], "*": {"share": 0, "faults": ["html"]}}))
    command = [sys.executable, "-m", "router_ml.faults", "--script", str(tmp_path / "script.json")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            url = running.stdout.readline().strip()
            assert httpx.get(f"{url}/health", timeout=5).json() == {"status": "ok"}
            body = {"model": "m", "messages": ASK}
            assert httpx.post(f"{url}/v1/chat/completions", json=body, timeout=5).status_code == 401
            assert httpx.get(f"{url}/faults/calls", timeout=5).json()["calls"] == [
                {"model": "m", "fault": "unauthorized", "count": 1}
            ]
        finally:
            running.terminate()


def test_every_kind_has_a_form_that_can_be_named() -> None:
    for kind in KINDS:
        for form in FORMS.get(kind, ("",)):
            assert Fault(kind, form=form).form == form
