"""Runs inside the fence: a script of its own, started by ``sandbox`` as ``python -I -S``, with ``handed`` beside it.

It parts in two before it has read anything. Both put up the fence. The one runs the answer, knows neither the tests
nor the token, and from then on does what it is asked (``handed``); the other reads from its input a JSON object {token,
answer, tests, cpu_s, memory, reads}, hands on the answer, runs the tests, and writes to its output one JSON object
{token, status, fences}. So an answer that ends its process, writes to any output, changes what comparing means or looks
through memory has not passed by that.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.evals.judges.handed import GoneError, Peer
else:  # a script knows no package, and its folder holds names of the standard library
    _place = spec_from_file_location("handed", os.path.join(os.path.dirname(os.path.abspath(__file__)), "handed.py"))
    _handed = module_from_spec(_place)
    _place.loader.exec_module(_handed)
    GoneError, Peer = _handed.GoneError, _handed.Peer

# System calls of x86-64 that fail inside: sockets, processes, programs, signals, and whatever changes files.
_DENIED = tuple(
    map(
        int,
        "29 41 42 43 44 46 49 50 53 56 57 58 59 62 64 68 76 77 82 83 84 85 86 87 88 90 91 92 93 94 101 109 112 129 132 "
        "133 155 160 161 165 166 188 189 190 197 198 199 200 234 235 240 248 249 250 258 259 260 261 263 264 265 266 "
        "268 272 280 285 288 297 298 302 304 308 310 311 316 317 319 321 322 323 424 425 426 427 428 429 430 431 432 "
        "433 434 435 437 438 442 452".split(),
    )
)
_OPENS = ((2, 24), (257, 32))  # open and openat, with the place of their flags
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_X86_64 = 0xC000003E
_FAILED: dict[type[BaseException], str] = {
    **{AssertionError: "wrong", MemoryError: "memory", SyntaxError: "syntax", PermissionError: "forbidden"},
    GoneError: "died",
}
_READ_FILE, _READ = 4, 4 | 8  # of files; and of folders
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/local/lib", "/etc/ld.so.cache", "/dev/null")
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


def _files(libc: Any, reads: list[str]) -> bool:
    """Whether the kernel lets this process open nothing but the standard library and the libraries it stands on
    (Landlock, from Linux 5.13 on)."""
    version = libc.syscall(444, None, 0, 1) if sys.platform == "linux" else 0
    if version < 1:
        return False
    every = struct.pack("=Q", (1 << (13 + min(version - 1, 2) + (version >= 5))) - 1)  # all that it knows of files
    if (rules := libc.syscall(444, every, len(every), 0)) < 0:
        return False
    for path in filter(os.path.exists, (*reads, *_LIBRARIES)):
        place = os.open(path, os.O_PATH)
        libc.syscall(445, rules, 1, struct.pack("=Qi", _READ if os.path.isdir(path) else _READ_FILE, place), 0)
        os.close(place)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    up = libc.syscall(446, rules, 0) == 0
    os.close(rules)
    return bool(up)


def _fence(job: dict[str, Any]) -> list[str]:
    """Put up what can be put up, for good; the names of what stands."""
    libc, fences = ctypes.CDLL(None), ["limits", "hooks"]
    sys.set_int_max_str_digits(0)  # the limits hold what that costs
    if sys.platform == "linux":
        libc.prctl(1, 9, 0, 0, 0)  # end with whoever started us
        libc.prctl(4, 0, 0, 0, 0)  # nobody reads our memory
        if libc.unshare(0x10000000 | 0x40000000) == 0:  # a network of its own, with nothing in it
            fences.append("network")
    if _files(libc, job["reads"]):
        fences.append("files")
    _limits(job["cpu_s"], job["memory"])
    if _system_calls(libc):
        fences.append("system calls")
    sys.addaudithook(_hook(tuple(job["reads"])))
    for name in ("ctypes", "_ctypes"):
        sys.modules.pop(name, None)
    return fences


def _tried(code: str, title: str, names: dict[str, Any]) -> str:
    """How running some code went."""
    try:
        exec(compile(code, title, "exec", dont_inherit=True), names)
    except BaseException as error:  # noqa: BLE001 - it may raise anything, and leave by it
        return next((status for kind, status in _FAILED.items() if isinstance(error, kind)), "raised")
    return "passed"


def _answer(peer: Peer) -> None:
    """Run the answer, then do what the tests ask of it, until they have ended."""
    job = peer.receive()
    peer.send(_fence(job))
    sys.modules["answer"] = ModuleType("answer")  # where dataclasses and enums look their annotations up
    names = sys.modules["answer"].__dict__
    status = _tried(job["answer"], "answer", names)
    try:
        told = {name: peer.pack(one) for name, one in names.items() if not name.startswith("__")}
        peer.send([status, told if status == "passed" else {}])
    except (MemoryError, ValueError, RecursionError):
        peer.send(["raised", {}])
    while True:
        peer.serve(peer.receive())


def _tests(peer: Peer, job: dict[str, Any]) -> tuple[str, list[str]]:
    """How the answer or its tests went, and which fences the answer stood behind."""
    fences: list[str] = []
    try:
        _fence(job)  # before there is an answer that could look into this memory
        peer.send({key: job[key] for key in ("answer", "cpu_s", "memory", "reads")})
        fences = peer.receive()
        status, told = peer.receive()
        if status != "passed":
            return (status if status in ("memory", "syntax", "forbidden") else "raised"), fences
        names = {name: peer.unpack(one) for name, one in told.items() if not hasattr(builtins, name)}
    except GoneError:
        return "died", fences
    except BaseException:  # noqa: BLE001 - what an answer says may be anything
        return "raised", fences
    return _tried(job["tests"], "tests", {"__name__": "tests", **names}), fences


def main() -> None:
    """Run one answer."""
    (hears, asks), (reads, says) = os.pipe(), os.pipe()
    child = os.fork()
    job = {} if child == 0 else json.loads(sys.stdin.buffer.read())
    out = os.dup(1) if child else -1
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)
    for end in (asks, reads) if child == 0 else (hears, says):
        os.close(end)
    if child == 0:
        with contextlib.suppress(GoneError):
            _answer(Peer(hears, says, opens=True))
        os._exit(0)
    status, fences = _tests(Peer(reads, asks, opens=False), job)
    if status == "died" and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGXCPU:
        status = "timeout"
    os.write(out, json.dumps({"token": job["token"], "status": status, "fences": fences}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
