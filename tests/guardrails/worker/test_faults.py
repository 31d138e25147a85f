"""A user's detector that fails: the router gets a reason in its own words, in bounded time, and goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest

from router_ml.guardrails.worker import DetectorFault, UserDetector

Make = Callable[..., UserDetector]
Body = Callable[..., str]
Fault = Callable[..., str]
Eventually = Callable[[Callable[[], bool]], bool]
IsRunning = Callable[[int], bool]
SHORT_MS, WAIT_S = 300.0, 60.0


@pytest.mark.parametrize("statement", ["time.sleep(1000)", "[None for _ in iter(int, 1)]"], ids=["sleeps", "spins"])
def test_a_hang_is_a_fault_and_later_questions_are_answered(
    make: Make, body: Body, fault: Fault, eventually: Eventually, is_running: IsRunning, statement: str
) -> None:
    detector = make(body(statement), deadline_ms=SHORT_MS)
    first = detector.pid
    assert first is not None
    assert fault(detector) == "missed its deadline of 300 ms"
    assert not is_running(first)
    assert eventually(lambda: detector.ask(["well"]) == [[(0, 1)]])
    assert detector.pid != first


@pytest.mark.parametrize(
    "statement",
    [
        "os._exit(0)",
        "os.abort()",
        "os.kill(os.getpid(), 9)",
        "os.closerange(3, 64)",
        "import ctypes; ctypes.string_at(0)",
    ],
)
def test_a_crash_is_a_fault_and_later_questions_are_answered(
    make: Make, body: Body, fault: Fault, eventually: Eventually, statement: str
) -> None:
    detector = make(body(statement))
    assert fault(detector) == "stopped"
    assert eventually(lambda: detector.ask(["well"]) == [[(0, 1)]])


def test_memory_is_bounded(make: Make, body: Body, fault: Fault) -> None:
    detector = make(body("x = bytearray(600 << 20)"))
    assert fault(detector) == "failed with MemoryError"
    roomy = make(body("x = bytearray(600 << 20)"), memory_mb=1024)
    assert roomy.ask(["LC-"]) == [[(0, 1)]]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("raise ValueError(text)", "ValueError"),
        ("raise type(text.replace('-', '_'), (KeyError,), {})(text)", "KeyError"),
        ("raise type('LC_12345678', (Exception,), {'__module__': 'builtins'})", "an exception"),
        ("sys.exit(text)", "SystemExit"),
        ("raise KeyboardInterrupt(text)", "KeyboardInterrupt"),
        ("return ((0, 1 // 0) for _ in text)", "ZeroDivisionError"),
        ("find(text)", "RecursionError"),
    ],
)
def test_an_exception_is_named_by_its_builtin_class_only(
    make: Make, body: Body, fault: Fault, statement: str, name: str
) -> None:
    """The process is well, so the same one answers the next question."""
    detector = make(body(statement))
    process = detector.pid
    assert fault(detector) == f"failed with {name}"
    assert detector.ask(["well"]) == [[(0, 1)]]
    assert detector.pid == process


SHAPE, RANGE = "returned something that is not a list of (start, end)", "returned a span outside the text"
MANY = "found too many places"


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("None", SHAPE),
        ("text", SHAPE),
        ("5", SHAPE),
        ("[text]", SHAPE),
        ("['ab']", SHAPE),
        ("[(text, text)]", SHAPE),
        ("[(0, 1, 2)]", SHAPE),
        ("[(0.0, 1.0)]", SHAPE),
        ("[None]", SHAPE),
        ("[(-1, 2)]", RANGE),
        ("[(0, len(text) + 1)]", RANGE),
        ("[(3, 3)]", RANGE),
        ("[(4, 3)]", RANGE),
        ("[(0, 10 ** 6000)]", RANGE),
        ("[(0, 1)] * 10001", MANY),
        ("iter(lambda: (0, 1), None)", MANY),
    ],
)
def test_garbage_is_a_fault(make: Make, body: Body, fault: Fault, returned: str, reason: str) -> None:
    detector = make(body(f"return {returned}"))
    assert fault(detector) == reason
    assert detector.ask(["well"]) == [[(0, 1)]]


def test_the_cap_of_spans_holds_for_a_request_not_for_each_text(make: Make, fault: Fault) -> None:
    detector = make("def find(text):\n    return [(0, 1)] * 6000\n")
    assert detector.ask(["a"]) == [[(0, 1)] * 6000]
    assert fault(detector, "a", "b") == MANY


def frame(reply: str, *, number: int = 2, size: int | None = None) -> bytes:
    """What the file writes itself to the first question after it was loaded."""
    body = reply.encode()
    return (len(body) if size is None else size).to_bytes(4, "big") + number.to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(b"x" * 8, id="no frame"),
        pytest.param(frame('{"spans": [[], []]}', number=1), id="an answer to an earlier question"),
        pytest.param(frame("[]"), id="no object"),
        pytest.param(frame("{}"), id="no answer"),
        pytest.param(frame("{"), id="no JSON"),
        pytest.param(frame("[" * 100_000), id="nested too deeply"),
        pytest.param(frame("", size=2**32 - 1), id="too long"),
        pytest.param(frame('{"spans": [[]]}'), id="too few texts"),
        pytest.param(frame('{"spans": [[], [[0, 99]]]}'), id="out of range"),
        pytest.param(frame('{"spans": [[], [[0, 1, 2]]]}'), id="no pair"),
        pytest.param(frame('{"spans": [[], [[0, true]]]}'), id="no numbers"),
        pytest.param(frame('{"spans": [[], 3]}'), id="no list"),
        pytest.param(frame('{"spans": null}'), id="nothing"),
        pytest.param(frame('{"refused": "LC-12345678"}'), id="a reason of its own"),
        pytest.param(frame('{"refused": ["shape"]}'), id="no reason"),
    ],
)
def test_what_is_no_answer_is_a_fault(
    make: Make, body: Body, fault: Fault, eventually: Eventually, secret: str, forged: bytes
) -> None:
    """Also where a file writes to every descriptor that it finds."""
    detector = make(body(f"for n in range(3, 10):\n    try: os.write(n, {forged!r})\n    except OSError: pass"))
    assert fault(detector, "well", secret) == "sent an answer that cannot be read"
    assert eventually(lambda: detector.ask(["well"]) == [[(0, 1)]])


def test_too_many_bytes_are_a_fault(make: Make, fault: Fault) -> None:
    detector = make(max_bytes=1000)
    assert detector.ask(["a" * 900]) == [[]]
    assert re.fullmatch(r"may be sent 1000 bytes at once, the request has \d+", fault(detector, "é" * 500))


def test_a_thread_does_not_wait_for_its_turn_for_ever(make: Make, fault: Fault) -> None:
    detector = make(deadline_ms=SHORT_MS)
    with detector._keeper._turn:
        assert fault(detector) == "is asked by too many threads at once"


def test_all_threads_return_while_one_question_hangs(make: Make, body: Body, secret: str) -> None:
    """Nobody waits for ever, and nobody gets another's answer."""
    detector = make(body("time.sleep(1000)", otherwise="[(0, len(text))]"), deadline_ms=SHORT_MS)
    answers: list[tuple[int, object]] = []

    def ask(number: int) -> None:
        answers.append((number, detector.ask(["x" * number if number else secret])))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(answers) == len(threads)
    for number, found in answers:
        assert isinstance(found, DetectorFault) or (number and found == [[(0, number)]])
