"""A client that costs little: prepared requests over kept connections, from a process of its own.

``python -m benchmarks.serve.hammer PORT --concurrency 16 --seconds 5 < bodies`` reads one JSON body per line and prints
requests per second, p50 and p95 in milliseconds, and answers by status.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

_WARM_UP_S = 0.5


def prepared(body: bytes, *, path: str = "/v1/route", headers: Sequence[str] = ()) -> bytes:
    """A request as it is sent."""
    head = (f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", *headers)
    return "\r\n".join((*head, f"content-length: {len(body)}", "", "")).encode() + body


class Connection:
    """A kept connection of a caller who waits."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def call(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self._socket.sendall(request)
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        size = _length(data[:end])
        while len(data) < end + 4 + size:
            data += self._more()
        self._rest = data[end + 4 + size :]
        return int(data[9:12]), data[end + 4 : end + 4 + size]

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed the connection.")
        return data

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


async def _caller(
    port: int, requests: Sequence[bytes], first: int, until: float, seen: list[tuple[float, float, int]]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    index = first
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(requests[index % len(requests)])
        index += 1
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        seen.append((began, time.perf_counter() - began, int(head[9:12])))
    writer.close()


async def hammer(port: int, requests: Sequence[bytes], *, concurrency: int, seconds: float) -> dict[str, object]:
    """Rates and times of ``concurrency`` callers, each with one request at a time, after a short warm-up."""
    seen: list[tuple[float, float, int]] = []
    start = time.perf_counter() + _WARM_UP_S
    step = max(len(requests) // concurrency, 1)
    await asyncio.gather(*(_caller(port, requests, step * who, start + seconds, seen) for who in range(concurrency)))
    counted = [one for one in seen if start <= one[0] + one[1] <= start + seconds]
    times = 1000 * np.array([one[1] for one in counted])
    return {
        "all": len(seen),
        "per_second": len(counted) / seconds,
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
        "statuses": dict(Counter(str(one[2]) for one in counted)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Hammer and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--header", action="append", default=[])
    options = parser.parse_args(arguments)
    requests = [prepared(line.strip(), headers=options.header) for line in sys.stdin.buffer if line.strip()]
    found = asyncio.run(hammer(options.port, requests, concurrency=options.concurrency, seconds=options.seconds))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
