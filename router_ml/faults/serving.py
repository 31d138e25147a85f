"""One connection: what comes in, and what goes out under a fault."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from email.utils import formatdate
from time import time
from types import ModuleType
from typing import NamedTuple, Protocol

from router_ml.faults import anthropic_shape, http, openai_shape
from router_ml.faults.answers import Said, answer
from router_ml.faults.asked import Asked, NotARequestError, read_anthropic, read_openai
from router_ml.faults.fault import Fault
from router_ml.faults.fitting import NotASchemaError

JSON, EVENTS, HTML = "application/json", "text/event-stream; charset=utf-8", "text/html"

_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_TRICKLES = 8
_ERRORS = ("rate_limit", "server_error", "unauthorized", "context_overflow")


class Met(NamedTuple):
    """What a call meets: a fault, its number, and what is said under the fault (None: what suits the request)."""

    fault: Fault
    number: int
    said: Said | None = None


class Director(Protocol):
    """Who says what happens to a call, and writes it down."""

    def next_fault(self, incoming: http.Incoming, asked: Asked) -> Met:
        """What this call meets."""
        ...

    def look(self, path: str) -> dict[str, object] | None:
        """What is told about the server itself; None where the path is unknown."""
        ...


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, director: Director) -> None:
    """Answer requests until the client, or a fault, closes the connection."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else pieces wait for 40 ms
    try:
        while (incoming := await http.read(reader)) is not None:
            if not await _respond(incoming, reader, writer, director):
                break
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass  # the client has gone, as clients do that stop waiting; or the server has been closed
    finally:
        writer.close()


async def _respond(
    incoming: http.Incoming, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, director: Director
) -> bool:
    """Answer one request; whether the connection goes on."""
    path = incoming.path.partition("?")[0].rstrip("/")
    shape: ModuleType
    try:
        if incoming.method == "POST" and path.endswith("/messages"):
            shape, asked = anthropic_shape, read_anthropic(incoming.read())
        elif incoming.method == "POST" and path.endswith("/chat/completions"):
            shape, asked = openai_shape, read_openai(incoming.read())
        else:
            told = director.look(path)
            _send(writer, told or {"error": {"message": f"Unknown path {path}."}}, status=404 if told is None else 200)
            return True
    except NotARequestError as error:
        return _refuse(writer, error)
    met = director.next_fault(incoming, asked)
    try:
        return await _under(met, shape, asked, reader, writer)
    except NotASchemaError as error:  # nothing has been written by then
        return _refuse(writer, error)


async def _under(
    met: Met,
    shape: ModuleType,
    asked: Asked,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    fault, number = met.fault, met.number
    if fault.delay_ms and fault.kind != "slow_stream":
        await asyncio.sleep(fault.delay_ms / 1000)
    if fault.kind == "hang":
        await reader.read(1)  # until the client gives up
        return False
    if fault.kind == "dropped" and fault.form == "before":
        writer.transport.abort()
        return False
    if fault.kind == "html":
        writer.write(http.head(fault.status, HTML, length=len(_PAGE)) + _PAGE)
        return True
    if fault.kind in _ERRORS or (fault.kind == "content_filter" and fault.form == "error"):
        status = 400 if fault.kind == "content_filter" else fault.status
        _send(writer, _error(shape, fault, asked), status=status, headers=_again(fault))
        return True
    said = answer(asked, fault, met.said)
    if asked.stream:
        return await _stream(fault, shape.events(asked, said, number), writer)
    return await _whole(fault, json.dumps(shape.body(asked, said, number), ensure_ascii=False).encode(), writer)


def _refuse(writer: asyncio.StreamWriter, error: ValueError) -> bool:
    """Say what is wrong with a request, as vendors do, whatever fault it was to meet."""
    wrong = {"message": str(error), "type": "invalid_request_error", "code": None}
    _send(writer, {"type": "error", "error": wrong}, status=400)
    return True


def _error(shape: ModuleType, fault: Fault, asked: Asked) -> dict[str, object]:
    """An error in the shape of the address, or in that which the fault names."""
    named = {"anthropic": anthropic_shape, "openai": openai_shape, "vllm": openai_shape}.get(fault.form, shape)
    found: dict[str, object] = named.error(fault, asked)
    return found


def _again(fault: Fault) -> dict[str, str]:
    if fault.kind != "rate_limit" or fault.form == "silent":
        return {}
    date = fault.form == "date"
    return {"Retry-After": formatdate(time() + fault.retry_after, usegmt=True) if date else f"{fault.retry_after:g}"}


async def _whole(fault: Fault, body: bytes, writer: asyncio.StreamWriter) -> bool:
    if fault.kind == "malformed":
        body = body[: len(body) // 2]
    writer.write(http.head(fault.status, JSON, length=len(body)))
    if fault.kind in ("dropped", "mid_stream_drop"):
        writer.write(body[: len(body) // 2])
        return await _break(writer)
    size = max(1, len(body) // _TRICKLES) if fault.kind == "slow_stream" else len(body) or 1
    for start in range(0, len(body), size):
        if start:
            await writer.drain()
            await asyncio.sleep(fault.delay_ms / 1000)
        writer.write(body[start : start + size])
    return True


async def _stream(fault: Fault, events: Iterator[bytes], writer: asyncio.StreamWriter) -> bool:
    writer.write(http.head(fault.status, EVENTS, length=None))
    pieces = list(events)
    broken = fault.kind in ("dropped", "mid_stream_drop")
    if broken:
        pieces = pieces[: max(1, len(pieces) // 2)]
    if fault.kind == "malformed":
        pieces = [*pieces[:1], _half(pieces[1])]
    for at, piece in enumerate(pieces):
        if at and fault.kind == "slow_stream":
            await writer.drain()
            await asyncio.sleep(fault.delay_ms / 1000)
        writer.write(http.chunk(piece))
    if broken:
        return await _break(writer)
    writer.write(http.chunk(b""))
    return True


def _half(event: bytes) -> bytes:
    """An event whose JSON ends in the middle."""
    name, data, told = event.rstrip().partition(b"data: ")
    return name + data + told[: len(told) // 2] + b"\n\n"


async def _break(writer: asyncio.StreamWriter) -> bool:
    """Close in the middle, once what was written has gone out."""
    await writer.drain()
    await asyncio.sleep(0)
    writer.close()
    return False


def _send(
    writer: asyncio.StreamWriter, value: dict[str, object], *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    writer.write(http.head(status, JSON, length=len(body), headers=headers) + body)
