"""The life of a worker process: replaced when it is lost, and gone when its router is."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.guardrails.worker import UserDetector, load
from router_ml.guardrails.worker.keeper import Restarts

Make = Callable[..., UserDetector]
Body = Callable[..., str]
Fault = Callable[..., str]
Eventually = Callable[[Callable[[], bool]], bool]
IsRunning = Callable[[int], bool]
WAIT_S = 60.0


def test_closing_ends_the_process_and_what_it_started(
    make: Make, fault: Fault, eventually: Eventually, is_running: IsRunning, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    started = "import subprocess\nother = subprocess.Popen(['sleep', '1000'])\n"
    noted = f"open({str(note)!r}, 'w').write(str(other.pid))\n"
    detector = make(f"{started}{noted}def find(text):\n    return []\n")
    pid, other = detector.pid, int(note.read_text(encoding="utf-8"))
    assert pid is not None
    assert is_running(pid)
    assert is_running(other)
    detector.close()
    detector.close()
    assert not is_running(pid)
    assert eventually(lambda: not is_running(other))
    assert fault(detector) == "was closed"


def test_a_forgotten_detector_ends_its_process(write: Callable[..., Path], is_running: IsRunning) -> None:
    detector = load(write())
    pid = detector.pid
    assert pid is not None
    del detector
    gc.collect()
    assert not is_running(pid)


def orphan(path: Path, root: Path, end: str) -> int:
    """The worker of a router that has come to an end."""
    code = (
        "import os, signal, sys, threading, time\nfrom router_ml.guardrails.worker import load\n"
        f"detector = load({str(path)!r}, deadline_ms=1000)\nprint(detector.pid, flush=True)\n{end}\n"
    )
    env = os.environ | {"TMPDIR": str(path.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=env, capture_output=True, timeout=WAIT_S, check=False
    )
    return int(ran.stdout)


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["exits", "is killed"])
def test_no_process_or_folder_outlives_the_router(
    write: Callable[..., Path], tmp_path: Path, root: Path, eventually: Eventually, is_running: IsRunning, end: str
) -> None:
    pid = orphan(write(), root, end)
    assert eventually(lambda: not is_running(pid))
    assert eventually(lambda: not list(tmp_path.glob("router-ml-*")))


@pytest.mark.slow
def test_a_process_that_hangs_outlives_a_killed_router_by_seconds(
    write: Callable[..., Path], body: Body, secret: str, root: Path, eventually: Eventually, is_running: IsRunning
) -> None:
    asking = f"threading.Thread(target=detector.ask, args=([{secret!r}],), daemon=True).start(); time.sleep(0.2)"
    path = write(body("time.sleep(1000)"))
    pid = orphan(path, root, f"{asking}; os.kill(os.getpid(), signal.SIGKILL)")
    assert eventually(lambda: not is_running(pid))


class InterruptedByTestError(Exception):
    """What the signal handler below raises."""


def test_an_interrupted_question_leaves_no_answer_behind(
    make: Make, body: Body, secret: str, eventually: Eventually, is_running: IsRunning
) -> None:
    """Else the next request would get the spans of this one."""

    def interrupt(*_: object) -> None:
        raise InterruptedByTestError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        detector = make(body(f"os.kill(os.getppid(), {signal.SIGUSR1.value}); time.sleep(0.5)"))
        process = detector.pid
        assert process is not None
        with pytest.raises(InterruptedByTestError):
            detector.ask([secret])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not is_running(process)
    assert eventually(lambda: detector.ask(["well", "well"]) == [[(0, 1)], [(0, 1)]])


def test_a_process_killed_from_outside_is_replaced(
    make: Make, fault: Fault, secret: str, eventually: Eventually
) -> None:
    detector = make()
    assert detector.pid is not None
    os.kill(detector.pid, signal.SIGKILL)
    assert fault(detector) == "stopped"
    assert eventually(lambda: detector.ask([secret]) == [[(0, 11)]])


def test_a_restart_runs_the_source_that_was_hashed(
    make: Make, body: Body, fault: Fault, eventually: Eventually
) -> None:
    detector = make(body("os._exit(0)"))
    detector.path.write_text("raise SystemExit\n", encoding="utf-8")
    assert fault(detector) == "stopped"
    assert eventually(lambda: detector.ask(["well"]) == [[(0, 1)]])


def test_a_file_that_no_longer_loads_stays_a_fault(
    make: Make, fault: Fault, eventually: Eventually, tmp_path: Path
) -> None:
    """Until it loads again; not one answer is made up meanwhile."""
    mark = tmp_path / "broken"
    broken = f"if os.path.exists({str(mark)!r}):\n    raise OSError\n"
    detector = make(f"{broken}def find(text):\n    if 'LC-' in text:\n        os._exit(0)\n    return [(0, 1)]\n")
    mark.touch()
    assert fault(detector) == "stopped"
    assert {fault(detector, "well") for _ in range(20)} == {"is not running; it will be started again"}
    mark.unlink()
    assert eventually(lambda: detector.ask(["well"]) == [[(0, 1)]])


def test_a_forked_process_gets_a_worker_of_its_own(make: Make, secret: str, eventually: Eventually) -> None:
    """Two processes on one channel would read each other's answers; and the child must not end the parent's worker."""
    detector = make()
    pid = detector.pid
    child = os.fork()
    if child == 0:
        right = eventually(lambda: detector.ask([secret]) == [[(0, 11)]]) and detector.pid != pid
        detector.close()
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert detector.ask([secret]) == [[(0, 11)]]
    assert detector.pid == pid


def pause(restarts: Restarts, now: float) -> float:
    """Seconds until a process may be started, up to a minute."""
    return next((tenths / 10 for tenths in range(600) if restarts.may_start(now + tenths / 10 + 1e-6)), 60.0)


def test_restarts_are_paced() -> None:
    """At once after one loss, then ever later, and ten in a minute however often an answer comes between."""
    restarts, now = Restarts(), 100.0
    pauses = []
    for _ in range(10):
        restarts.lost(now)
        pauses.append(pause(restarts, now))
    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    for _ in range(10):
        restarts.answered()
        restarts.lost(now)
        assert restarts.may_start(now)
        restarts.started(now)
    assert not restarts.may_start(now + 59.9)
    assert restarts.may_start(now + 60.1)
