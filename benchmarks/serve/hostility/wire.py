"""Bytes on a connection of their own, and whatever comes back."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

MOST = 4_000_000  # bytes of an answer that are read
QUIET_S = 1.0


@dataclass(frozen=True)
class Reply:
    """What came back. ``status``: of the first answer, None where there was none; ``hung``: the connection was neither
    answered nor closed in time; ``refused``: it could not even be made."""

    data: bytes
    seconds: float
    hung: bool = False
    refused: bool = False

    @property
    def status(self) -> int | None:
        """The status of the first answer."""
        start = self.data[:12]
        return int(start[9:12]) if start.startswith(b"HTTP/1.") and start[9:12].isdigit() else None

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of every answer on the connection."""
        parts = self.data.split(b"HTTP/1.1 ")[1:]
        return tuple(int(part[:3]) for part in parts if part[:3].isdigit())


def send(port: int, pieces: list[tuple[bytes, float]], *, timeout: float, gone: bool = False) -> Reply:
    """Send pieces, each after its pause, and read until the other side closes, has said something and then nothing for
    a while, or ``timeout`` seconds have gone. ``gone``: half the connection is closed once all is sent."""
    began = time.monotonic()
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    except OSError:
        return Reply(b"", time.monotonic() - began, refused=True)
    found = bytearray()
    with connection:
        try:
            for data, pause in pieces:
                time.sleep(pause)
                connection.sendall(data)
            if gone:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough; what it said stands
        hung = _read(connection, found, began + timeout)
    return Reply(bytes(found), time.monotonic() - began, hung=hung)


def _read(connection: socket.socket, found: bytearray, until: float) -> bool:
    """Add what comes; whether the time was up before it closed."""
    while len(found) < MOST:
        left = until - time.monotonic()
        if left <= 0:
            return True
        connection.settimeout(min(left, QUIET_S) if found else left)
        try:
            piece = connection.recv(65_536)
        except TimeoutError:
            return not found
        except OSError:
            return False
        if not piece:
            return False
        found += piece
    return False
