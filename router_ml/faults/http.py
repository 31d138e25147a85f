"""As much of HTTP/1.1 as clients of models speak."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

_LARGEST = 64 * 2**20  # bytes of a body


@dataclass(frozen=True)
class Incoming:
    """One request; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def read(self) -> dict[str, Any]:
        """Its body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


async def read(reader: asyncio.StreamReader) -> Incoming | None:
    """The next request of a connection; None where there is none, or none that can be read."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if headers.get("transfer-encoding") == "chunked":
            return Incoming(method, path, headers, await _chunks(reader))
        length = int(headers.get("content-length") or 0)
        if length > _LARGEST:
            return None
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, ConnectionError):
        return None
    return Incoming(method, path, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        found += (await reader.readexactly(size + 2))[:-2]
        if len(found) > _LARGEST:
            raise ValueError("too large")
    await reader.readuntil(b"\r\n")
    return found


def head(status: int, kind: str, *, length: int | None, headers: dict[str, str] | None = None) -> bytes:
    """Status line and headers; ``length`` None: the body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} {_phrase(status)}\r\nContent-Type: {kind}\r\n{size}\r\n{more}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a body; the empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded"
