"""A server on loopback that sends exactly the bytes a test wants, and remembers what came."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Writer = asyncio.StreamWriter
Answer = Callable[[str, Writer], Awaitable[None]]
"""What to write for a path. It may close the connection or wait."""


@dataclass
class Wire:
    """``closed`` is set once a client has let go of a connection that was still being answered."""

    url: str = ""
    answer: Answer | None = None
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                headers = {name.lower(): value for name, value in headers.items()}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path = head.split()[1]
                self.seen.append((path, headers, json.loads(body or b"{}")))
                assert self.answer is not None
                work = asyncio.ensure_future(self.answer(path, writer))
                gone = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    self.closed.set()
                    work.cancel()
                    return
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Wire]:
    """The server, while the block runs."""
    wire = Wire(answer=answer)
    open_: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.ensure_future(wire.handle(reader, writer))
        open_.add(task)
        task.add_done_callback(open_.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


def whole(body: object, *, status: int = 200, kind: str = "application/json", extra: str = "") -> Answer:
    """One answer: JSON, or bytes as they are."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(_: str, writer: Writer) -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(sent)}\r\n{extra}\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()

    return answer


def streamed(events: list[bytes], *, cut: bool = False, hang: bool = False) -> Answer:
    """Server-sent events; ``cut``: the connection drops after them; ``hang``: nothing more comes."""

    async def answer(_: str, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in events:
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0)
        if hang:
            await asyncio.sleep(30)
        if cut:
            writer.close()
            return
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return answer


async def dropped(_: str, writer: Writer) -> None:
    """The connection is closed without a word."""
    writer.close()


async def hanging(_: str, __: Writer) -> None:
    """Nothing ever comes."""
    await asyncio.sleep(30)


def event(data: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    said = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {said}\n\n".encode()
