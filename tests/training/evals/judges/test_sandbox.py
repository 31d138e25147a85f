"""Code of an answer runs behind a fence, and passes only where its tests say so."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from training.evals.judges import fenced
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
    """Sleep and memory end by the limits, and so does what sends to the tests without end."""
    assert ran("import time\ntime.sleep(60)", wall_s=0.3) == "timeout"
    assert ran("x = []\nwhile True:\n    x.append(' ' * 50_000_000)", memory=200_000_000) == "memory"
    floods = "import os\ndef f():\n    while True:\n        os.write(6, b'x' * 100_000)"
    assert ran(floods, "f()", wall_s=0.5) in ("died", "raised", "timeout")


@pytest.mark.slow
def test_processor_time_ends() -> None:
    """Loops end by the processor time, of the answer as well as of what its tests call."""
    began = time.monotonic()
    assert ran("while True:\n    pass", cpu_s=1) == "timeout"
    assert ran("def f():\n    while True:\n        pass", "f()", cpu_s=1) == "timeout"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        'import os\ndef say(fd):\n    try:\n        os.write(fd, b\'{"status": "passed"}\')\n    except OSError:\n'
        "        pass\nlist(map(say, range(3, 99)))\nos._exit(0)",
        "import sys, os, json\nseen = sys._getframe(1).f_back.f_locals\nsaid = json.dumps([*map(str, seen.values())])\n"
        "def f(x):\n    return 2 if 'f(' + '1)' in said else None",
        "class Same(int):\n    def __eq__(self, other):\n        return True\n    __le__ = __ge__ = __eq__\n"
        "def f(x):\n    return Same(7)",
        "class Same:\n    def __eq__(self, other):\n        return True\n    __le__ = __ge__ = __eq__\n"
        "def f(x):\n    return Same()",
        "import builtins, json, os\nbuiltins.exec = builtins.compile = lambda *given, **named: None\nwrite = os.write\n"
        "os.write = lambda fd, raw: write(fd, raw.replace(b'raised', b'passed').replace(b'wrong', b'passed'))",
        "import sys\ndef f(x):\n    here = sys._getframe()\n    while here and 2 not in here.f_code.co_consts[:1]:\n"
        "        here = here.f_back\n    return here and 2",
        "def abs(x):\n    return 2\ndef f(x):\n    return 7",
    ],
)
def test_no_pass_by_a_trick(code: str) -> None:
    """Leaving, writing a verdict, looking up the frames, patching, or agreeing with everything is no pass."""
    assert ran(code, "assert f(1) == 2\nassert 2 <= f(1) <= 2\nassert abs(f(1)) == 2") in ("died", "raised", "wrong")


def test_tests_use_what_an_answer_defines() -> None:
    """Classes, exceptions, generators, functions handed over, changed arguments and values that are not JSON come
    through as if both were one process."""
    code = """
from collections import Counter, namedtuple
from dataclasses import dataclass
from decimal import Decimal
import math
class Empty(ValueError): pass
class Stack(list):
    def pop(self):
        if not self: raise Empty("nothing here")
        return list.pop(self)
@dataclass
class Point:
    x: int
    y: int = 0
    def __add__(self, other): return Point(self.x + other.x, self.y + other.y)
P = namedtuple("P", "a b")
LIMIT = 10
def squares(n): yield from (i * i for i in range(n))
def each(do, of): return [do(one) for one in of]
def turn(rows): rows[:] = [list(row) for row in zip(*rows)]
def big(n): return math.factorial(n)
def count(text): return Counter(text)
def money(): return Decimal("0.10")
def nothing(): return math.nan
class Lock:
    open = False
    def __enter__(self):
        self.open = True
        return self
    def __exit__(self, *why): self.open = False
"""
    tests = """
assert list(squares(4)) == [0, 1, 4, 9] and sum(squares(3)) == 5 and LIMIT == 10 and math.pi > 3
assert each(lambda one: one + LIMIT, iter([1, 2])) == [11, 12] and sorted([3, 1], key=big) == [1, 3]
rows = [[1, 2], [3, 4]]
turn(rows)
assert rows == [[1, 3], [2, 4]] and big(2000) == math.factorial(2000) and count("aab")["z"] == 0
assert Point(1, 2) == Point(1, 2) != Point(2) and Point(1) + Point(1, 1) == Point(2, 1) and Point(1).y == 0
assert repr(Point(1)) == "Point(x=1, y=0)" and isinstance(Point(1), Point) and str(money()) == "0.10"
stack = Stack()
stack.append(5)
assert len(stack) == 1 and stack == [5] and stack[0] == 5 and stack.pop() == 5 and not stack
try:
    stack.pop()
except Empty as error:
    assert isinstance(error, ValueError) and str(error) == "nothing here"
else:
    raise AssertionError
assert P(1, b=2).a == 1 and P(1, 2) == (1, 2) and nothing() != nothing()
with Lock() as lock:
    assert lock.open
assert not lock.open
"""
    assert ran(code, tests) == "passed"


def test_tests_are_fenced_before_an_answer_could_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer runs beside a process that holds its tests in memory that may still be read."""
    order: list[object] = []

    class Deaf:
        def send(self, message: object) -> None:
            order.append("answer")

        def receive(self) -> object:
            raise fenced.GoneError

    monkeypatch.setattr(fenced, "_fence", lambda job: order.append("fence"))
    job = {"answer": "", "tests": "", "cpu_s": 1, "memory": 1, "reads": []}
    assert fenced._tests(Deaf(), job) == ("died", [])  # type: ignore[arg-type]
    assert order == ["fence", "answer"]


def test_nothing_of_the_environment_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours is to be seen inside."""
    monkeypatch.setenv("A_SECRET_OF_OURS", "x")
    assert ran("import os", "assert 'A_SECRET_OF_OURS' not in os.environ and 'HOME' not in os.environ") == "passed"


@pytest.mark.parametrize(
    "call",
    [
        *("socket.socket()", "os.fork()", "os.unlink('there')", "open('new', 'w')", "os.execv('/bin/true', ['x'])"),
        *("open('there')", "open('/etc/passwd')", "os.listdir('/')", "open('/proc/self/environ')"),
    ],
)
def test_the_kernel_refuses_without_the_hooks_too(root: Path, tmp_path: Path, call: str) -> None:
    """Where the kernel filters system calls and files, getting round the hooks of Python does not help."""
    (tmp_path / "there").write_text("x", encoding="utf-8")
    code = (
        "import sys, os, socket, ctypes, json\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "from training.evals.judges import fenced\n"
        "libc = ctypes.CDLL(None)\n"
        f"up = fenced._files(libc, [{sysconfig.get_path('stdlib')!r}]) and fenced._system_calls(libc)\n"
        f"try:\n    {call}\nexcept PermissionError:\n    said = 'refused'\nelse:\n    said = 'done'\n"
        "sys.stdout.write(json.dumps([up, said]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, check=True)
    up, said = json.loads(done.stdout)
    if not up:
        pytest.skip("no filter of system calls, or of files, on this system")
    assert said == "refused"
    assert (tmp_path / "there").exists()


def test_code_is_found() -> None:
    """In fences, more than one, or bare; not in prose, and not in a block of another language."""
    assert python_of("Here:\n```python\nx = 1\n```\nand\n```py\ny = 2\n```") == "x = 1\n\ny = 2\n"
    assert python_of("def f():\n    return 1") is not None
    assert python_of("Use a loop.") is None
    assert python_of("```sql\nSELECT 1\n```") is None
    assert python_of("```python\nx = 1\n```\nIt says:\n```\nThe sum is 3\n```\n```python\n>>> x\n1\n```") == "x = 1\n"
    assert python_of("- this:\r\n  ```python\r\n  x = 1\r\n  ```\r\n") == "x = 1\n"
    assert python_of("```\nx = 1\n```") == "x = 1\n"
    assert python_of("```python\nx = (\n```") == "x = (\n"
