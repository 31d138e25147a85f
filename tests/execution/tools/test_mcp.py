"""Tools of an MCP server are imported with care, and called through the real library."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.config.execution import Tool
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.mcp import McpServer, tools_from_mcp

mcp = pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def shop() -> Iterator[McpServer]:
    """A connection to a server of this process."""
    from tests.execution.mcp_server import server

    with McpServer(server) as connected:
        yield connected


def test_what_a_server_does_not_say_counts_against_it(shop: McpServer) -> None:
    said = {name: (tool.effect, tool.approval, tool.idempotent) for name, tool in shop.tools.items()}
    assert said == {
        "order_read": ("read", False, True),
        "refund_pay": ("write", True, True),
        "note": ("write", False, False),
    }
    bare = tools_from_mcp([{"name": "wipe", "inputSchema": {"type": "object"}}])["wipe"]
    assert (bare.effect, bare.approval, bare.idempotent, bare.version) == ("write", True, False, "1")
    with pytest.raises(InvalidRequestError, match="tools/list"):
        tools_from_mcp([{"name": "wipe"}])


def test_contracts_hold_schema_description_and_version(shop: McpServer) -> None:
    tool = shop.tools["refund_pay"]
    assert (tool.description, tool.version) == ("Pay back", "3.1")
    assert tool.parameters["required"] == ["order", "cents"]


def test_tools_are_called_from_any_loop(shop: McpServer) -> None:
    functions = shop.functions(shop.tools)
    for _ in range(2):
        assert asyncio.run(functions["order_read"](order="8812")) == {"order": "8812", "status": "paid"}
    paid: Any = asyncio.run(functions["refund_pay"]("dec-1:refund:ab", order="8812", cents=5))
    assert "paid 5 for 8812" in str(paid)


def test_what_a_tool_says_of_its_failure_is_not_repeated(shop: McpServer) -> None:
    with pytest.raises(ToolFailure) as failed:
        asyncio.run(shop.functions(shop.tools)["note"](text="a secret"))
    assert str(failed.value) == "the tool says that it failed"


def test_a_server_that_changes_what_was_agreed_to_is_not_called(shop: McpServer) -> None:
    """What it says of a tool goes to every lane; new words are read by a person first."""
    for change in ({"description": "Pay back what you like"}, {"parameters": {"type": "object"}}):
        agreed = {**shop.tools, "refund_pay": shop.tools["refund_pay"].model_copy(update=change)}
        with pytest.raises(InvalidRequestError, match=r"something else of refund_pay \(\w+\) than router\.yaml"):
            shop.functions(agreed)


def test_only_tools_that_are_configured_get_a_function(shop: McpServer) -> None:
    other = Tool(version="1", effect="read")
    assert list(shop.functions({"order_read": shop.tools["order_read"], "elsewhere": other})) == ["order_read"]


def test_a_server_is_started_as_a_process_and_ended(root: Path) -> None:
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "tests.execution.mcp_server"], cwd=str(root)
    )
    server = McpServer(command, timeout_s=60)
    functions = server.functions(server.tools)
    assert asyncio.run(functions["order_read"](order="1"))["status"] == "paid"  # type: ignore[index,call-overload]
    server.close()
    with pytest.raises(ToolFailure, match="connection to the server has ended"):
        asyncio.run(functions["order_read"](order="1"))


def _anything(text: str) -> str:
    """Do what it says"""
    return text


class Restarted:
    """A server as a process that a test can kill, which may come back in other words."""

    def __init__(self, root: Path, *, then: str = "Read an order") -> None:
        source = (root / "tests/execution/mcp_server.py").read_text(encoding="utf-8")
        self.note = root / "note"
        code = f"""
import os, pathlib
note = pathlib.Path({str(self.note)!r})
again = note.exists()
note.write_text(str(os.getpid()))
exec({source!r}.replace("Read an order", {then!r} if again else "Read an order"))
"""
        self.command = mcp.StdioServerParameters(command=sys.executable, args=["-c", code])

    def kill(self) -> None:
        os.kill(int(self.note.read_text()), signal.SIGKILL)


@pytest.fixture
def place(root: Path, tmp_path: Path) -> Path:
    (tmp_path / "tests/execution").mkdir(parents=True)
    (tmp_path / "tests/execution/mcp_server.py").write_bytes((root / "tests/execution/mcp_server.py").read_bytes())
    return tmp_path


def test_a_connection_that_ended_is_opened_again_by_the_next_call(place: Path) -> None:
    process = Restarted(place)
    with McpServer(process.command, timeout_s=60) as server:
        functions = server.functions(server.tools)
        asyncio.run(functions["order_read"](order="1"))
        process.kill()
        with pytest.raises(ToolFailure, match="has ended") as ended:
            asyncio.run(functions["refund_pay"]("key", order="1", cents=5))
        assert (ended.value.nothing_done, ended.value.transient) == (
            False,
            True,
        )  # it may have been done before the end

        async def at_once() -> list[Any]:
            return await asyncio.gather(*(functions["order_read"](order="2") for _ in range(3)))

        assert asyncio.run(at_once()) == [{"order": "2", "status": "paid"}] * 3


def test_a_server_that_comes_back_in_other_words_is_not_called(place: Path) -> None:
    process = Restarted(place, then="Read what you like")
    with McpServer(process.command, timeout_s=60) as server:
        functions = server.functions(server.tools)
        process.kill()
        with pytest.raises(ToolFailure, match="has ended"):
            asyncio.run(functions["order_read"](order="1"))
        with pytest.raises(ToolFailure, match="now says something else of this tool"):
            asyncio.run(functions["order_read"](order="1"))
        with pytest.raises(ToolFailure, match="the tool says that it failed"):
            asyncio.run(functions["note"](text="a"))  # of which it says what it said


def test_two_tools_that_would_have_one_name_are_an_error() -> None:
    listed = [{"name": name, "inputSchema": {"type": "object"}} for name in ("order.read", "order_read")]
    with pytest.raises(InvalidRequestError, match=r"'order.read' and 'order_read', which are both order_read here"):
        tools_from_mcp(listed)
    from mcp.server import MCPServer

    server: Any = MCPServer("shop")
    for name in ("order.read", "order_read"):
        server.tool(name=name)(_anything)
    with pytest.raises(InvalidRequestError, match="Rename one"):
        McpServer(server)


@pytest.mark.parametrize(
    ("name", "agreed", "said"),
    [
        ("wipe", {"effect": "read"}, "it writes"),
        ("pay", {"effect": "write", "idempotent": True}, "it is not idempotent"),
        ("pay", {"effect": "read"}, None),  # it does not say that it writes: whoever reads its code knows better
        ("look", {"effect": "write", "approval": True}, None),  # stricter than it asks for
    ],
)
def test_what_a_server_says_that_a_tool_does_is_not_more_than_was_agreed_to(
    name: str, agreed: dict[str, Any], said: str | None
) -> None:
    from mcp.server import MCPServer
    from mcp.types import ToolAnnotations

    server: Any = MCPServer("shop")
    server.tool(name="wipe", annotations=ToolAnnotations(readOnlyHint=False))(_anything)
    server.tool(name="pay", annotations=ToolAnnotations(idempotentHint=False))(_anything)
    server.tool(name="look", annotations=ToolAnnotations(readOnlyHint=True))(_anything)
    with McpServer(server) as connected:
        tools = {name: connected.tools[name].model_copy(update=agreed)}
        if said is None:
            assert list(connected.functions(tools)) == [name]
            return
        with pytest.raises(InvalidRequestError, match=said):
            connected.functions(tools)


def test_a_server_that_cannot_be_reached_is_an_error_at_once() -> None:
    with pytest.raises(ToolFailure, match="no connection to the server"):
        McpServer("http://127.0.0.1:9/mcp", timeout_s=20)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    command = mcp.StdioServerParameters(command=sys.executable, args=["-c", "import time; time.sleep(60)"])
    with pytest.raises(ToolFailure, match="no connection to the server"):
        McpServer(command, timeout_s=0.3)
