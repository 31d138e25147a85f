"""A user's detector: its file read and checked once, its answers checked each time."""

from __future__ import annotations

import builtins
import hashlib
import os
import re
import weakref
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from router_ml.errors import ConfigError, Problem
from router_ml.guardrails.detectors.detector import Span
from router_ml.guardrails.detectors.external import Answer, DetectorFault
from router_ml.guardrails.worker.keeper import Keeper
from router_ml.guardrails.worker.process import Program, Unanswered, encode

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST_SOURCE_BYTES = 1 << 20
_MOST_DEADLINE_MS = 10_000.0
_REFUSED = {
    "shape": "returned something that is not a list of (start, end)",
    "range": "returned a span outside the text",
    "many": "found too many places",
}
_UNREADABLE = "sent an answer that cannot be read"


class UserDetector:
    """A detector in a process of its own; open one with ``load``. Safe to share between threads.

    ``triggers``: one of them must occur in a text, whatever its case, for it to be asked about (empty: always).
    ``sha256`` is that of the file; a restarted process runs the same source. ``close``, the end of the program and
    garbage collection end the process.
    """

    def __init__(
        self,
        keeper: Keeper,
        *,
        path: Path,
        type: str,
        risk: str,
        triggers: tuple[str, ...],
        sha256: str,
        max_bytes: int,
    ) -> None:
        self.path, self.type, self.risk, self.triggers, self.sha256 = path, type, risk, triggers, sha256
        self._keeper, self._max_bytes = keeper, max_bytes
        self._close = weakref.finalize(self, keeper.close)

    @property
    def deadline_ms(self) -> float:
        """Wall-clock milliseconds that one call of ``ask`` may take the process."""
        return self._keeper.program.deadline_s * 1000

    @property
    def pid(self) -> int | None:
        """Id of the process that answers now; None while there is none."""
        worker = self._keeper.worker
        return worker.pid if worker is not None else None

    def ask(self, texts: Sequence[str]) -> Answer | DetectorFault:
        """The spans in each text, in one round trip; never raises for what the file does.

        A fault has no part of an answer: one text that cannot be read makes the whole request unknown.
        """
        asked = [number for number, text in enumerate(texts) if text and self._is_triggered(text)]
        answer: Answer = [[] for _ in texts]
        if not asked:
            return answer
        body = encode({"texts": [texts[number] for number in asked]})
        if len(body) > self._max_bytes:
            return self._fault(f"may be sent {self._max_bytes} bytes at once, the request has {len(body)}")
        try:
            reply = self._keeper.ask(body)
        except Unanswered as reason:
            return self._fault(str(reason))
        if "spans" not in reply:
            return self._fault(_refusal(reply))
        spans = _checked(reply["spans"], [len(texts[number]) for number in asked])
        if spans is None:
            return self._fault(_UNREADABLE)
        for number, found in zip(asked, spans, strict=True):
            answer[number] = found
        return answer

    def close(self) -> None:
        """End the process. Whoever asks afterwards gets a fault."""
        self._close()

    def _is_triggered(self, text: str) -> bool:
        if not self.triggers:
            return True
        lowered = text.lower()
        return any(trigger in lowered for trigger in self.triggers)

    def _fault(self, reason: str) -> DetectorFault:
        return DetectorFault(f"detector {self.type} {reason}")


def load(
    path: str | Path,
    *,
    deadline_ms: float = 50.0,
    paths: Sequence[str | Path] = (),
    risks: Collection[str] | None = None,
    start_ms: float = 10_000.0,
    max_bytes: int = 8 << 20,
    memory_mb: int = 512,
) -> UserDetector:
    """Start a detector's process and check what its file declares.

    Args:
        path: a Python file with ``TYPE``, ``RISK``, ``find(text)`` and, if wanted, ``TRIGGERS``.
        deadline_ms: wall-clock time for one request, all its texts together; at most 10,000.
        paths: folders that the file imports from, beside the installed packages.
        risks: what ``RISK`` may be; None for any name.
        start_ms: wall-clock time for the process to start and import the file.
        max_bytes: UTF-8 bytes, quoted as JSON, that it may be sent at once.
        memory_mb: address space of the process, where the platform can limit it.

    Raises:
        ConfigError: the file cannot be read, does not load, or does not declare what it must.
    """
    path = Path(path)
    if os.name != "posix":
        _wrong(path, "(file)", "a detector of your own needs Linux, macOS or another POSIX system.", "Remove it.")
    if not 0 < deadline_ms <= _MOST_DEADLINE_MS:
        _wrong(path, "deadline_ms", f"found {deadline_ms:g}.", f"Give more than 0 and at most {_MOST_DEADLINE_MS:g}.")
    source = _read(path)
    program = Program(
        path=str(path.absolute()),
        source=source.decode("latin-1"),
        paths=tuple(str(Path(folder).absolute()) for folder in paths),
        memory_bytes=memory_mb << 20,
        start_s=start_ms / 1000,
        deadline_s=deadline_ms / 1000,
    )
    try:
        keeper = Keeper(program)
    except Unanswered as reason:
        _wrong(path, "(file)", f"while it was loaded, its process {reason}.", "Run the file with Python to see why.")
    try:
        type, risk, triggers = _declared(path, keeper.declared, risks)
    except ConfigError:
        keeper.close()
        raise
    sha256 = hashlib.sha256(source).hexdigest()
    return UserDetector(keeper, path=path, type=type, risk=risk, triggers=triggers, sha256=sha256, max_bytes=max_bytes)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            source = file.read(_MOST_SOURCE_BYTES + 1)
    except OSError as error:
        _wrong(path, "(file)", f"cannot be read: {error.strerror}.", "Give the path of your detector's Python file.")
    if len(source) > _MOST_SOURCE_BYTES:
        _wrong(path, "(file)", f"is larger than {_MOST_SOURCE_BYTES} bytes.", "Move tables into a file that it reads.")
    return source


def _declared(path: Path, reply: dict[str, Any], risks: Collection[str] | None) -> tuple[str, str, tuple[str, ...]]:
    """Type, risk and triggers of a file, lower-cased triggers; or what is wrong with it."""
    if "error" in reply:
        line = reply.get("line") if isinstance(reply.get("line"), int) else None
        message = f"importing it raised {_class_name(reply['error'])}."
        _wrong(path, "(file)", message, "Run the file with Python to see why.", line)
    kind, risk, triggers = (reply.get(name) for name in ("TYPE", "RISK", "TRIGGERS"))
    problems = []
    if reply.get("find") is not True:
        fix = "Define: def find(text: str) -> list[tuple[int, int]]."
        problems.append(Problem(str(path), None, "find", "there is no such function.", fix))
    for name, value, example in (("TYPE", kind, "loyalty_card"), ("RISK", risk, "pii")):
        if not isinstance(value, str) or _NAME.fullmatch(value) is None:
            message = "is missing." if value is None else "is no name in lower case: letters, digits and underscores."
            problems.append(Problem(str(path), None, name, message, f'As in: {name} = "{example}".'))
    if isinstance(risk, str) and risks is not None and risk not in risks:
        problems.append(Problem(str(path), None, "RISK", "is not in the taxonomy.", f"One of: {', '.join(risks)}."))
    triggers = [] if triggers is None else triggers
    if not isinstance(triggers, list) or not all(isinstance(word, str) and word.strip() for word in triggers):
        fix = 'As in: TRIGGERS = ("loyalty", "points").'
        problems.append(Problem(str(path), None, "TRIGGERS", "is no tuple of words.", fix))
    if problems:
        raise ConfigError(problems)
    return str(kind), str(risk), tuple(word.lower() for word in triggers)


def _wrong(path: Path, key: str, message: str, fix: str, line: int | None = None) -> NoReturn:
    raise ConfigError([Problem(str(path), line, key, message, fix)])


def _refusal(reply: dict[str, Any]) -> str:
    """Why a process that runs gave no spans, in words of ours."""
    if "error" in reply:
        return f"failed with {_class_name(reply['error'])}"
    refused = reply.get("refused")
    return _REFUSED.get(refused, _UNREADABLE) if isinstance(refused, str) else _UNREADABLE


def _class_name(name: object) -> str:
    """The name of a built-in exception; nothing else that a process says is repeated."""
    known = vars(builtins).get(name) if isinstance(name, str) else None
    return str(name) if isinstance(known, type) and issubclass(known, BaseException) else "an exception"


def _checked(spans: object, lengths: Sequence[int]) -> list[list[Span]] | None:
    """The spans of each text; None unless they are what the process has promised."""
    if not isinstance(spans, list) or len(spans) != len(lengths):
        return None
    checked: list[list[Span]] = []
    for found, length in zip(spans, lengths, strict=True):
        try:
            here = [(start, end) for start, end in found]
        except (TypeError, ValueError):
            return None
        if not all(type(end) is type(start) is int and 0 <= start < end <= length for start, end in here):
            return None
        checked.append(here)
    return checked
