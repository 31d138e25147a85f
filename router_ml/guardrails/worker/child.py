"""The program of a worker process: runs one user's ``find`` on the texts that it is sent.

Started by path with ``python -I`` and never imported; the standard library is all that it needs. Its one channel is the
socket that it finds as standard input. A frame is a header ``>II`` (bytes of the body, number of the question) and a
JSON body. The first question brings the user's module, all others bring texts.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import struct
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from operator import index
from typing import Any, BinaryIO

_HEADER = struct.Struct(">II")
_MODULE = "user_detector"
_MOST_SPANS = 10_000
_GRACE_S = 5

Json = dict[str, Any]


class _RefusedError(Exception):
    """What ``find`` returned is no list of spans."""


def main() -> None:
    """Answer questions until the router closes the channel."""
    channel = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what the module prints goes nowhere, and it has nothing to read
        os.dup2(nothing, standard)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with suppress(OSError, EOFError), open(channel, "rb") as reader, open(channel, "wb", closefd=False) as writer:
        number, program = _read(reader)
        module, reply = _load(program)
        while True:
            body = json.dumps(reply).encode()
            writer.write(_HEADER.pack(len(body), number) + body)
            writer.flush()
            number, question = _read(reader)
            with _budget(program["deadline_s"]):
                reply = _answer(module.find, question["texts"])
    with suppress(OSError):
        os.rmdir(os.getcwd())  # where the router was killed, nobody else will
    os._exit(0)  # threads of the module must not outlive the router


def _read(reader: BinaryIO) -> tuple[int, Json]:
    header = reader.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    size, number = _HEADER.unpack(header)
    return number, json.loads(reader.read(size).decode("utf-8", "surrogatepass"))


def _load(program: Json) -> tuple[types.ModuleType, Json]:
    """Run the module under its limits; the reply says what it declares, or what is wrong with it."""
    _limit(program["memory_bytes"])
    sys.path[:0] = program["paths"]
    path = program["path"]
    module = sys.modules[_MODULE] = types.ModuleType(_MODULE)
    module.__file__ = path
    try:
        with _budget(program["start_s"]):
            exec(compile(program["source"].encode("latin-1"), path, "exec"), module.__dict__)
    except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever a module does, the router hears of it
        return module, {"error": _name(error), "line": _line(error, path)}
    declared = {name: _plain(getattr(module, name, None)) for name in ("TYPE", "RISK", "TRIGGERS")}
    return module, {"find": callable(getattr(module, "find", None)), **declared}


def _limit(memory_bytes: int) -> None:
    """Bound the memory, and leave no core file, which would hold the texts."""
    for what, most in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a platform may not have it, or hold it lower already
            resource.setrlimit(what, (most, most))


@contextmanager
def _budget(seconds: float) -> Iterator[None]:
    """End the process when a call takes far too long: for a router that was killed and can no longer do it."""
    most = math.ceil(seconds) + _GRACE_S
    signal.alarm(most)
    with suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + most, hard))
    try:
        yield
    finally:
        signal.alarm(0)


def _answer(find: Callable[[str], object], texts: list[str]) -> Json:
    left, answer = _MOST_SPANS, []
    for text in texts:
        try:
            spans = _spans(find(text), text, left)
        except _RefusedError as refused:
            return {"refused": str(refused)}
        except BaseException as error:  # noqa: BLE001 - as above
            return {"error": _name(error)}
        left -= len(spans)
        answer.append(spans)
    return {"spans": answer}


def _spans(found: Any, text: str, most: int) -> list[tuple[int, int]]:
    if isinstance(found, str) or not hasattr(found, "__iter__"):
        raise _RefusedError("shape")
    items = list(islice(found, most + 1))  # a generator runs here, and may raise what it likes
    if len(items) > most:
        raise _RefusedError("many")
    try:
        spans = [(index(start), index(end)) for start, end in items]
    except (TypeError, ValueError):
        raise _RefusedError("shape") from None
    if any(not 0 <= start < end <= len(text) for start, end in spans):
        raise _RefusedError("range")
    return spans


def _plain(value: object) -> object:
    """A string, a list of strings or None as it is; False for anything else."""
    if value is None or isinstance(value, str):
        return value
    is_words = isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
    return value if is_words else False


def _name(error: BaseException) -> str:
    """The built-in class that an exception is: a class of the module's own may be named after a value."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _line(error: BaseException, path: str) -> int | None:
    """The last line of the user's file that an exception passed through."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == path else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


if __name__ == "__main__":
    main()
