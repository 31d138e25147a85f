"""One worker process: started, asked within a deadline, ended. Nothing here starts it again; ``keeper`` does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_CHILD = Path(__file__).with_name("child.py")
_HEADER = struct.Struct(">II")
_MOST_REPLY_BYTES = 1 << 20
_CHUNK = 1 << 16
_REAP_S = 1.0
_NUMBERS = 1 << 32
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # a program may have made SIGPIPE deadly


class Unanswered(Exception):  # noqa: N818 - not an error of the caller; it becomes a fault and never leaves the package
    """Why there is no answer, as the end of a sentence that starts with the detector's name."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a worker runs: the source as it was read once, so that a restart runs what was hashed."""

    path: str
    source: str
    paths: tuple[str, ...]
    memory_bytes: int
    start_s: float
    deadline_s: float


class Worker:
    """A running process. One question at a time; after ``Unanswered`` it is in no known state and must be ended.

    Its environment holds ``PATH`` and a temporary folder of its own, which is also where it runs. It leads a process
    group, so that what it starts ends with it.
    """

    def __init__(self, program: Program) -> None:
        self._ending = threading.Lock()
        self._number = 0
        with ExitStack() as undo:
            try:
                self._folder = tempfile.mkdtemp(prefix="router-ml-")
                undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
                self._socket, theirs = socket.socketpair()
                undo.callback(self._socket.close)
                with theirs:
                    self._process = self._spawn(theirs.fileno())
            except OSError as error:
                raise Unanswered(f"could not be started: {error.strerror}") from None
            undo.pop_all()
        self.declared: dict[str, Any] = {}
        try:
            self.declared = self.ask(encode(asdict(program)), within_s=program.start_s)
        except BaseException:
            self.end()
            raise

    def _spawn(self, channel: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", str(_CHILD)],
            stdin=channel,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": self._folder},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, body: bytes, *, within_s: float) -> dict[str, Any]:
        """Send a question and wait for its answer.

        Raises:
            Unanswered: the deadline passed, the process is gone, or what came is no answer.
        """
        until = time.monotonic() + within_s
        self._number = (self._number + 1) % _NUMBERS
        try:
            self._socket.settimeout(within_s)
            self._socket.sendall(_HEADER.pack(len(body), self._number) + body, _NO_SIGNAL)
            reply = self._receive(until)
        except (TimeoutError, BlockingIOError):
            raise Unanswered(f"missed its deadline of {within_s * 1000:g} ms") from None
        except OSError:
            raise Unanswered("stopped") from None
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Unanswered("sent an answer that cannot be read")
        return reply

    def _receive(self, until: float) -> object:
        size, number = _HEADER.unpack(self._exactly(_HEADER.size, until))
        if size > _MOST_REPLY_BYTES or number != self._number:
            return None
        return json.loads(self._exactly(size, until))

    def _exactly(self, size: int, until: float) -> bytes:
        """So many bytes. What has arrived counts, even when this thread comes to it late."""
        received = bytearray()
        while len(received) < size:
            self._socket.settimeout(max(0.0, until - time.monotonic()))
            chunk = self._socket.recv(min(size - len(received), _CHUNK))
            if not chunk:
                raise ConnectionError
            received += chunk
        return bytes(received)

    def stop(self) -> None:
        """Kill the process and what it started. Safe from any thread: a question under way ends unanswered."""
        with self._ending:
            if self._process.returncode is None:  # not reaped yet, so the id is still its own
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_REAP_S)

    def end(self) -> None:
        """``stop``, and give back what it used; not while another thread asks."""
        self.stop()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def disown(self) -> None:
        """Let go of a process that belongs to the process this one was forked from."""
        self._socket.close()
        self._process.returncode = 0


def encode(question: object) -> bytes:
    """A question as JSON; lone surrogates stay apart, so that offsets count the same characters on both sides."""
    return json.dumps(question, ensure_ascii=False).encode("utf-8", "surrogatepass")
