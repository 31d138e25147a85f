"""Calls to lanes through LiteLLM: one request in, one reply in normal form or one ``LaneFailure`` out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from router_ml.config import Lane
from router_ml.contract import Decoding
from router_ml.contract.base import JsonObject
from router_ml.errors import MissingExtraError
from router_ml.execution.lanes import direct
from router_ml.execution.lanes.arguments import Place, tools
from router_ml.execution.lanes.clients import Clients
from router_ml.execution.lanes.errors import failure_of
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.gathering import Gathered, overheard
from router_ml.execution.lanes.normal import from_openai
from router_ml.execution.lanes.prices import cost_usd, entries
from router_ml.execution.lanes.reply import Piece, Reply

_CONNECT_S = 5.0


@dataclass(frozen=True)
class LaneCall:
    """What one lane is asked. ``messages`` and ``tools`` in the OpenAI shape; ``timeout_s``: the most that is
    waited for the whole answer, also where it is streamed; ``batch``: at the price of batches."""

    lane: str
    messages: Sequence[JsonObject]
    decoding: Decoding
    timeout_s: float
    tools: Sequence[JsonObject] = ()
    must_call: bool = False
    headers: Mapping[str, str] | None = None
    batch: bool = False


class Lanes(Protocol):
    """Whatever can call lanes."""

    async def call(self, call: LaneCall) -> Reply:
        """The reply.

        Raises:
            LaneFailure: there is none.
        """
        ...

    def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        """The reply piece by piece, the whole of it with the last one.

        Raises:
            LaneFailure: it broke off; ``partial`` is what had come.
        """
        ...


class LiteLLMLanes:
    """Calls the configured lanes. Retries and fallbacks of LiteLLM are off: those of the decision count.

    An address or a key that is missing from the environment is a failure of the call, not an error here, so that the
    other lanes go on serving; ``missing`` tells beforehand.
    """

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self._litellm = _litellm()
        self._clients = Clients()
        self._unopened: set[str] = set()
        self._places = {name: self._place(lane) for name, lane in lanes.items()}
        self._passed_on = {
            name
            for name, place in self._places.items()
            if direct.passed_on(self._litellm, place.lane.model, place.provider)
        }
        self._litellm.register_model(entries(lanes, self._litellm.model_cost))

    def missing(self) -> dict[str, str]:
        """What keeps a lane from being called, by lane: the name of a variable, never its value."""
        found = {}
        for name, place in self._places.items():
            try:
                place.endpoint()
            except LaneFailure as failure:
                found[name] = failure.detail
        return found

    async def call(self, call: LaneCall) -> Reply:
        """See ``Lanes.call``."""
        arguments = self._arguments(call)
        try:
            async with asyncio.timeout(call.timeout_s):
                answer = await self._answer(call.lane, arguments)
        except Exception as error:  # noqa: BLE001 - each way in which a call can fail is a failure of its lane
            raise failure_of(error) from None
        return self._priced(from_openai(answer, tagged=self._places[call.lane].tagged), call)

    async def _answer(self, lane: str, arguments: Mapping[str, Any]) -> Any:
        said = direct.parameters(self._litellm, arguments) if lane in self._passed_on else None
        if said is not None:
            return await direct.complete(arguments, said)
        return (await self._litellm.acompletion(**arguments)).model_dump()

    async def stream(self, call: LaneCall) -> AsyncGenerator[Piece]:
        """See ``Lanes.stream``. Closing it, or cancelling who waits for it, closes the connection.

        Once a lane has thought without an opening tag, its next stream shows nothing before the closing one.
        """
        tagged = self._places[call.lane].tagged
        gathered, patience = Gathered(tagged=tagged, unopened=call.lane in self._unopened), Patience(call.timeout_s)
        arguments = {**self._arguments(call), "stream": True, "stream_options": {"include_usage": True}}
        chunks = await patience.wait(self._litellm.acompletion(**arguments), gathered)
        if chunks.completion_stream is not None:
            chunks.completion_stream = overheard(chunks.completion_stream, gathered)
        try:
            while (chunk := await patience.wait(anext(chunks, None), gathered)) is not None:
                if text := gathered.add(chunk):
                    yield Piece(text=text)
        finally:
            await chunks.aclose()
        if text := gathered.end():
            yield Piece(text=text)
        (self._unopened.add if gathered.unopened else self._unopened.discard)(call.lane)
        # Of Gemini LiteLLM keeps the second one only.
        received = chunks.received_finish_reason or chunks.intermittent_finish_reason
        reply = gathered.reply(received=received)
        yield Piece(reply=self._priced(reply, call))

    def _priced(self, reply: Reply, call: LaneCall) -> Reply:
        price = self._places[call.lane].lane.price
        cost = cost_usd(price, reply.usage, batch=call.batch)
        return replace(reply, usage=replace(reply.usage, cost_usd=cost))

    def _stay(self, model: str) -> None:
        """Settings of the whole process would send a call to a lane that nobody decided for."""
        known = self._litellm
        if known.model_fallbacks or known.api_base or model in (known.model_alias_map or ()):
            raise LaneFailure("unavailable", "ForeignSettingError litellm.model_fallbacks, api_base or model_alias_map")

    def _place(self, lane: Lane) -> Place:
        provider = lane.model.partition("/")[0]
        try:
            _, provider, *_ = self._litellm.get_llm_provider(lane.model)
            takes = self._litellm.get_supported_openai_params(lane.model, custom_llm_provider=provider)
        except Exception:  # noqa: BLE001 - a model that LiteLLM does not know fails when it is called
            takes = None
        return Place(lane, provider, None if takes is None else frozenset(takes))

    def _arguments(self, call: LaneCall) -> dict[str, Any]:
        place = self._places[call.lane]
        self._stay(place.lane.model)
        endpoint = place.endpoint()
        return {
            "model": place.lane.model,
            "messages": place.messages(call.messages),
            "timeout": _timeout(call.timeout_s, place.provider),
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            "caching": False,
            **endpoint,
            **self._clients.of(place.provider, endpoint),
            **place.decoding(call.decoding, call.messages, must_call=call.must_call and bool(call.tools)),
            **tools(call.tools, must_call=call.must_call),
            **({"extra_headers": dict(call.headers)} if call.headers else {}),
        }


def _timeout(seconds: float, provider: str) -> Any:
    """LiteLLM takes a shorter patience for the connection alone from clients of the OpenAI kind only."""
    if provider != "openai":
        return seconds
    import httpx

    return httpx.Timeout(seconds, connect=min(seconds, _CONNECT_S))


class Patience:
    """Seconds that may be waited for a lane. The time that a reader takes over what has come is not the lane's."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    async def wait(self, work: Awaitable[Any], gathered: Gathered) -> Any:
        """What ``work`` comes to; a failure carries what had been gathered."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left):
                return await work
        except Exception as error:  # noqa: BLE001 - each way in which it can break off is a failure of its lane
            raise failure_of(error, partial=gathered.shown) from None
        finally:
            self._left -= loop.time() - began


def _litellm() -> Any:
    for fetched in ("LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"):
        os.environ.setdefault(
            fetched, "True"
        )  # else a file is fetched from the network, the second with the first call
    try:
        import litellm
    except ImportError:
        raise MissingExtraError("litellm", "execute") from None
    litellm.suppress_debug_info = True
    # To count tokens of Llama models LiteLLM would fetch their tokenizer, and hold everything up until it is there.
    litellm.disable_hf_tokenizer_download = True
    return litellm
