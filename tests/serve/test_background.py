"""What takes long is worked out in a process of its own that lets requests come first, and ends with the gateway."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from router_ml.errors import RouterError
from router_ml.serve.background import Background

SAYS = "import json, os, sys; asked = json.load(sys.stdin); "


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", SAYS + code]


def test_it_is_worked_out_elsewhere_with_low_priority() -> None:
    code = "print(json.dumps({'result': [asked['n'] + 1, os.getpid(), os.nice(0), os.environ['OMP_NUM_THREADS']]}))"
    number, pid, niceness, threads = Background().beside(_python(code), {"n": 41})
    assert number == 42
    assert pid != os.getpid()
    assert threads == "1"
    if shutil.which("nice"):
        assert niceness >= 10


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(json.dumps({'error': 'It holds no decision.'}))", "It holds no decision"),
        ("sys.exit(1)", "without a result"),
        ("print('no json')", "without a result"),
    ],
)
def test_what_goes_wrong_there_is_said(code: str, said: str) -> None:
    with pytest.raises(RouterError, match=said):
        Background().beside(_python(code), {})


def test_it_ends_with_the_gateway(tmp_path: Path) -> None:
    background, pid, failed = Background(), tmp_path / "pid", []
    code = f"import time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def work() -> None:
        try:
            background.beside(_python(code), {})
        except RouterError as error:
            failed.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    give_up = time.monotonic() + 20
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    background.close()
    thread.join(20)
    assert not thread.is_alive()
    assert "without a result" in failed[0]
    assert not Path(f"/proc/{pid.read_text()}/cmdline").exists()
    assert not background.start("one", "more", lambda: None)
    with pytest.raises(RouterError, match="ends"):
        background.beside(_python(code), {})
