"""A server of the Model Context Protocol for tests: started as a process, or used in this one."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server: Any = MCPServer("shop", version="3.1")


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def order_read(order: str) -> dict[str, Any]:
    """Read an order"""
    return {"order": order, "status": "paid"}


@server.tool(name="refund.pay", annotations=ToolAnnotations(idempotentHint=True))
def refund(order: str, cents: int) -> str:
    """Pay back"""
    return f"paid {cents} for {order}"


@server.tool(annotations=ToolAnnotations(destructiveHint=False))
def note(text: str) -> str:
    """Add a note"""
    raise ValueError(text)


if __name__ == "__main__":
    server.run("stdio")
