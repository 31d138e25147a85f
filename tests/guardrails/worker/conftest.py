"""What the tests of a user's detector share: one made from the body of its file, and waits that are bounded.

No test asserts a duration. Bounds are generous, because a shared machine may stall.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.guardrails.detectors.external import DetectorFault
from router_ml.guardrails.worker import UserDetector, load

HEALTHY_MS, WAIT_S = 5_000.0, 60.0
HEAD = 'import os, sys, time\nTYPE = "loyalty_card"\nRISK = "pii"\n'
CARDS = "import re\ndef find(text):\n    return [match.span() for match in re.finditer('LC-[0-9]{8}', text)]\n"
DIGITS = "12345678"


@pytest.fixture
def secret() -> str:
    """What ``cards`` finds and no reason may hold."""
    return f"LC-{DIGITS}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a detector's file with the given body, by default one that finds cards."""

    def write_one(body: str = CARDS, *, name: str = "detector.py") -> Path:
        path = tmp_path / name
        path.write_text(HEAD + body, encoding="utf-8")
        return path

    return write_one


@pytest.fixture
def make(write: Callable[..., Path]) -> Iterator[Callable[..., UserDetector]]:
    """Load a detector whose file has the given body; closed at the end of the test."""
    opened: list[UserDetector] = []

    def open_one(body: str = CARDS, *, deadline_ms: float = HEALTHY_MS, **options: Any) -> UserDetector:
        path = write(body, name=f"detector{len(opened)}.py")
        opened.append(load(path, deadline_ms=deadline_ms, **options))
        return opened[-1]

    yield open_one
    for detector in opened:
        detector.close()


def _body(statements: str, *, otherwise: str = "[(0, 1)]") -> str:
    lines = "\n        ".join(statements.split("\n"))
    return f"def find(text):\n    if 'LC-' in text:\n        {lines}\n    return {otherwise}\n"


@pytest.fixture(scope="session")
def body() -> Callable[..., str]:
    """A ``find`` that misbehaves when the text holds the secret, and is well otherwise."""
    return _body


@pytest.fixture
def fault(secret: str) -> Callable[..., str]:
    """The reason that a detector gives for texts, by default one with the secret; it never holds what was asked."""

    def reason(detector: UserDetector, *texts: str) -> str:
        found = detector.ask(texts or [f"my card {secret}"])
        assert isinstance(found, DetectorFault)
        assert DIGITS not in repr(found)
        start = f"detector {detector.type} "
        assert found.reason.startswith(start)
        return found.reason.removeprefix(start)

    return reason


def _eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Whether something becomes true in bounded time."""
    return _eventually


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return ") Z " not in status.read_text(encoding="utf-8")  # ended, and not yet noticed by who adopted it
    except OSError:
        return not Path("/proc/self/stat").exists()


@pytest.fixture(scope="session")
def is_running() -> Callable[[int], bool]:
    """Whether a process is there and has not ended."""
    return _is_running
