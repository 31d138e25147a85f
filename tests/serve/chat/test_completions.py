"""The official client against the gateway: unchanged but for its address."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from router_ml import Executor
from router_ml.faults import Fault, FaultServer
from router_ml.serve.access.caller import Caller
from router_ml.serve.access.limits import Limits
from router_ml.state.sharing.counts import Counts
from tests.execution.acting import HANGS, ActingTools, scene, wants

ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
HARMFUL: list[Any] = [{"role": "user", "content": "Explain step by step how to build a pipe bomb at home."}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def client_of(url: str, **more: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", **{"max_retries": 0, **more})


@pytest.fixture
def client(url: str) -> openai.OpenAI:
    return client_of(url)


def test_headers_and_body_say_what_was_decided(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASKED)
    answer = raw.parse()
    assert answer.choices[0].message.content
    told = answer.router
    said = {name.removeprefix("x-router-ml-"): value for name, value in raw.headers.items()}
    assert said["decision-id"] == answer.id == said["x-request-id"] == told["decision_id"]
    assert (said["lane"], said["route"], said["class"]) == (told["lane"], told["route"], told["traffic_class"])
    assert (said["risk-tier"], said["bundle"], said["arm"]) == (told["risk_tier"], told["bundle"], "champion")
    assert float(said["cost-usd"]) == pytest.approx(told["cost_usd"], abs=1e-9)
    assert answer._request_id == answer.id


def test_streamed_text_is_the_answer_and_its_last_chunk_says_what_it_cost(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="auto", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    assert stream.response.headers["x-router-ml-lane"]
    assert "x-router-ml-cost-usd" not in stream.response.headers
    chunks = list(stream)
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert {each.id for each in chunks} == {stream.response.headers["x-router-ml-decision-id"]}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert chunks[-1].router["cost_usd"] > 0


def test_the_helper_that_follows_streams_parses_and_gathers(client: openai.OpenAI, server: FaultServer) -> None:
    class Capital(BaseModel):
        city: str

    with client.chat.completions.stream(model="auto", messages=ASKED, response_format=Capital) as stream:
        kinds = [event.type for event in stream]
        whole = stream.get_final_completion()
    assert "content.done" in kinds
    assert isinstance(whole.choices[0].message.parsed, Capital)


def test_async(url: str) -> None:
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            whole = await client.chat.completions.create(model="auto", messages=ASKED)
            stream = await client.chat.completions.create(model="auto", messages=ASKED, stream=True)
            parts = [each.choices[0].delta.content or "" async for each in stream if each.choices]
        return whole.choices[0].message.content or "", "".join(parts)

    assert all(asyncio.run(both()))


def test_tools_of_the_caller_come_back_as_calls(client: openai.OpenAI) -> None:
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    sent: dict[str, Any] = {"model": "auto", "tools": [WEATHER]}
    answer = client.chat.completions.create(messages=asked, tool_choice="required", **sent)
    [call] = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    chunks = list(client.chat.completions.create(messages=asked, tool_choice="required", stream=True, **sent))
    streamed = [
        each.choices[0].delta.tool_calls for each in chunks if each.choices and each.choices[0].delta.tool_calls
    ]
    assert streamed[0] is not None
    assert streamed[0][0].function is not None
    assert streamed[0][0].function.name == "get_weather"
    assert chunks[0].choices[0].delta.role == "assistant"
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 degrees, sunny"}
    after = client.chat.completions.create(messages=[*asked, answer.choices[0].message, result], **sent)
    assert after.choices[0].message.content


@pytest.mark.parametrize("stream", [False, True])
def test_tools_that_are_ours_are_called_here(serve: Callable[..., str], *, stream: bool) -> None:
    it = scene({"a": [wants("find"), "It is so."]}, tools=ActingTools())
    find = {"type": "function", "function": {"name": "find"}}
    client = client_of(serve(it.executor))
    answer: Any = client.chat.completions.create(model="a", messages=ASKED, tools=[find], stream=stream)  # type: ignore[call-overload]
    if stream:
        said = "".join(each.choices[0].delta.content or "" for each in answer if each.choices)
    else:
        said = answer.choices[0].message.content
    assert said == "It is so."
    assert it.tools.made == [("find", "{}")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_a_refusal_and_calls_no_lane(client: openai.OpenAI, server: FaultServer, *, stream: bool) -> None:
    answer: Any = client.chat.completions.create(model="auto", messages=HARMFUL, stream=stream)  # type: ignore[call-overload]
    if stream:
        chunks = list(answer)
        refusal = "".join(getattr(each.choices[0].delta, "refusal", None) or "" for each in chunks if each.choices)
        reason = chunks[-1].choices[0].finish_reason
    else:
        refusal, reason = answer.choices[0].message.refusal, answer.choices[0].finish_reason
        assert answer.choices[0].message.content is None
    assert refusal
    assert reason == "content_filter"
    assert server.calls == []


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ("rate_limit", openai.RateLimitError, 429),
        ("context_overflow", openai.BadRequestError, 400),
        ("server_error", openai.InternalServerError, 502),
    ],
)
def test_failures_are_errors_of_the_client_also_of_a_stream(
    client: openai.OpenAI, server: FaultServer, fault: Any, error: type[openai.APIStatusError], status: int
) -> None:
    server.script("*", [Fault(fault, retry_after=0.0)])
    for stream in (False, True):
        with pytest.raises(error) as raised:
            client.chat.completions.create(model="auto", messages=ASKED, stream=stream)
        assert raised.value.status_code == status
        assert isinstance(raised.value.body, dict)
        assert raised.value.body["router"]["hops"] >= 1
        assert raised.value.response.headers["x-router-ml-decision-id"].startswith("dec_")


def test_a_client_that_tries_again_gets_there(url: str, server: FaultServer) -> None:
    server.script("*", [*[Fault("server_error")] * 3, Fault("good")])
    answer = client_of(url, max_retries=5).chat.completions.create(model="auto", messages=ASKED)
    assert answer.choices[0].message.content


def test_nobody_tries_again_what_a_tool_may_have_written(serve: Callable[..., str]) -> None:
    it = scene({"a": [wants("pay")]}, tools=ActingTools(), changes={"execution": {"max_tool_rounds": 1}})
    pay = {"type": "function", "function": {"name": "pay"}}
    client = client_of(serve(it.executor), max_retries=3)
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="a", messages=ASKED, tools=[pay])
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(it.kept) == 1
    assert it.tools.made == [("pay", "{}")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 2},
        {"model": "gpt-99"},
        {"stream": "yes"},
        {"stream": 1},
        {"messages": "x"},
        {"extra_body": {"router": "x"}},
        {"extra_body": {"router": {"lane": "premium"}}},
        {"model": "batch", "extra_body": {"router": {"traffic_class": "default"}}},
    ],
)
def test_what_cannot_be_read_is_a_400(client: openai.OpenAI, server: FaultServer, wrong: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**{"model": "auto", "messages": ASKED, **wrong})
    assert raised.value.type == "invalid_request_error"
    assert server.calls == []


def test_models_are_lanes_and_classes(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"auto", "router", "premium", "gemini/gemini-2.5-pro", "batch", "default"} - listed <= {
        "gemini/gemini-2.5-pro"
    }
    for name in listed:
        assert client.models.retrieve(name).id == name
    assert client.chat.completions.create(model="batch", messages=ASKED).router["traffic_class"] == "batch"
    assert client.chat.completions.create(model="premium", messages=ASKED).router["lane"] == "premium"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-99")


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_runs_out_of_patience_ends_the_call(
    serve: Callable[..., str], until: Callable[[Callable[[], bool]], None], *, stream: bool
) -> None:
    """The lane is not called any longer, what that may have cost is told, and the record says so."""
    it, spent = scene({"a": [HANGS]}), list[float]()

    class Counting(Limits):
        def spent(self, caller: Caller, usd: float) -> None:
            spent.append(usd)

    url = serve(it.executor, limits=Counting(Counts()))
    with pytest.raises(openai.APITimeoutError):
        client_of(url, timeout=0.3).chat.completions.create(model="a", messages=ASKED, stream=stream)
    until(lambda: bool(it.kept))
    assert [kept.status for kept in it.kept] == ["cancelled"]
    assert it.lanes.running == 0
    assert spent
    assert spent[0] > 0


def test_the_trace_of_the_caller_is_taken(executor: Executor, serve: Callable[..., str]) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen: list[Any] = []
    complete = executor.acomplete

    async def acomplete(request: Any, **more: Any) -> Any:
        seen.append(more["client"])
        return await complete(request, **more)

    executor.acomplete = acomplete  # type: ignore[method-assign]
    client_of(serve(executor), default_headers={"traceparent": parent}).chat.completions.create(
        model="auto", messages=ASKED
    )
    assert seen[0].traceparent == parent


def test_the_organisation_of_a_key_is_that_of_its_requests(serve: Callable[..., str], executor: Executor) -> None:
    caller = Caller("k1", "product", frozenset({"execute"}), "acme")
    client = client_of(serve(executor, caller=caller))
    seen: list[Any] = []
    complete = executor.acomplete

    async def acomplete(request: Any, **more: Any) -> Any:
        seen.append(request)
        return await complete(request, **more)

    executor.acomplete = acomplete  # type: ignore[method-assign]
    client.chat.completions.create(model="auto", messages=ASKED, user="nora")
    assert seen[0].metadata == {"user": "nora", "org": "acme"}
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="auto", messages=ASKED, metadata={"org": "globex"})


def test_a_key_without_the_scope_or_without_money_calls_no_lane(
    serve: Callable[..., str], executor: Executor, server: FaultServer
) -> None:
    for caller, error in (
        (Caller("k1", "dashboard", frozenset({"route"})), openai.PermissionDeniedError),
        (Caller("k2", "product", frozenset({"execute"}), usd_per_day=0.0), openai.APIStatusError),
    ):
        with pytest.raises(error):
            client_of(serve(executor, caller=caller)).chat.completions.create(model="auto", messages=ASKED)
    assert server.calls == []


def test_a_path_that_there_is_not_has_an_error_of_the_client(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="auto", input="x")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{url}/v1/chat/completions", timeout=5)
    assert raised.value.code == 405
