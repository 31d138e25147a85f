"""Runs the Python of an answer against tests, in processes of its own behind a fence.

What the fence holds. Limits of the kernel: processor time, address space, no growing files, 64 open files, no core. A
wall clock and a bounded output, after which the whole process group is killed. An empty environment, an own empty
folder, ``-I -S`` (no packages, no user site). Where the kernel allows: an own network namespace with nothing in it; no
file to be opened but the standard library and the libraries of the system (Landlock); and on Linux on x86-64 a filter
of system calls, under which sockets, processes, other programs, signals to others and every change of a file fail.
Hooks of the interpreter refuse the same on other systems.

The answer's process is not that of its tests. It never sees them, nor the token that a verdict needs, and values are
compared in the other one, on copies (``handed``): leaving early, patching, or agreeing with everything is no pass.

What it does not hold. The hooks are Python's own (PEP 578 says that they are no sandbox): without Landlock, an answer
written to break out may find a way round them and *read* what the user who runs the evaluation may read; the filter
then keeps it from sending or writing it anywhere. Off x86-64 Linux there are the hooks, the limits and perhaps the
namespace, no filter. A lane that you believe to be hostile is evaluated in a container or a virtual machine.
``Ran.fences`` says which fences stood.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["passed", "wrong", "raised", "syntax", "forbidden", "memory", "timeout", "died", "no_code"]
"""``wrong``: a test failed; ``raised``: it raised something else; ``forbidden``: it reached for what the fence keeps
from it; ``died``: the process ended without saying how it went; ``no_code``: the answer holds none."""

_CHILD = Path(__file__).with_name("fenced.py")
_BLOCK = re.compile(r"^[ \t]{0,3}```[ \t]*([\w+-]{0,20})[^\n]{0,40}\n(.*?)^[ \t]{0,3}```[ \t]*$", re.M | re.S)
_PYTHON = ("", "py", "python", "python3")
_OUTPUT = 4096


@dataclass(frozen=True)
class Ran:
    """How it went. ``fences``: those that stood, empty where it never got so far; ``seconds``: of the wall clock."""

    status: Status
    seconds: float = 0.0
    fences: tuple[str, ...] = ()


def python_of(text: str) -> str | None:
    """The Python of an answer: its code blocks, one after the other, or all of it where there is no block and it reads
    as Python; None where there is none. A block without a language counts where no block has one, and one that is no
    Python (a session, an output) where no block is."""
    blocks = [(one[0].lower(), textwrap.dedent(one[1])) for one in _BLOCK.findall(text.replace("\r\n", "\n"))]
    said = [code for language, code in blocks if language in _PYTHON and language]
    said = said or [code for language, code in blocks if not language]
    if said:
        return "\n".join([code for code in said if _reads(code)] or said)
    return None if "```" in text or not text.strip() or not _reads(text) else text


def _reads(code: str) -> bool:
    """Whether a text reads as Python; nobody is told of a strange escape in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "answer", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def run_tests(text: str, tests: str, *, wall_s: float = 10.0, cpu_s: int = 5, memory: int = 512 * 1024 * 1024) -> Ran:
    """Run the Python of an answer, then ``tests`` with its names: they pass where nothing is raised. The names of
    Python's own functions mean those in tests, whatever an answer calls so.

    Args:
        wall_s: seconds until it is killed. cpu_s: of processor time. memory: of address space, in bytes.
    """
    if (code := python_of(text)) is None:
        return Ran("no_code")
    token = secrets.token_hex(16)
    reads = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    job = {"token": token, "answer": code, "tests": tests, "cpu_s": cpu_s, "memory": memory}
    job["reads"] = [os.path.realpath(one) + os.sep for one in reads]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fenced-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            said, in_time = _talk(process, json.dumps(job).encode(), until=began + wall_s)
        finally:
            _kill(process)
    took = time.monotonic() - began
    if not in_time:
        return Ran("timeout", took)
    return _read(said, token, process.returncode, took)


def _talk(process: subprocess.Popen[bytes], job: bytes, *, until: float) -> tuple[bytes, bool]:
    """What it says until it ends, at most ``_OUTPUT`` bytes; and whether it ended in time."""
    if process.stdin is None or process.stdout is None:
        return b"", True
    try:
        process.stdin.write(job)
        process.stdin.close()
    except BrokenPipeError:
        return b"", True
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(said) <= _OUTPUT:
            left = until - time.monotonic()
            if left <= 0 or not selector.select(left):
                return said, False
            more = os.read(process.stdout.fileno(), _OUTPUT)
            if not more:
                break
            said += more
    return said, True


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _read(said: bytes, token: str, code: int, took: float) -> Ran:
    try:
        told = json.loads(said)
        if secrets.compare_digest(str(told["token"]), token):
            return Ran(told["status"], took, tuple(told["fences"]))
    except (ValueError, KeyError, TypeError):
        pass
    return Ran("timeout" if code == -signal.SIGXCPU else "died", took)
