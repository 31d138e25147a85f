"""A client that costs next to nothing, so that what is measured is the server: one request at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit


class Connection:
    """A connection that is kept. Use as a context."""

    def __init__(self, url: str, *, key: str | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._base = str(parts.hostname), int(parts.port or 80), parts.path.rstrip("/")
        self._headers = f"Host: {parts.netloc}\r\nContent-Type: application/json\r\n"
        if key is not None:
            self._headers += f"Authorization: Bearer {key}\r\n"

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, said: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        body = json.dumps(said).encode()
        head = f"POST {self._base}{path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = answer.decode("latin-1").split("\r\n")
        named = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        if "content-length" in named:
            return int(first.split()[1]), await self._reader.readexactly(int(named["content-length"]))
        return int(first.split()[1]), await self._chunks()

    async def _chunks(self) -> bytes:
        found = bytearray()
        while size := int((await self._reader.readline()).strip() or b"0", 16):
            found += await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()
        return bytes(found)
