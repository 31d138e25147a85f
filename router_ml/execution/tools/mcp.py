"""Tools of a server that speaks the Model Context Protocol."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from pydantic import JsonValue

from router_ml.config.execution import Tool
from router_ml.errors import InvalidRequestError, MissingExtraError
from router_ml.execution.tools.failures import ToolFailure

T = TypeVar("T")
_LONGEST = 64
_MOST_PAGES = 100
_KEY = "router-ml/idempotency-key"


def tools_from_mcp(listed: Iterable[Any], *, version: str = "1") -> dict[str, Tool]:
    """Tools as a server lists them: objects of the mcp library, or the JSON of a ``tools/list`` answer.

    What says ``readOnlyHint`` reads; everything else writes, and needs an approval unless it says that it destroys
    nothing. These are a server's own words about itself: read them before they go into ``router.yaml``.
    """
    return {_name(said["name"]): _tool(said, version) for said in map(_plain, listed)}


def _name(name: str) -> str:
    """A name in characters that every vendor takes for a function."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:_LONGEST]


def _plain(tool: Any) -> dict[str, Any]:
    said = tool if isinstance(tool, Mapping) else tool.model_dump(by_alias=True, exclude_none=True)
    if not isinstance(said.get("name"), str) or not isinstance(said.get("inputSchema"), Mapping):
        raise InvalidRequestError(
            "Found a tool without name or inputSchema, expected the tools of a tools/list answer."
        )
    return dict(said)


def _tool(said: Mapping[str, Any], version: str) -> Tool:
    hints: Mapping[str, Any] = said.get("annotations") or {}
    reads = hints.get("readOnlyHint") is True
    return Tool(
        version=version,
        effect="read" if reads else "write",
        description=str(said.get("description") or said.get("title") or ""),
        approval=not reads and hints.get("destructiveHint") is not False,
        idempotent=reads or hints.get("idempotentHint") is True,
        parameters=dict(said["inputSchema"]),
        result=dict(said.get("outputSchema") or {}),
    )


class McpServer:
    """A connection to a server, on a loop of its own, so that its tools can be called from any other.

    Args:
        server: the URL of one (Streamable HTTP), ``StdioServerParameters`` of one to start, or whatever else
            ``mcp.Client`` takes.
        timeout_s: of connecting; the contract of a tool limits its calls.

    Raises:
        ToolFailure: no connection.
        MissingExtraError: mcp is not installed.
    """

    def __init__(self, server: Any, *, timeout_s: float = 10.0) -> None:
        try:
            import mcp
        except ImportError:
            raise MissingExtraError("mcp", "mcp") from None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, args=(mcp.Client(server), timeout_s), daemon=True)
        self._thread.start()
        try:
            self._client, listed, self.version = self._ready.result()
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            raise ToolFailure(f"no connection to the server ({type(error).__name__})", nothing_done=True) from None
        self._listed = {_name(each.name): each for each in listed}

    @property
    def tools(self) -> dict[str, Tool]:
        """What it lists now, to be read and put into ``router.yaml``."""
        return tools_from_mcp(self._listed.values(), version=self.version)

    def functions(self, tools: Mapping[str, Tool]) -> dict[str, McpTool]:
        """A function for each of ``tools`` that it lists.

        Raises:
            InvalidRequestError: it lists one with other parameters, or describes it in other words, than was agreed to.
        """
        listed = self.tools
        moved = [
            name
            for name in listed.keys() & tools.keys()
            if (listed[name].parameters, listed[name].description) != (tools[name].parameters, tools[name].description)
        ]
        if moved:
            names = ", ".join(sorted(moved))
            raise InvalidRequestError(
                f"The server now says something else of {names} than router.yaml. Import it again."
            )
        return {name: McpTool(self, self._listed[name].name) for name in listed if name in tools}

    async def call(self, name: str, arguments: Mapping[str, JsonValue], *, key: str | None = None) -> JsonValue:
        """The result of a tool: what it returns as structured content, else the text of its content.

        Raises:
            ToolFailure: the tool says that it failed.
        """
        meta = None if key is None else {_KEY: key}
        result = await self._elsewhere(self._client.call_tool(name, dict(arguments), meta=meta))
        if result.is_error:
            raise ToolFailure("the tool says that it failed")
        if result.structured_content is not None:
            found: JsonValue = result.structured_content
            return found
        parts = [part.text if part.type == "text" else f"[{part.type}]" for part in result.content]
        return "\n".join(parts)

    def close(self) -> None:
        """End the connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _elsewhere(self, work: Coroutine[Any, Any, T]) -> T:
        if not self._thread.is_alive():
            work.close()
            raise ToolFailure("the connection to the server has ended", nothing_done=True)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _run(self, client: Any, timeout_s: float) -> None:
        try:
            self._loop.run_until_complete(self._connected(client, timeout_s))
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the connection
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _connected(self, client: Any, timeout_s: float) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(timeout_s):
                await stack.enter_async_context(client)
                listed = await _listed_by(client)
            about = client.server_info
            self._ready.set_result((client, listed, str(getattr(about, "version", None) or "1")))
            await self._stop.wait()


async def _listed_by(client: Any) -> list[Any]:
    listed, cursor = [], None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        listed.extend(page.tools)
        cursor = page.next_cursor
        if cursor is None:
            break
    return listed


class McpTool:
    """A function of a tool, for ``ConfiguredTools``: one tool of one server."""

    def __init__(self, server: McpServer, name: str) -> None:
        self._server = server
        self._name = name

    async def __call__(self, idempotency_key: str | None = None, /, **arguments: JsonValue) -> JsonValue:
        """See ``McpServer.call``."""
        return await self._server.call(self._name, arguments, key=idempotency_key)
