"""A conversation and a key go to the address of their lane and nowhere else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router_ml import Executor, Router
from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.execution.lanes.clients import Clients
from router_ml.execution.lanes.failures import LaneFailure
from tests.execution.lane_bench import MODELS, against, all_lanes, answer_of, call_of, collected, lane_of
from tests.execution.wire import Writer, serving


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


@pytest.mark.parametrize("lane", MODELS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_a_failure_and_is_not_followed(
    lanes: LiteLLMLanes, lane: str, stream: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = ""

    async def moved(path: str, writer: Writer) -> None:
        head = f"HTTP/1.1 {status} X\r\nlocation: {elsewhere}{path}\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())

    async def work(_: Any) -> tuple[LaneFailure, list[Any]]:
        nonlocal elsewhere
        async with serving(answer_of(lane)) as other:
            elsewhere = other.url
            with pytest.raises(LaneFailure) as caught:
                await (collected(lanes.stream(call_of(lane))) if stream else lanes.call(call_of(lane)))
            return caught.value, other.seen

    failure, seen = against(moved, work, monkeypatch)
    assert (failure.kind, failure.of_request, seen) == ("server_error", False, [])


def test_loops_do_not_share_connections_and_those_that_are_closed_are_let_go() -> None:
    clients = Clients()

    async def one() -> Any:
        first, second = (clients.of("anthropic", {})["client"] for _ in range(2))
        assert first is second
        return first

    assert asyncio.run(one()) is not asyncio.run(one())
    assert len(clients._made) == 1


def test_a_lane_without_an_address_goes_to_its_vendor_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL", "MISTRAL_API_BASE"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/elsewhere")
    for name in ("OPENAI_API_KEY", "MISTRAL_API_KEY"):
        monkeypatch.setenv(name, "k")
    hosts = {"openai": "api.openai.com", "anthropic": "api.anthropic.com", "mistral": "api.mistral.ai"}
    made = LiteLLMLanes({name: lane_of(MODELS[name]) for name in hosts})

    async def arguments() -> dict[str, Any]:
        return {name: made._arguments(call_of(name)) for name in hosts}

    sent = asyncio.run(arguments())
    assert {name: one["api_base"].split("/")[2] for name, one in sent.items()} == hosts
    assert str(sent["openai"]["client"].base_url) == "https://api.openai.com/v1/"


def test_an_address_that_only_the_environment_gives_is_refused_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_BASE", raising=False)
    made = LiteLLMLanes({"gemini": lane_of(MODELS["gemini"])})
    assert made.missing() == {}
    monkeypatch.setenv("GEMINI_API_BASE", "http://127.0.0.1:9/elsewhere")
    said = made.missing()["gemini"]
    assert said == "ForeignAddressError GEMINI_API_BASE is set, and not named as base_url_env"
    with pytest.raises(LaneFailure, match="unavailable: ForeignAddressError"):
        asyncio.run(made.call(call_of("gemini")))


@pytest.mark.parametrize("lane", ["openai", "mistral"])
def test_the_key_of_a_vendor_is_missed_before_the_call(lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"{lane.upper()}_API_KEY"
    monkeypatch.delenv(key, raising=False)
    made = LiteLLMLanes({lane: lane_of(MODELS[lane])})
    assert made.missing() == {lane: f"MissingKeyError {key} is not set"}


def test_a_key_that_the_vendors_client_misses_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = LiteLLMLanes({"gemini": lane_of(MODELS["gemini"])})
    with pytest.raises(LaneFailure, match="authentication"):
        asyncio.run(made.call(call_of("gemini")))


def test_an_executor_says_which_lanes_it_cannot_call(
    router: Router, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    few = LiteLLMLanes({"openai": lane_of(MODELS["openai"])})
    monkeypatch.setattr("router_ml.execution.executor.LiteLLMLanes", lambda _: few)
    with Executor(router):
        assert "cannot be called: openai: MissingKeyError OPENAI_API_KEY is not set" in caplog.text
