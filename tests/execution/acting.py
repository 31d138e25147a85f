"""Lanes and tools that do what a test says, and a small configuration of five lanes, for the tests of the executor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import JsonValue

from router_ml import Executor, Router
from router_ml.config import RouterConfig
from router_ml.contract import Execution, FailureKind, RouteDecision, Step, ToolCall
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Piece, Reply, ToolRequest, Usage

LANES = {"a": "vendor", "b": "vendor", "c": "vendor", "own": "private", "home": "private"}
TOOLS = {"find": "read", "read_more": "read", "pay": "write"}
PRIVATE = "Her mail is nora.winter@posteo-mail.net and her card is 4111 1111 1111 1111."
SECRET = "AK" + "IAQ3X7ZP5LM2WN4R6T"

Act = Reply | LaneFailure | str | Callable[[LaneCall], Reply]
"""What a lane does with one call: a text is its answer."""


def config(**changes: Any) -> RouterConfig:
    lanes = {
        name: {
            "model": f"openai/{name}",
            "provider": name,
            "failure_domain": name,
            "region": "eu",
            "boundary": boundary,
            "price": {"input_per_mtok": 1.0, "output_per_mtok": 2.0},
            "latency": {"base_ms": 100, "ms_per_output_token": 1},
            "prior": {"quality": 0.8 + index / 100},
            "context_window": 8000,
            "max_output_tokens": 1000,
            "capabilities": ["tools"],
        }
        for index, (name, boundary) in enumerate(LANES.items())
    }
    raw: dict[str, Any] = {
        "version": 1,
        "boundaries": ["private", "vendor"],
        "taxonomy": {"risks": ["pii", "secrets"]},
        "lanes": lanes,
        "tools": {name: {"version": "1", "effect": effect} for name, effect in TOOLS.items()},
        "indexes": {"notes": {}},
        "policies": [
            {
                "id": "pii-private",
                "version": "1",
                "owner": "privacy",
                "rationale": "Personal data stays on our machines.",
                "when": {"risk": ["pii"]},
                "then": {"boundary": "private"},
            }
        ],
        "guardrails": {"risk_tiers": {"pii": "high", "secrets": "restricted"}},
        "output_policies": [
            {
                "id": "no-secrets",
                "version": "1",
                "owner": "security",
                "rationale": "A credential is not said.",
                "when": {"risk": ["secrets"]},
                "then": {"withhold": "The answer holds a credential."},
            }
        ],
        "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 30, "limits": {"max_tool_calls": 4}}},
        "fallback": {"lanes": 2, "attempts": 1, "backoff_ms": 100, "finally": "error"},
    }
    return RouterConfig.model_validate({**raw, **changes})


@dataclass
class ActingLanes:
    """Lanes that take one act after the other, each its own; the last one repeats, by default an answer.

    ``calls``: what they were asked; ``running``: calls at this moment.
    """

    acts: Mapping[str, Sequence[Act]] = field(default_factory=dict)
    calls: list[LaneCall] = field(default_factory=list)
    running: int = 0
    chunk: int = 7

    @property
    def lanes(self) -> list[str]:
        return [call.lane for call in self.calls]

    async def call(self, call: LaneCall) -> Reply:
        self.running += 1
        try:
            return await self._act(call)
        finally:
            self.running -= 1

    async def _act(self, call: LaneCall) -> Reply:
        self.calls.append(call)
        acts = self.acts.get(call.lane) or ["All is well."]
        act = acts[min(self.lanes.count(call.lane), len(acts)) - 1]
        if isinstance(act, LaneFailure):
            if act.kind == "cancelled":  # stands for a lane that never answers
                await asyncio.Event().wait()
            raise act
        reply = act(call) if callable(act) else act
        reply = Reply(text=reply) if isinstance(reply, str) else reply
        return replace(reply, usage=Usage(10, 20, 0, 0.001)) if reply.usage == Usage() else reply

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        self.running += 1
        try:
            try:
                reply = await self._act(call)
            except LaneFailure as failure:
                for start in range(0, len(failure.partial), self.chunk):
                    yield Piece(text=failure.partial[start : start + self.chunk])
                raise
            for start in range(0, len(reply.text), self.chunk):
                yield Piece(text=reply.text[start : start + self.chunk])
                await asyncio.sleep(0)
            yield Piece(reply=reply)
        finally:
            self.running -= 1


HANGS = LaneFailure("cancelled")


@dataclass
class ActingTools:
    """Tools that answer with what a test says; ``made``: what was called."""

    results: Mapping[str, JsonValue] = field(default_factory=dict)
    approval: bool = False
    made: list[tuple[str, str]] = field(default_factory=list)

    def offered(self, decision: RouteDecision, allowed: Sequence[str]) -> list[JsonObject]:
        return [{"type": "function", "function": {"name": name}} for name in allowed]

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
        effect = "write" if TOOLS.get(request.name) == "write" else "read"
        call = ToolCall(
            name=request.name,
            version="1",
            call_id=request.id,
            effect=effect,  # type: ignore[arg-type]
            arguments=json.loads(request.arguments or "{}"),
            approval_id=approval_id,
        )
        if request.name not in allowed:
            return call.model_copy(update={"status": "refused", "error": "not allowed"})
        if effect == "write" and (self.approval or ask) and approval_id is None:
            return call.model_copy(update={"status": "waiting"})
        self.made.append((request.name, request.arguments))
        return call.model_copy(update={"result": self.results.get(request.name, "done")})


def wants(*names: str, arguments: str = "{}") -> Reply:
    """A reply that asks for tools."""
    asked = tuple(ToolRequest(f"id{index}", name, arguments) for index, name in enumerate(names))
    return Reply(tool_requests=asked, stop="tools")


def failed(kind: FailureKind, **more: Any) -> LaneFailure:
    return LaneFailure(kind, "TestError", **more)


@dataclass
class Scene:
    """An executor with acting lanes; ``kept``: the executions that it logged; ``pauses`` between attempts, in s."""

    executor: Executor
    router: Router
    lanes: ActingLanes
    tools: ActingTools
    kept: list[Execution]
    pauses: list[float]

    def decide(
        self, text: str = "What is new?", *, lane: str = "a", steps: Sequence[str | Step] = ("b", "own"), **plan: Any
    ) -> RouteDecision:
        """A decision for ``lane``, with the same steps for every failure."""
        tools = plan.pop("allowed_tools", ())
        made = self.router.predict_route(text, allowed_tools=tools)
        each = tuple(step if isinstance(step, Step) else Step(lane=step) for step in steps)
        rules = ("on_timeout", "on_rate_limit", "on_schema_failure", "on_refusal", "on_error")
        given = plan.pop("finally_", made.fallback.finally_)
        fallback = made.fallback.model_copy(update={**dict.fromkeys(rules, each), "finally_": given})
        limits = made.limits.model_copy(update=plan.pop("limits", {}))
        return made.model_copy(update={"lane": lane, "fallback": fallback, "limits": limits, **plan})


def scene(
    acts: Mapping[str, Sequence[Act]] | None = None,
    *,
    tools: ActingTools | None = None,
    router: Router | None = None,
    changes: Mapping[str, Any] | None = None,
    **parts: Any,
) -> Scene:
    router = router or Router(config(**(changes or {})))
    lanes, tools = ActingLanes(acts or {}), tools or ActingTools()
    pauses: list[float] = []
    kept: list[Execution] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    write = Router.log_execution

    def log_execution(execution: Execution, **more: Any) -> Any:
        kept.append(execution)
        return write(router, execution, **more)

    router.log_execution = log_execution  # type: ignore[method-assign,assignment]
    executor = Executor(router, lanes=lanes, tools=tools, sleep=sleep, **parts)
    return Scene(executor, router, lanes, tools, kept, pauses)
