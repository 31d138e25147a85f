"""A hook of the LiteLLM proxy: each chat request is decided before it is sent, and its answer checked before it is
shown.

It fails closed: what cannot be decided is not sent, and a request that a rule refuses or gives to a person gets an
error of the proxy. A request that names a lane is held to the rules like any other; models that are no lanes pass,
unless ``strict``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from router_ml.contract import FailureKind, Validation
from router_ml.errors import InvalidRequestError, LogError, NotRoutedError, RouterError
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.validation.checking import Checked, check
from router_ml.integrations.asking import ANY
from router_ml.integrations.flights import Flight, Flights
from router_ml.integrations.litellm_calls import apart, failed, marked, metadata_of, milliseconds, reply_of
from router_ml.integrations.litellm_requests import error_of, read, rewrite
from router_ml.rollout import Rollout
from router_ml.router import Router

_CHATS = ("completion", "acompletion")
_STATUS = {"refuse": 403, "human_review": 403, "clarify": 422}


class ProxyHook(CustomLogger):  # type: ignore[misc]
    """Register one instance in ``litellm_settings: callbacks``.

    The proxy's ``model_list`` has a group for each lane under the name of the lane (``deployments``), and one under
    ``router`` that is never called but gives callers a name to have access to. ``metadata`` of a request reaches the
    rules; what the key's own metadata says under ``router_ml`` outranks it, since callers cannot write it.

    Args:
        strict: whether models that are no lanes are refused.
    """

    def __init__(self, router: Router | Rollout, *, strict: bool = False) -> None:
        super().__init__()
        self._flights, self._strict = Flights(router), strict

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """LiteLLM looks for hooks in the class itself, so those of a subclass would be passed over in silence."""
        raise TypeError("ProxyHook cannot be subclassed: LiteLLM would not call its hooks. Wrap an instance instead.")

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> Any:
        """Decide, and send the request to the lane, with the lanes of its fallback and no others behind it.

        Raises:
            HTTPException: 400 the request cannot be read, 403 it is refused or waits for a person, 422 it has to be
                asked more clearly or needs sources, 503 it cannot be decided or recorded.
        """
        config = self._flights.router.config
        model = data.get("model")
        if model not in ANY and model not in config.lanes:
            if self._strict:
                raise error_of(403, "model_not_allowed", "Only lanes of the router can be called here.")
            return None
        if call_type not in _CHATS:
            raise error_of(400, "not_a_chat", "The router decides chat completions only.")
        try:
            asked = read(config, data, user_api_key_dict)
            flight = await apart(self._flights.take_off, asked.request)
        except NotRoutedError as error:
            decision: Any = error.decision
            said = decision.question or decision.reason
            status = _STATUS.get(decision.action, 403)
            raise error_of(status, decision.action, said, decision_id=decision.decision_id) from None
        except InvalidRequestError as error:
            raise error_of(400, "invalid_request_error", str(error)) from None
        except RouterError as error:
            raise error_of(503, type(error).__name__, str(error)) from None
        if flight.decision.output_contract.citations_required:
            said = "Answers to this request have to cite what was looked up, and the proxy looks nothing up."
            raise await self._withheld(flight, 422, "not_allowed", said)
        with self._followed(flight):
            try:
                client, lanes = await apart(self._flights.allow, flight, asked.client)
            except NotRoutedError as error:
                decision = error.decision
                raise await self._withheld(flight, 403, "not_allowed", decision.reason) from None
        rewrite(config, data, flight, client, lanes)
        return data

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Check an answer and record how the request ended.

        Raises:
            HTTPException: 502 the answer breaks its contract, 403 it may not be shown, 503 it could not be recorded.
        """
        flight = self._flights.of(marked(data))
        if flight is None:
            return response
        with self._followed(flight):
            notices = await self._checked(flight, response)
        if notices:
            message = response.choices[0].message
            message.content = "\n\n".join([message.content, *notices])
        return response

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Hold a stream back until its answer has been checked as a whole."""
        flight = self._flights.of(marked(request_data))
        if flight is None:
            async for chunk in response:
                yield chunk
            return
        with self._followed(flight):
            chunks = [chunk async for chunk in response]
            whole = litellm.stream_chunk_builder(chunks, messages=request_data.get("messages"))
            if whole is None:
                self._flights.add_hop(flight, _answered_by(flight, response), kind="empty", error="EmptyStreamError")
                raise await self._withheld(flight, 502, "empty", "The answer is empty.")
            whole._hidden_params = {**_hidden(chunks[0]), **_hidden(response)}
            notices = await self._checked(flight, whole)
        said = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
        if notices:
            said[-1].choices[0].delta.content += "\n\n" + "\n\n".join(notices)
        for chunk in chunks:
            yield chunk

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Write down a call that failed; the proxy may go on to the next lane."""
        flight, noted = self._flights.of(marked(kwargs)), metadata_of(kwargs)
        if flight is None:
            return
        kind, detail = failed(kwargs.get("exception"))
        lane = noted.get("model_group")
        took = milliseconds(start_time, end_time)
        if lane in self._flights.router.config.lanes:
            self._flights.add_hop(flight, str(lane), kind=kind, error=detail, latency_ms=took)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Record that no lane answered."""
        flight = self._flights.of(marked(request_data))
        if flight is not None:
            await apart(self._flights.leave, flight, "failed", error=failed(original_exception)[0])

    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any, **_: Any
    ) -> dict[str, str] | None:
        """Name the decision to the client."""
        decision_id = marked(data)
        return {"x-router-ml-decision-id": decision_id} if isinstance(decision_id, str) else None

    async def _checked(self, flight: Flight, response: Any) -> Sequence[str]:
        """Check an answer and record it; the notices that it has to carry.

        Raises:
            HTTPException: it may not be shown.
        """
        lane, took = _answered_by(flight, response), float(_hidden(response).get("_response_ms") or 0.0)
        try:
            reply = reply_of(response)
        except LaneFailure as failure:
            self._flights.add_hop(flight, lane, kind=failure.kind, error=failure.detail, latency_ms=took)
            raise await self._withheld(flight, 502, failure.kind, "The answer cannot be read.") from None
        contract = flight.decision.output_contract
        checked = Checked() if reply.tool_requests else await apart(check, contract, reply)
        served, kind = reply.served_model, checked.kind
        self._flights.add_hop(flight, lane, kind=kind, usage=reply.usage, served_model=served, latency_ms=took)
        if kind is not None:
            flight.validation = Validation(status="failed", errors=checked.errors)
            raise await self._withheld(
                flight, 502, kind, f"The answer breaks its contract: {'; '.join(checked.errors)}."
            )
        flight.validation = Validation(status="not_checked" if reply.tool_requests else "passed")
        try:
            found = await apart(self._flights.check, flight, reply)
            if found.action in ("withhold", "human_review"):
                raise await self._withheld(flight, 403, "withheld", found.reason)
            await apart(self._flights.land, flight, "answered", lane=lane)
        except LogError as error:
            raise await self._withheld(flight, 503, "withheld", str(error)) from None
        return tuple(found.notices.values()) if contract.type == "text" and not reply.tool_requests else ()

    @contextmanager
    def _followed(self, flight: Flight) -> Iterator[None]:
        """What is done for a request whose client may go away meanwhile, which is recorded as well."""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            self._flights.leave(flight, "cancelled", error="cancelled")
            raise

    async def _withheld(self, flight: Flight, status: int, kind: FailureKind, said: str) -> Exception:
        await apart(self._flights.leave, flight, "failed", error=kind)
        return error_of(status, kind, said, decision_id=flight.decision.decision_id)


def _hidden(response: Any) -> Mapping[str, Any]:
    return getattr(response, "_hidden_params", None) or {}


def _answered_by(flight: Flight, response: Any) -> str:
    """The lane whose group answered: the one that was decided, or one behind it."""
    group = (_hidden(response).get("additional_headers") or {}).get("x-litellm-model-group")
    return str(group) if group in flight.decision.eligible else flight.given[-1]
