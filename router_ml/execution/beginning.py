"""How a request begins: it is read, then decided, or looked at again where it was decided before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from router_ml import telemetry
from router_ml.contract import OutputContract, RouteDecision, RouteRequest
from router_ml.deciding.rechecking import ASKED_FOR
from router_ml.errors import InvalidRequestError
from router_ml.execution.client_side import ClientSide, kept
from router_ml.execution.ends import cancelled
from router_ml.execution.gate import Parts
from router_ml.execution.messages import without_call
from router_ml.execution.resuming import begin
from router_ml.execution.run import Run
from router_ml.execution.validation.checking import prepare
from router_ml.execution.validation.structured import contract_of

Request = str | RouteRequest | Mapping[str, Any]

_SENT = ("text", "messages")
"""Parts of a request that lanes are sent."""


async def begun(
    parts: Parts,
    request: Request,
    decision: RouteDecision | None,
    client: ClientSide | None,
    fields: Mapping[str, Any],
) -> Run:
    """The run of a request, once it is decided.

    Raises:
        InvalidRequestError: it does not follow the contract, lanes cannot be sent it, or ``decision`` is one for
            another output contract.
    """
    asked, model = _read(request, fields)
    began = 0
    if decision is None:
        if isinstance(asked.output_contract, OutputContract):
            prepare(asked.output_contract)
        began = telemetry.clock()
        with telemetry.carried_out():
            decision = await _decide(parts, asked, began, decide_ms=client.decide_ms if client else None)
        prepare(decision.output_contract)
        run = begin(asked, decision)
    else:
        if model is not None or "output_contract" in fields:
            _fits(asked.output_contract, decision.output_contract)
        prepare(decision.output_contract)
        run = begin(asked, decision)
        if not parts.router.made_of(decision, asked):  # so the rules read the words before any lane does
            await asyncio.to_thread(_of_these_words, parts, asked, decision)
            run.appear(*(text for part, text in asked.strings() if part.startswith(_SENT)))
    run.began, run.model, run.client = began, model, kept(client or ClientSide(), parts.config, decision)
    return run


def _of_these_words(parts: Parts, asked: RouteRequest, decision: RouteDecision) -> None:
    """Raise where words ask for what their decision does not know of; the rest the rules find before the first call."""
    seen = {risk.name for risk in parts.router.understand([asked])[0].risks}
    if new := sorted((seen & ASKED_FOR) - {risk.name for risk in decision.risks}):
        raise InvalidRequestError(
            f"Found words of risk {', '.join(new)}, of which decision {decision.decision_id} does not know: it was "
            "made of other words. Decide these anew."
        )


def _read(request: Request, fields: Mapping[str, Any]) -> tuple[RouteRequest, type[BaseModel] | None]:
    """What is asked, and the pydantic model that the answer has to fit, if it came with one."""
    known: dict[str, Any] = {"text": request} if isinstance(request, str) else dict(RouteRequest.parse(request))
    known.update(fields)
    shape = known.get("output_contract")
    model = shape if isinstance(shape, type) and issubclass(shape, BaseModel) else None
    if model is not None:
        known["output_contract"] = contract_of(model)
    asked = RouteRequest.parse(known)
    if (index := without_call(asked.messages)) is not None:
        raise InvalidRequestError(
            f"messages[{index}] is the result of a tool that no message before it called, which vendors do not take. "
            "Send the assistant's message with the call as well, and its id as tool_call_id."
        )
    return asked, model


def _fits(asked: str | OutputContract | None, decided: OutputContract) -> None:
    if isinstance(asked, OutputContract):
        same = decided in (asked, asked.model_copy(update={"schema": None}))  # a record may not hold a schema
    else:
        same = asked in (None, decided.name)
    if not same:
        raise InvalidRequestError(
            f"The decision is for the output contract {decided.name!r}, not for the one that is asked for. Decide the "
            "request with its output contract, or leave decision out."
        )


async def _decide(parts: Parts, asked: RouteRequest, began: int, *, decide_ms: float | None) -> RouteDecision:
    """The decision, made in a thread. Who goes away meanwhile cannot stop that, so what is decided gets its record."""
    if parts.decide is not None:
        return await parts.decide(
            asked, deadline_ms=decide_ms, left=lambda made: _record_left(parts, asked, made, began)
        )
    deciding = _Deciding(parts, asked, began)
    try:
        return await asyncio.to_thread(deciding.decide)
    except asyncio.CancelledError:
        deciding.leave()
        raise


class _Deciding:
    """A decision, and whether somebody still waits for it."""

    def __init__(self, parts: Parts, asked: RouteRequest, began: int) -> None:
        self._parts, self._asked, self._began = parts, asked, began
        self._lock = threading.Lock()
        self._made: RouteDecision | None = None
        self._left = False

    def decide(self) -> RouteDecision:
        made = self._parts.router.predict_route(self._asked)
        with self._lock:
            self._made, left = made, self._left
        if left:
            self._record(made)
        return made

    def leave(self) -> None:
        with self._lock:
            self._left, made = True, self._made
        if made is not None:
            self._record(made)

    def _record(self, made: RouteDecision) -> None:
        _record_left(self._parts, self._asked, made, self._began)


def _record_left(parts: Parts, asked: RouteRequest, made: RouteDecision, began: int) -> None:
    """Write down that nobody waited for a decision any more."""
    run = begin(asked, made)
    run.began = began
    cancelled(parts, run)
