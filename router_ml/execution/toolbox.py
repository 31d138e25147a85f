"""The tools of a router: what lanes are offered, and what happens when they ask for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from pydantic import JsonValue

from router_ml.contract import RouteDecision, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.reply import ToolRequest

ToolFunction = Callable[..., JsonValue] | Callable[..., Awaitable[JsonValue]]
"""What a tool does; called with the arguments of its contract by name."""


class Toolbox(Protocol):
    """Whatever offers and calls tools."""

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        """The planned tools among ``allowed``, in the OpenAI shape."""
        ...

    async def call(
        self, decision: RouteDecision, request: ToolRequest, *, allowed: Sequence[str], before: Sequence[ToolCall]
    ) -> ToolCall:
        """What became of a call: done with its result, or why not. It never raises.

        Args:
            allowed: names that the rules still leave. before: calls of this request so far.
        """
        ...


class NoTools:
    """Offers nothing."""

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        """Nothing."""
        return []

    async def call(
        self, decision: RouteDecision, request: ToolRequest, *, allowed: Sequence[str], before: Sequence[ToolCall]
    ) -> ToolCall:
        """Refused."""
        return ToolCall(name=request.name, version="?", call_id=request.id, status="refused", error="no tools")


Functions = Mapping[str, ToolFunction]
