"""Code of an answer runs behind a fence, and passes only where its tests say so."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.evals.judges.sandbox import python_of, run_tests

FENCED = "```python\n{}\n```"


def ran(code: str, tests: str = "", **limits: float) -> str:
    return run_tests(FENCED.format(code), tests, **{"wall_s": 20.0, **limits}).status  # type: ignore[arg-type]


def test_right_and_wrong() -> None:
    """Right code passes, also with what the standard library offers; wrong code does not."""
    code = (
        "import re, math, heapq, dataclasses, collections, itertools, statistics, datetime\ndef f(x):\n    return x + 1"
    )
    assert ran(code, "assert f(1) == 2") == "passed"
    assert ran(code, "assert f(1) == 3") == "wrong"
    assert ran("def f(:", "") == "syntax"
    assert ran("x = 1", "y = x + missing") == "raised"
    assert run_tests("I would rather not.", "").status == "no_code"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True:\n    os.fork()",
        "import socket\nsocket.socket()",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.system('true')",
        "import ctypes",
        "import ctypes.util",
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "open('mine.txt', 'w')",
        "import os\nos.listdir('/')",
        "import os\nos.kill(os.getppid(), 9)",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    ],
)
def test_what_is_kept_from_it(code: str) -> None:
    """Processes, sockets, programs, other files and signals are refused, and nothing passes by that."""
    assert ran(code) in ("forbidden", "raised")


def test_it_ends() -> None:
    """Loops, sleep, memory and endless output end by the limits, soon after them."""
    began = time.monotonic()
    assert ran("while True:\n    pass", cpu_s=1) == "timeout"
    assert ran("import time\ntime.sleep(60)", wall_s=0.3) == "timeout"
    assert ran("x = []\nwhile True:\n    x.append(' ' * 100_000_000)") == "memory"
    assert ran("import os\nwhile True:\n    os.write(3, b'x' * 100_000)", wall_s=0.5) in ("died", "raised", "timeout")
    assert time.monotonic() - began < 30


def test_leaving_early_is_no_pass() -> None:
    """An answer that ends its process, or writes a verdict of its own, has not passed."""
    assert ran("import os\nos._exit(0)") == "died"
    assert ran("import sys\nsys.exit(0)") == "raised"
    forged = 'import os\nfor fd in range(3, 9):\n    try:\n        os.write(fd, b\'{"status": "passed"}\')\n'
    forged += "    except OSError:\n        pass\nos._exit(0)"
    assert ran(forged) == "died"


def test_nothing_of_the_environment_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is to be seen inside."""
    monkeypatch.setenv("A_SECRET_OF_OURS", "x")
    assert ran("import os", "assert 'A_SECRET_OF_OURS' not in os.environ and 'HOME' not in os.environ") == "passed"


@pytest.mark.parametrize(
    "call", ["socket.socket()", "os.fork()", "os.unlink('there')", "open('new', 'w')", "os.execv('/bin/true', ['x'])"]
)
def test_the_system_calls_fail_without_the_hooks_too(root: Path, tmp_path: Path, call: str) -> None:
    """Where the kernel filters system calls, getting round the hooks of Python does not help."""
    (tmp_path / "there").write_text("x", encoding="utf-8")
    code = (
        "import sys, os, socket, ctypes, json\n"
        f"sys.path.insert(0, {str(root / 'training/evals/judges')!r})\n"
        "import fenced\n"
        "up = fenced._system_calls(ctypes.CDLL(None))\n"
        f"try:\n    {call}\nexcept PermissionError:\n    said = 'refused'\nelse:\n    said = 'done'\n"
        "sys.stdout.write(json.dumps([up, said]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, check=True)
    up, said = json.loads(done.stdout)
    if not up:
        pytest.skip("no filter of system calls on this system")
    assert said == "refused"
    assert (tmp_path / "there").exists()


def test_code_is_found() -> None:
    """In fences, more than one, or bare; not in prose, and not in a block of another language."""
    assert python_of("Here:\n```python\nx = 1\n```\nand\n```py\ny = 2\n```") == "x = 1\n\ny = 2\n"
    assert python_of("def f():\n    return 1") is not None
    assert python_of("Use a loop.") is None
    assert python_of("```sql\nSELECT 1\n```") is None
