"""Servers in processes of their own: started, waited for, their processor time read, ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")
SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Running:
    """A server: where it listens, its process, and what a client says to be let in."""

    url: str
    pid: int
    key: str | None = None

    def cpu_ms(self) -> float:
        """Milliseconds of the processor that it has used so far, its children included."""
        return sum(_cpu_ms(pid) for pid in (self.pid, *_children(self.pid)))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], *, port: int, alive: str, said: Path, environ: Mapping[str, str], key: str | None = None
) -> Iterator[Running]:
    """A server until the end of the context.

    Args:
        alive: a path that answers once it serves. said: a file for what it prints.

    Raises:
        RuntimeError: it ended, or does not answer.
    """
    with said.open("w") as out:
        process = subprocess.Popen(command, cwd=said.parent, env=dict(environ), stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{url}{alive}", said)
        yield Running(url, process.pid, key)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def uvicorn(factory: str, *, port: int) -> list[str]:
    """The command that serves an application as ``router-ml serve`` does."""
    how = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", "--factory", factory, *how, "--log-level", "warning"]


def _wait(process: subprocess.Popen[bytes], url: str, said: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended: {said.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The server does not answer: {said.read_text()[-2000:]}")


def _cpu_ms(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return 1000 * (int(fields[11]) + int(fields[12])) / _TICKS


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(one) for one in found]
