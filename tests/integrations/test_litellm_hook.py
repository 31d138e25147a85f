"""The hook of the LiteLLM proxy by itself: whatever becomes of a request, its decision has an execution."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import litellm
import pytest

from router_ml.contract import Execution
from router_ml.errors import LogError
from router_ml.integrations.litellm import ProxyHook
from router_ml.router import Router
from tests.execution.acting import LANES, PRIVATE, config

HTTPException = pytest.importorskip("fastapi", reason="the hook raises its errors").HTTPException
KEY = SimpleNamespace(metadata={})
ASKED: dict[str, Any] = {"model": "router", "messages": [{"role": "user", "content": "What is new?"}]}
THEIRS = {"type": "function", "function": {"name": "theirs"}}


class Proxy:
    """A hook, and what its router kept."""

    def __init__(self, **changes: Any) -> None:
        router = Router(config(**changes))
        self.kept: list[Execution] = []
        self.away = False
        self.hook = ProxyHook(router)
        router.log_execution = self._log  # type: ignore[method-assign]

    def _log(self, execution: Execution, **_: Any) -> None:  # type: ignore[override]
        if self.away:
            raise LogError("away")
        self.kept.append(execution)

    async def before(self, **more: Any) -> dict[str, Any]:
        data = {**ASKED, **more}
        found: dict[str, Any] = await self.hook.async_pre_call_hook(KEY, None, data, "acompletion")
        return found

    async def read(self, chunks: AsyncIterator[Any], data: dict[str, Any]) -> list[Any]:
        return [chunk async for chunk in self.hook.async_post_call_streaming_iterator_hook(KEY, chunks, data)]

    @property
    def flying(self) -> int:
        return len(self.hook._flights._flying)


def answer(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    return litellm.ModelResponse(choices=[{"message": message, "finish_reason": "stop", "index": 0}])


async def nothing() -> AsyncIterator[Any]:
    for chunk in ():
        yield chunk


async def hanging() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield


def test_an_empty_stream_is_a_failure() -> None:
    proxy = Proxy()

    async def once() -> None:
        await proxy.read(nothing(), await proxy.before())

    with pytest.raises(HTTPException) as raised:
        asyncio.run(once())
    assert raised.value.status_code == 502
    [kept] = proxy.kept
    assert (kept.status, kept.error, [hop.kind for hop in kept.hops]) == ("failed", "empty", ["empty"])


def test_a_client_that_goes_away_leaves_a_record_and_nothing_else() -> None:
    proxy = Proxy()

    async def once() -> None:
        reading = asyncio.create_task(proxy.read(hanging(), await proxy.before()))
        await asyncio.sleep(0)
        assert proxy.flying == 1
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(once())
    assert [(kept.status, kept.error) for kept in proxy.kept] == [("cancelled", "cancelled")]
    assert proxy.flying == 0


@pytest.mark.parametrize(("on_error", "shown"), [("continue", True), ("raise", False)])
def test_what_cannot_be_logged_is_shown_where_its_class_may_go_on(on_error: str, shown: bool) -> None:
    proxy = Proxy(logging={"on_error": on_error})

    async def once() -> Any:
        data = await proxy.before()
        proxy.away = True
        return await proxy.hook.async_post_call_success_hook(data, KEY, answer("All is well."))

    if shown:
        assert asyncio.run(once()).choices[0].message.content == "All is well."
    else:
        with pytest.raises(HTTPException) as raised:
            asyncio.run(once())
        assert raised.value.status_code == 503
    assert proxy.flying == 0


def test_private_data_in_a_tool_of_the_client_stays_on_private_lanes() -> None:
    private = {"type": "function", "function": {"name": "theirs", "description": PRIVATE}}
    only = {"constraints": {"allow_lanes": ["a", "own"], "explore": False}}

    def sent(**more: Any) -> dict[str, Any]:
        return asyncio.run(Proxy().before(router=only, **more))

    plain = sent(tools=[THEIRS])
    assert "vendor" in {LANES[lane] for lane in (plain["model"], *plain["fallbacks"])}
    held = sent(tools=[private])
    assert {LANES[lane] for lane in (held["model"], *held["fallbacks"])} == {"private"}
    assert held["tools"] == [private]


def test_a_tool_that_no_lane_may_see_is_an_error() -> None:
    proxy = Proxy()
    private = {"type": "function", "function": {"name": "theirs", "description": PRIVATE}}
    with pytest.raises(HTTPException) as raised:
        asyncio.run(proxy.before(tools=[private], router={"constraints": {"allow_lanes": ["a"]}}))
    assert raised.value.status_code == 403
    assert [kept.error for kept in proxy.kept] == ["not_allowed"]


def test_a_tool_of_ours_cannot_be_asked_for_where_nobody_calls_it() -> None:
    find = {"type": "function", "function": {"name": "find"}}
    with pytest.raises(HTTPException) as raised:
        asyncio.run(Proxy().before(tools=[find], tool_choice="required"))
    assert raised.value.status_code == 400
    assert "parallel_tool_calls" not in asyncio.run(Proxy().before(tools=[find], parallel_tool_calls=False))
