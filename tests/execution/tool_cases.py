"""What the tests of tools share: a configuration with one of each kind, and a decision that plans them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router_ml.config import RouterConfig, parse_config
from router_ml.config.execution import Tool
from router_ml.config.tool_files import read_contracts
from router_ml.contract import RouteDecision, ToolCall
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.tools.attempts import Attempts
from router_ml.execution.tools.changes import Level, tool_changes
from router_ml.execution.tools.toolbox import ConfiguredTools

FOLDER = Path(__file__).parents[2] / "data" / "tools"

CONFIG = """\
version: 1
lanes:
  own:
    model: hosted_vllm/llama
    provider: vllm
    failure_domain: vllm
    region: eu
    boundary: private
    price: {input_per_mtok: 0.1, output_per_mtok: 0.2}
    latency: {base_ms: 100, ms_per_output_token: 9}
    prior: {quality: 0.7}
    context_window: 100000
    max_output_tokens: 8192
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 30}
execution: {repeats: 3}
tools:
"""

ORDER = {"type": "string", "pattern": "^[0-9]{4}$"}
TOOLS: dict[str, dict[str, Any]] = {
    "look_up": {
        "version": "1",
        "effect": "read",
        "timeout_ms": 30_000,
        "description": "Read an order",
        "parameters": {"properties": {"order": ORDER}, "required": ["order"], "additionalProperties": False},
    },
    "refund": {
        "version": "2",
        "effect": "write",
        "approval": True,
        "idempotent": True,
        "timeout_ms": 30_000,
        "parameters": {
            "properties": {"order": ORDER, "cents": {"type": "integer", "minimum": 1, "maximum": 5000}},
            "required": ["order", "cents"],
            "additionalProperties": False,
        },
    },
    "note": {"version": "1", "effect": "write", "timeout_ms": 30_000, "parameters": {}},
}

REFUND: dict[str, Any] = {"order": "8812", "cents": 500}


def configured(**changed: Mapping[str, Any]) -> RouterConfig:
    """A configuration with these tools, some of their fields replaced."""
    tools = {name: {**tool, **changed.get(name, {})} for name, tool in TOOLS.items()}
    return parse_config(CONFIG + "".join(f"  {name}: {json.dumps(tool)}\n" for name, tool in tools.items()))


def toolbox(functions: Mapping[str, Callable[..., Any]], **changed: Any) -> ConfiguredTools:
    """A toolbox that does not wait between attempts."""
    approve = changed.pop("approve", None)
    return ConfiguredTools(configured(**changed), functions, approve=approve, attempts=quick())


def quick(retries: int = 1) -> Attempts:
    """Attempts without pauses."""

    async def no_pause(_: float) -> None:
        await asyncio.sleep(0)

    return Attempts(retries=retries, sleep=no_pause)


def planned(make_decision: Callable[..., RouteDecision], *names: str, **more: Any) -> RouteDecision:
    """A decision that plans these tools (by default all)."""
    tools = [
        {"name": name, "version": TOOLS[name]["version"], "effect": TOOLS[name]["effect"]} for name in names or TOOLS
    ]
    return make_decision(tools=tools, **more)


def ask(box: ConfiguredTools, decision: RouteDecision, name: str, arguments: Any, **more: Any) -> ToolCall:
    """One call, as a lane would ask for it."""
    return asyncio.run(asked(box, decision, name, arguments, **more))


async def asked(box: ConfiguredTools, decision: RouteDecision, name: str, arguments: Any, **more: Any) -> ToolCall:
    """``ask`` for callers with a loop."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    given = {"allowed": tuple(TOOLS), "before": (), **more}
    return await box.call(decision, ToolRequest("call_1", name, text), **given)


class Bank:
    """Counts what it was asked to pay."""

    def __init__(self, *, fails: int = 0, error: Exception | None = None, hangs_s: float = 0.0) -> None:
        self.paid: list[dict[str, Any]] = []
        self._fails, self._error, self._hangs_s = fails, error, hangs_s

    async def pay(self, **arguments: Any) -> dict[str, Any]:
        self.paid.append(arguments)
        await asyncio.sleep(self._hangs_s)
        if len(self.paid) <= self._fails and self._error is not None:
            raise self._error
        return {"refund": len(self.paid)}


def tool(parameters: dict[str, Any] | None = None, **more: Any) -> Tool:
    """A tool with these parameters."""
    return Tool.model_validate({"version": "1.4.2", "effect": "read", "parameters": parameters or {}, **more})


def level(old: Tool, new: Tool) -> Level | None:
    """The level that the changes between two tools ask for."""
    return tool_changes({"pay": old}, {"pay": new}).verdicts[0].needed


def config_of(name: str, **changed: Any) -> RouterConfig:
    """A configuration with the tools of one contract."""
    tools = {tool: each.as_tool() for tool, each in read_contracts(FOLDER / f"{name}.yaml").items()}
    said = {tool: {**each.model_dump(exclude_defaults=True), **changed.get(tool, {})} for tool, each in tools.items()}
    return parse_config(f"{CONFIG}  {json.dumps(said)}")
