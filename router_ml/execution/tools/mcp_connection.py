"""One connection to a server of the Model Context Protocol, on a loop of its own, and how its end is noticed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from router_ml.errors import MissingExtraError
from router_ml.execution.tools.failures import ToolFailure

_MOST_PAGES = 100
_CLOSED, _INVALID = -32000, -32600  # codes of JSON-RPC, as the mcp library uses them
_ENDED = "the connection to the server has ended"


@dataclass(frozen=True)
class Listing:
    """What a server says of itself: its tools as objects of the mcp library, by their own names, and its version."""

    tools: Mapping[str, Any]
    version: str


class Connection:
    """One connection, which may end at any time; ``lost`` says that it has.

    Args:
        server: whatever ``mcp.Client`` takes. timeout_s: of connecting.

    Raises:
        MissingExtraError: mcp is not installed.
    """

    def __init__(self, server: Any, *, timeout_s: float) -> None:
        try:
            import mcp
        except ImportError:
            raise MissingExtraError("mcp", "mcp") from None
        self.lost = False
        self.ready: Future[Listing] = Future()
        self.ready.set_running_or_notify_cancel()  # nobody who waits for it can cancel it
        self._client: Any = mcp.Client(server)
        self._error = mcp.MCPError
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(timeout_s,), daemon=True)
        self._thread.start()

    async def call(self, name: str, arguments: Mapping[str, JsonValue], *, meta: Mapping[str, Any] | None) -> Any:
        """The result of a tool.

        Raises:
            ToolFailure: the connection has ended, before the call or during it.
        """
        work = self._client.call_tool(name, dict(arguments), meta=meta)
        try:
            sent = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            self.lost = True
            raise ToolFailure(_ENDED, nothing_done=True, transient=True) from None
        try:
            return await asyncio.wrap_future(sent)
        except self._error as error:
            gone = error.code == _INVALID and error.message == "Session terminated"  # known to no server any more
            if not gone and error.code != _CLOSED:
                raise
            self.lost = True
            raise ToolFailure(_ENDED, nothing_done=gone, transient=True) from None

    def close(self, *, wait_s: float = 0.0) -> None:
        """End it."""
        try:
            self._loop.call_soon_threadsafe(self._stop.set)
        except RuntimeError:  # it has ended
            return
        self._thread.join(timeout=wait_s)

    def _run(self, timeout_s: float) -> None:
        try:
            self._loop.run_until_complete(self._connected(timeout_s))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the connection
            self.lost = True
            if not self.ready.done():
                self.ready.set_exception(error)
        finally:
            self.lost = True
            self._loop.run_until_complete(self._end_all())
            self._loop.close()

    async def _end_all(self) -> None:
        """Calls that still wait are told that nothing will come."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _connected(self, timeout_s: float) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(timeout_s):
                await stack.enter_async_context(self._client)
                tools = await _listed_by(self._client)
            about = self._client.server_info
            self.ready.set_result(Listing(tools, str(getattr(about, "version", None) or "1")))
            await self._stop.wait()


async def _listed_by(client: Any) -> dict[str, Any]:
    listed, cursor = {}, None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        listed.update({each.name: each for each in page.tools})
        cursor = page.next_cursor
        if cursor is None:
            break
    return listed
