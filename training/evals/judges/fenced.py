"""Runs inside the fence: a script of its own, started by ``sandbox`` as ``python -I -S``, importing nothing of ours.

It reads from its input a JSON object {token, answer, tests, cpu_s, memory, reads}, puts up the fence, runs the answer,
then its tests, and writes to its output one JSON object {token, status, fences}. The token is known to it alone, so an
answer that ends the process, or writes to the output, has not passed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any

# System calls of x86-64 that fail inside: sockets, processes, programs, signals, and whatever changes files.
_DENIED = (
    *(29, 41, 42, 43, 44, 46, 49, 50, 53, 56, 57, 58, 59, 62, 76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94),
    *(
        101,
        109,
        112,
        132,
        133,
        155,
        160,
        161,
        165,
        166,
        200,
        234,
        235,
        248,
        249,
        250,
        258,
        259,
        260,
        261,
        263,
        264,
        265,
    ),
    *(
        266,
        268,
        272,
        280,
        285,
        288,
        302,
        308,
        310,
        311,
        316,
        317,
        319,
        321,
        322,
        424,
        425,
        426,
        427,
        434,
        435,
        437,
        438,
    ),
)
_OPENS = ((2, 24), (257, 32))  # open and openat, with the place of their flags
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_X86_64 = 0xC000003E
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVENTS = (
    *("socket.", "subprocess.", "ctypes.", "pty.", "fcntl.", "syslog.", "resource.", "signal.", "webbrowser."),
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill", "os.putenv", "os.chdir", "os.chmod"),
    *("os.chown", "os.link", "os.symlink", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.utime"),
    *("os.listdir", "os.scandir", "os.walk", "shutil.", "tempfile.", "mmap.", "gc.get_", "sys.setprofile"),
    *("sys.settrace", "urllib.", "http.", "ftplib.", "smtplib.", "sqlite3.", "code.__new__", "sys.addaudithook"),
)


def _filter() -> bytes:
    """The program of the system call filter (BPF)."""
    rows: list[tuple[int, int, int, int]] = [
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 1, 0, _X86_64),
        (0x06, 0, 0, _KILL),
        (0x20, 0, 0, 0),  # the number of the call
        (0x35, 0, 1, 0x40000000),  # those of the x32 table
        (0x06, 0, 0, _KILL),
    ]
    for number in _DENIED:
        rows += [(0x15, 0, 1, number), (0x06, 0, 0, _EPERM)]
    for number, flags in _OPENS:
        rows += [(0x15, 0, 4, number), (0x20, 0, 0, flags), (0x45, 0, 1, _WRITES), (0x06, 0, 0, _EPERM)]
        rows += [(0x06, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *row) for row in [*rows, (0x06, 0, 0, _ALLOW)])


def _system_calls(libc: Any) -> bool:
    """Whether the filter is up; it stays for good, also for whatever comes from this process."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    program = _filter()
    kept = ctypes.create_string_buffer(program)
    head = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # no new privileges
        return False
    return bool(libc.prctl(22, 2, ctypes.create_string_buffer(head), 0, 0) == 0)


def _limits(cpu_s: int, memory: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # not every system holds each of them
            resource.setrlimit(what, (most, most + (what == resource.RLIMIT_CPU)))


def _hook(reads: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    real, fsdecode, starts = os.path.realpath, os.fsdecode, str.startswith

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = given
            if isinstance(path, int) or (flags or 0) & _WRITES or not starts(real(fsdecode(path)), reads):
                raise PermissionError("no files here")
        elif starts(event, _EVENTS) or (event == "import" and given[0] in ("ctypes", "_ctypes", "socket", "_socket")):
            raise PermissionError(f"{event} is not allowed here")

    return hook


def main() -> None:
    """Run one answer."""
    job = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)
    libc = ctypes.CDLL(None)
    fences = ["limits", "hooks"]
    if sys.platform == "linux":
        libc.prctl(1, 9, 0, 0, 0)  # end with whoever started us
        if libc.unshare(0x10000000 | 0x40000000) == 0:  # a network of its own, with nothing in it
            fences.append("network")
    _limits(job["cpu_s"], job["memory"])
    if _system_calls(libc):
        fences.append("system calls")
    token, answer, tests, status = job.pop("token"), job["answer"], job["tests"], "wrong"
    sys.addaudithook(_hook(tuple(job["reads"])))
    for name in ("ctypes", "_ctypes"):
        sys.modules.pop(name, None)
    names: dict[str, Any] = {"__name__": "answer"}
    try:
        exec(compile(answer, "answer", "exec"), names)
        try:
            exec(compile(tests, "tests", "exec"), names)
            status = "passed"
        except AssertionError:
            status = "wrong"
    except MemoryError:
        status = "memory"
    except SyntaxError:
        status = "syntax"
    except PermissionError:
        status = "forbidden"
    except BaseException:  # noqa: BLE001 - an answer may raise anything, and leave by it
        status = "raised"
    os.write(out, json.dumps({"token": token, "status": status, "fences": fences}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
