"""Tools of a server that speaks the Model Context Protocol."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from pydantic import JsonValue

from router_ml.config.execution import Tool
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.mcp_connection import Connection, Listing

_LONGEST = 64
_KEY = "router-ml/idempotency-key"


def tools_from_mcp(listed: Iterable[Any], *, version: str = "1") -> dict[str, Tool]:
    """Tools as a server lists them: objects of the mcp library, or the JSON of a ``tools/list`` answer.

    What says ``readOnlyHint`` reads; everything else writes, and needs an approval unless it says that it destroys
    nothing. These are a server's own words about itself: read them before they go into ``router.yaml``.

    Raises:
        InvalidRequestError: these are no tools, or two have the same name but for characters that vendors do not take.
    """
    return {name: _tool(said, version) for name, said in _named(listed).items()}


def _named(listed: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """What is said of each tool, by the name that it has here."""
    named: dict[str, dict[str, Any]] = {}
    for said in map(_plain, listed):
        name = _name(said["name"])
        if name in named:
            raise InvalidRequestError(
                f"Found tools {named[name]['name']!r} and {said['name']!r}, which are both {name} here. Rename one."
            )
        named[name] = said
    return named


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


def _differences(name: str, said: Mapping[str, Any], agreed: Tool) -> Iterator[str]:
    """What a server says of a tool beside what ``router.yaml`` says. A hint that it does not give says nothing: people
    know better; one that it gives must not be worse than what was agreed to."""
    now = _tool(said, agreed.version)
    hints: Mapping[str, Any] = said.get("annotations") or {}
    if now.parameters != agreed.parameters:
        yield f"{name} (parameters)"
    if now.description != agreed.description:
        yield f"{name} (description)"
    writes = hints.get("readOnlyHint") is False or (now.effect == "write" and hints.get("destructiveHint") is True)
    if agreed.effect == "read" and writes:
        yield f"{name} (it writes)"
    if agreed.idempotent and now.effect == "write" and hints.get("idempotentHint") is False:
        yield f"{name} (it is not idempotent)"


class McpServer:
    """A server whose tools can be called from any loop. A connection that ends is opened again by the next call.

    Args:
        server: the URL of one (Streamable HTTP), ``StdioServerParameters`` of one to start, or whatever else
            ``mcp.Client`` takes.
        timeout_s: of connecting; the contract of a tool limits its calls.

    Raises:
        ToolFailure: no connection.
        InvalidRequestError: it lists two tools whose names are the same here.
        MissingExtraError: mcp is not installed.
    """

    def __init__(self, server: Any, *, timeout_s: float = 10.0) -> None:
        self._server, self._timeout_s = server, timeout_s
        self._closed = False
        self._lock = threading.Lock()
        self._connection = Connection(server, timeout_s=timeout_s)
        try:
            self._listing = self._connection.ready.result()
            self._listed = _named(self._listing.tools.values())
        except InvalidRequestError:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            raise _no_connection(error) from None

    @property
    def version(self) -> str:
        """Of the server, as it said first."""
        return self._listing.version

    @property
    def tools(self) -> dict[str, Tool]:
        """What it listed first, to be read and put into ``router.yaml``."""
        return tools_from_mcp(self._listing.tools.values(), version=self.version)

    def functions(self, tools: Mapping[str, Tool]) -> dict[str, McpTool]:
        """A function for each of ``tools`` that it lists.

        Raises:
            InvalidRequestError: it lists one with other parameters, describes it in other words, or says that it does
                more, than was agreed to.
        """
        both = {name: said for name, said in self._listed.items() if name in tools}
        moved = [each for name, said in both.items() for each in _differences(name, said, tools[name])]
        if moved:
            raise InvalidRequestError(
                f"The server now says something else of {', '.join(moved)} than router.yaml. Import it again."
            )
        return {name: McpTool(self, said["name"]) for name, said in both.items()}

    async def call(self, name: str, arguments: Mapping[str, JsonValue], *, key: str | None = None) -> JsonValue:
        """The result of a tool: what it returns as structured content, else the text of its content.

        Raises:
            ToolFailure: the tool says that it failed, the connection ended, or a server that came back says something
                else of the tool.
        """
        connection = self._open()
        try:
            listing = await asyncio.wrap_future(connection.ready)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises
            raise _no_connection(error) from None
        if _said_of(name, listing) != _said_of(name, self._listing):
            raise ToolFailure("the server now says something else of this tool", nothing_done=True)
        result = await connection.call(name, arguments, meta=None if key is None else {_KEY: key})
        if result.is_error:
            raise ToolFailure("the tool says that it failed")
        if result.structured_content is not None:
            found: JsonValue = result.structured_content
            return found
        parts = [part.text if part.type == "text" else f"[{part.type}]" for part in result.content]
        return "\n".join(parts)

    def close(self) -> None:
        """End the connection; it is not opened again."""
        with self._lock:
            self._closed = True
        self._connection.close(wait_s=5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Connection:
        """The connection, a new one where it has ended."""
        with self._lock:
            if self._closed:
                raise ToolFailure("the connection to the server has ended", nothing_done=True)
            if self._connection.lost:
                self._connection.close()
                self._connection = Connection(self._server, timeout_s=self._timeout_s)
            return self._connection


def _no_connection(error: BaseException) -> ToolFailure:
    return ToolFailure(f"no connection to the server ({type(error).__name__})", nothing_done=True)


def _said_of(name: str, listing: Listing) -> dict[str, Any] | None:
    return _plain(listing.tools[name]) if name in listing.tools else None


class McpTool:
    """A function of a tool, for ``ConfiguredTools``: one tool of one server."""

    def __init__(self, server: McpServer, name: str) -> None:
        self._server = server
        self._name = name

    async def __call__(self, idempotency_key: str | None = None, /, **arguments: JsonValue) -> JsonValue:
        """See ``McpServer.call``."""
        return await self._server.call(self._name, arguments, key=idempotency_key)
