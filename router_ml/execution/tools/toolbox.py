"""The tools of a router: what lanes are offered, and what happens when they ask for one.

planned and still allowed -> arguments as the contract says -> limits -> approval -> called, a write once -> JSON
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pydantic import JsonValue

from router_ml.config import RouterConfig
from router_ml.config.execution import Tool
from router_ml.contract import PlannedTool, RouteDecision, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.tools.arguments import BadArguments, Checker, arguments_sha256, call_key
from router_ml.execution.tools.attempts import Attempts, Once, Outcome
from router_ml.execution.tools.keys import KEY, by_position, place_of_key
from router_ml.execution.tools.results import Cut, shortened
from router_ml.execution.tools.running import Running

ToolFunction = Callable[..., JsonValue] | Callable[..., Awaitable[JsonValue]]
"""What a tool does; called with the arguments of its contract by name. One that takes ``idempotency_key`` is given the
key of the call, by position where it takes it so. It may raise ``ToolFailure`` to say more than the class of its
exception would."""

Functions = Mapping[str, ToolFunction]

Approve = Callable[[ToolCall], str | None]
"""The id of an approval that was granted for exactly this call, which may name one; None where there is none."""


class Toolbox(Protocol):
    """Whatever offers and calls tools."""

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        """The planned tools among ``allowed``, in the OpenAI shape."""
        ...

    async def call(
        self,
        decision: RouteDecision,
        request: ToolRequest,
        *,
        allowed: Sequence[str],
        before: Sequence[ToolCall],
        approval_id: str | None = None,
        ask: bool = False,
        timeout_s: float | None = None,
    ) -> ToolCall:
        """What became of a call: done with its result, or why not. It never raises.

        Args:
            allowed: names that the rules still leave. before: calls of this request so far.
            approval_id: of a write that somebody agreed to. ask: the rules now ask for an approval of writes.
            timeout_s: that is left of the request.
        """
        ...


class NoTools:
    """Offers nothing."""

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        """Nothing."""
        return []

    async def call(
        self,
        decision: RouteDecision,
        request: ToolRequest,
        *,
        allowed: Sequence[str],
        before: Sequence[ToolCall],
        approval_id: str | None = None,
        ask: bool = False,
        timeout_s: float | None = None,
    ) -> ToolCall:
        """Refused."""
        return _refused(request, "there are no tools")


class ConfiguredTools:
    """The tools of ``router.yaml``, each with a function that does what it says; safe to share between threads.

    Args:
        functions: by name of a tool. A tool without one is not offered.
        approve: asked before each write that needs an approval; without it, whoever calls answers for the id it gives.
        attempts: how tools are tried.

    Raises:
        InvalidRequestError: a function belongs to no tool.
        ConfigError: the parameters of a tool are not valid JSON Schema.
    """

    def __init__(
        self,
        config: RouterConfig,
        functions: Functions,
        *,
        approve: Approve | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        unknown = sorted(set(functions) - set(config.tools))
        if unknown:
            known = ", ".join(config.tools) or "none"
            raise InvalidRequestError(
                f"Found functions for {', '.join(unknown)}, expected tools of router.yaml: {known}."
            )
        self._config = config
        self._functions = dict(functions)
        self._keys = {name: place_of_key(name, each, config.tools[name]) for name, each in functions.items()}
        self._approve = approve
        self._checker = Checker(config)
        self._attempts = attempts or Attempts(max_pause_ms=config.execution.max_retry_after_ms)
        self._once = Once()
        self._running = Running()

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        """See ``Toolbox.offered``."""
        return [
            as_offer(tool.name, self._config.tools[tool.name]) for tool in decision.tools if self._can(tool, allowed)
        ]

    async def call(
        self,
        decision: RouteDecision,
        request: ToolRequest,
        *,
        allowed: Sequence[str],
        before: Sequence[ToolCall],
        approval_id: str | None = None,
        ask: bool = False,
        timeout_s: float | None = None,
    ) -> ToolCall:
        """See ``Toolbox.call``."""
        planned = next((tool for tool in decision.tools if tool.name == request.name), None)
        if planned is None or not self._can(planned, allowed):
            return _refused(request, "not a tool of this request", known=self._config.tools)
        tool = self._config.tools[planned.name]
        call = ToolCall(name=planned.name, version=tool.version, call_id=request.id, effect=tool.effect, attempts=0)
        try:
            arguments = self._checker.arguments(planned.name, request.arguments)
        except BadArguments as wrong:
            return call.model_copy(update={"status": "invalid_arguments", "error": str(wrong)})
        key = call_key(decision.decision_id, planned.name, arguments) if tool.effect == "write" else None
        call = call.model_copy(update={"arguments": arguments, "key": key})
        beside = self._running.beside(decision.decision_id, call)
        if (error := self._over(tool, call, [*before, *beside])) is not None:
            return call.model_copy(update={"status": "refused", "error": error})
        if tool.effect == "write" and (planned.approval or tool.approval or ask):
            call = self._agreed(call.model_copy(update={"approval_id": approval_id}))
        if call.status != "done":
            return call
        with self._running.one(decision.decision_id, call):
            return await self._make(call, tool, timeout_s=timeout_s)

    def close(self) -> None:
        """Let go of the threads."""
        self._attempts.close()

    def _can(self, planned: PlannedTool, allowed: Sequence[str]) -> bool:
        tool = self._config.tools.get(planned.name)
        known = tool is not None and tool.version == planned.version  # what was decided and approved is one version
        return known and planned.name in allowed and planned.name in self._functions

    def _over(self, tool: Tool, call: ToolCall, before: Sequence[ToolCall]) -> str | None:
        """Which limit a call would break. The same write is no further call: it is told what came of the first."""
        earlier = [one for one in before if one.name == call.name and one.status in ("done", "failed", "timeout")]
        others = [one for one in earlier if call.key is None or one.key != call.key]
        if tool.max_calls is not None and len(others) >= tool.max_calls:
            return f"called {len(others)} times, the most for one request"
        same = sum(one.arguments == call.arguments for one in earlier)
        if same >= self._config.execution.repeats:
            return f"called {same} times with the same arguments"
        return None

    def _agreed(self, call: ToolCall) -> ToolCall:
        """The call with the approval that it may be made with; else it waits, or is refused."""
        approval_id = self._approve(call) if self._approve is not None else call.approval_id
        if approval_id is not None:
            return call.model_copy(update={"approval_id": approval_id})
        if call.approval_id is None:
            return call.model_copy(update={"status": "waiting"})
        return call.model_copy(update={"status": "refused", "error": "the approval is not of this call"})

    async def _make(self, call: ToolCall, tool: Tool, *, timeout_s: float | None) -> ToolCall:
        began = time.monotonic()
        function, arguments = self._functions[call.name], dict(call.arguments)
        if self._keys[call.name] == "keyword":
            arguments[KEY] = call.key
        elif self._keys[call.name] == "position":
            function = by_position(function, call.key)

        async def work() -> Outcome:
            outcome = await self._attempts.make(function, arguments, tool, name=call.name, timeout_s=timeout_s)
            return await self._judged(call.name, tool, outcome)

        outcome = await (work() if call.key is None else self._once.make(call.key, work))
        return call.model_copy(
            update={
                "status": outcome.status,
                "result": outcome.result if outcome.status == "done" else None,
                "error": outcome.error,
                "attempts": outcome.attempts,
                "nothing_done": outcome.nothing_done,
                "latency_ms": (time.monotonic() - began) * 1000,
            }
        )

    async def _judged(self, name: str, tool: Tool, outcome: Outcome) -> Outcome:
        """An outcome held against the contract of its tool while it is whole, then cut to what a lane reads."""
        whole = outcome.result
        if outcome.status != "done" or outcome.error is not None:
            return outcome
        short, broken = shortened(whole), None
        if short is whole:
            broken = self._checker.result_error(name, whole)
        elif not isinstance(whole, Cut):
            broken = await asyncio.to_thread(self._checker.result_error, name, whole)  # long: others go on meanwhile
        outcome = replace(outcome, result=short, error=f"the result: {broken}" if broken else None)
        return replace(outcome, status="failed", result=None) if broken and tool.effect == "read" else outcome


def _refused(request: ToolRequest, error: str, *, known: Container[str] = ()) -> ToolCall:
    name = request.name if request.name in known else "?"  # a lane may put anything into a name that it makes up
    return ToolCall(name=name, version="?", call_id=request.id, status="refused", error=error, attempts=0)


def as_offer(name: str, tool: Tool) -> JsonObject:
    """A tool as lanes are offered it, in the OpenAI shape."""
    parameters: JsonObject = {"type": "object", "properties": {}, **tool.parameters}
    return {"type": "function", "function": {"name": name, "description": tool.description, "parameters": parameters}}


__all__ = [
    "Approve",
    "ConfiguredTools",
    "Functions",
    "NoTools",
    "ToolFunction",
    "Toolbox",
    "arguments_sha256",
    "as_offer",
]
