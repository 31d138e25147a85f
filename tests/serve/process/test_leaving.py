"""Who a worker belongs to: it ends with its parent, and a gateway that runs alone outlives the shell that started
it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ORPHANED = """
import multiprocessing, os, pathlib, signal, sys, time
from router_ml.serve.process.leaving import Orphaned

def look(said, before):
    signal.signal(signal.SIGTERM, lambda *_: said.append("told to end"))
    while os.getppid() == before:
        time.sleep(0.01)
    Orphaned().look()
    pathlib.Path(sys.argv[1]).write_text(" ".join(said) or "goes on")

def worker():
    look([], parent)

parent = os.getppid()  # of a worker: taken when it begins
if __name__ == "__main__":
    if sys.argv[2] == "alone":
        look([], parent)
    else:
        multiprocessing.get_context("spawn").Process(target=worker).start()
        while not pathlib.Path(sys.argv[1] + ".go").exists():
            time.sleep(0.01)
        os._exit(0)
"""


def after_its_parent(folder: Path, how: str) -> str:
    """What a process does that looks for the first time when its parent is gone already."""
    script, found = folder / "orphaned.py", folder / "found"
    script.write_text(ORPHANED)
    command = f'"{sys.executable}" "{script}" "{found}" {how} & sleep 2; touch "{found}.go"'
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["sh", "-c", command], check=True, timeout=240, env=environ)
    until = time.monotonic() + 240
    while not (found.exists() and found.read_text()):
        assert time.monotonic() < until, "it never looked"
        time.sleep(0.02)
    return found.read_text()


@pytest.mark.slow
def test_a_worker_whose_parent_died_before_it_served_ends(tmp_path: Path) -> None:
    assert after_its_parent(tmp_path, "worker") == "told to end"


@pytest.mark.slow
def test_a_gateway_alone_outlives_the_shell_that_started_it(tmp_path: Path) -> None:
    assert after_its_parent(tmp_path, "alone") == "goes on"
