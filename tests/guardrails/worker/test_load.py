"""Loading a user's detector: a wrong file says what is wrong and what to do, and the how-to works as written."""

from __future__ import annotations

import doctest
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.errors import ConfigError
from router_ml.guardrails.worker import UserDetector, load

NAMES = 'TYPE = "loyalty_card"\nRISK = "pii"\n'
FIND = "def find(text):\n    return []\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def find(text: oops", r"detector.py:1: \(file\): importing it raised SyntaxError"),
        ("\nimport os\nraise ValueError('why')", r"detector.py:3: \(file\): importing it raised ValueError\. "),
        ("import no_such_package", r":1: \(file\): importing it raised ModuleNotFoundError"),
        ("import os; os._exit(3)", r"\(file\): while it was loaded, its process stopped"),
        ("while True: pass", r"\(file\): while it was loaded, its process missed its deadline of 500 ms"),
        ("", r"find: there is no such function(.|\n)*TYPE: is missing(.|\n)*RISK: is missing"),
        (NAMES + "find = 3", r"find: there is no such function"),
        (NAMES + FIND + "TYPE = 'Loyalty Card'", r"TYPE: is no name in lower case"),
        (NAMES + FIND + "RISK = 7", r"RISK: is no name in lower case"),
        (NAMES + FIND + "RISK = 'fun'", r"RISK: is not in the taxonomy. One of: pii, secrets"),
        (NAMES + FIND + "TRIGGERS = ('loyalty')", r"TRIGGERS: is no tuple of words"),
        (NAMES + FIND + "TRIGGERS = [' ']", r"TRIGGERS: is no tuple of words"),
        (NAMES + FIND + "TRIGGERS = [b'x']", r"TRIGGERS: is no tuple of words"),
        ("#" * (1 << 20) + "\n", r"is larger than 1048576 bytes"),
    ],
)
def test_a_wrong_file_says_what_to_do(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "detector.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem) as raised:
        load(path, risks=("pii", "secrets"), start_ms=500 if "while" in text else 30_000)
    assert "why'" not in str(raised.value)
    assert all(item.fix for item in raised.value.problems)


@pytest.mark.parametrize("deadline_ms", [0, -1, 10_001, float("nan")])
def test_a_deadline_has_bounds(tmp_path: Path, deadline_ms: float) -> None:
    with pytest.raises(ConfigError, match="deadline_ms: found"):
        load(tmp_path / "detector.py", deadline_ms=deadline_ms)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.py: \(file\): cannot be read: No such file"):
        load(tmp_path / "nowhere.py")


def test_a_python_that_is_not_there_is_told(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left behind."""
    path = write()
    monkeypatch.setattr("sys.executable", "/no/such/python")
    monkeypatch.setattr("tempfile.tempdir", str(path.parent))
    with pytest.raises(ConfigError, match="its process could not be started: No such file"):
        load(path)
    assert list(path.parent.iterdir()) == [path]


def test_what_was_loaded_can_be_recorded(make: Callable[..., UserDetector]) -> None:
    detector = make(deadline_ms=125)
    assert detector.sha256 == hashlib.sha256(detector.path.read_bytes()).hexdigest()
    assert detector.deadline_ms == 125


def test_a_file_may_be_in_any_encoding_that_it_declares(tmp_path: Path) -> None:
    """And its source may use what Python allows: a docstring, a dataclass, another name for a risk."""
    text = (
        "# -*- coding: latin-1 -*-\nfrom dataclasses import dataclass\nWORD = 'straße'\nassert len(WORD) == 6\n"
        "@dataclass\nclass Place:\n    start: int\n"
        f"{NAMES}def find(text):\n    return [(Place(0).start, len(WORD))] if WORD in text else []\n"
    )
    path = tmp_path / "detector.py"
    path.write_bytes(text.encode("latin-1"))
    detector = load(path, deadline_ms=5_000)
    assert detector.ask(["straße", "strasse"]) == [[(0, 6)], []]
    detector.close()


def test_the_how_to_works_as_written(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (root / "docs" / "your_own_detector.md").read_text(encoding="utf-8")
    files = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    sessions = re.findall(r"```pycon\n(.*?)```", text, re.DOTALL)
    assert len(files) == 1
    (tmp_path / "loyalty.py").write_text(files[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest("\n".join(sessions), {}, "your_own_detector.md", None, None)
    results = doctest.DocTestRunner(verbose=False).run(example)
    assert results.attempted >= 4
    assert results.failed == 0
