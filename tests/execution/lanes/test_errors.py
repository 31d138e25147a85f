"""Each way of failing has one name, and nothing of a provider's words is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from router_ml.execution.lanes.calls import LaneCall, LiteLLMLanes
from router_ml.execution.lanes.errors import retry_after
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Piece
from tests.execution.lane_bench import (
    FAILURES,
    against,
    all_lanes,
    call_of,
    openai_answer,
)
from tests.execution.wire import whole


@pytest.fixture(scope="module")
def lanes() -> LiteLLMLanes:
    return all_lanes()


@pytest.mark.parametrize("lane", ["openai", "vllm", "anthropic", "mistral", "gemini"])
@pytest.mark.parametrize("fault", FAILURES)
def test_each_way_of_failing_has_its_name(
    lanes: LiteLLMLanes, lane: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, kind = FAILURES[fault]

    async def work(wire: Any) -> tuple[LaneFailure, int]:
        with pytest.raises(LaneFailure) as caught:
            await lanes.call(call_of(lane, messages=({"role": "user", "content": "private words"},)))
        return caught.value, len(wire.seen)

    failure, calls = against(answer, work, monkeypatch)
    assert failure.kind == kind
    assert calls == 1, "nothing is retried behind the back of the decision"
    assert failure.retry_after_ms == (7000.0 if fault == "429" else None)
    assert failure.of_request == (fault in ("400", "413") or kind in ("context_overflow", "content_filter"))
    assert not {"slow", "boom", "private", "gateway", "secret-of-a-test"} & set(str(failure).split())


def test_retries_that_the_process_configured_for_litellm_are_not_made(
    lanes: LiteLLMLanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm

    monkeypatch.setattr(litellm, "num_retries", 3)

    async def work(wire: Any) -> int:
        with pytest.raises(LaneFailure):
            await lanes.call(call_of("openai"))
        return len(wire.seen)

    assert against(FAILURES["500"][0], work, monkeypatch) == 1


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "1.5"}, 1500.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 250.0),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:30 GMT"}, 30_000.0),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], pause: float | None) -> None:
    assert retry_after(headers, now=datetime(2026, 11, 26, 12, tzinfo=UTC)) == pause


@pytest.mark.parametrize("lane", ["openai", "vllm", "mistral"])
def test_an_answer_without_a_choice_is_empty(lanes: LiteLLMLanes, lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_: Any) -> LaneFailure:
        with pytest.raises(LaneFailure) as caught:
            await lanes.call(call_of(lane))
        return caught.value

    assert against(whole(openai_answer() | {"choices": []}), work, monkeypatch).kind == "empty"


async def streamed(lanes: LiteLLMLanes, call: LaneCall) -> list[Piece]:
    return [piece async for piece in lanes.stream(call)]


@pytest.mark.parametrize("lane", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_cannot_be_written_is_no_fault_of_its_lane(
    lanes: LiteLLMLanes, lane: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a few requests with half a character would take a provider from everybody."""
    call = call_of(lane, messages=({"role": "user", "content": "half \ud800"},))

    async def work(wire: Any) -> tuple[LaneFailure, int]:
        with pytest.raises(LaneFailure) as caught:
            await (streamed(lanes, call) if stream else lanes.call(call))
        return caught.value, len(wire.seen)

    failure, calls = against(FAILURES["500"][0], work, monkeypatch)
    if not calls:  # LiteLLM writes streams of some vendors in ASCII, and they go out
        assert (failure.kind, failure.of_request) == ("server_error", True)
    assert calls == 0 or (stream and lane != "openai")
