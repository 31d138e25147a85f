"""What a fresh process pays: import, first decision, memory. Each number comes from new processes of this Python.

Measure before the parent grows: on Linux, ``ru_maxrss`` of a child starts at what its parent held.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

FIRST_DECISION = 'from router_ml import predict_route; predict_route("Which planet has the strongest winds?")'
SINGLES = """
from router_ml import Router
router = Router.load()
for text in texts: router.predict_route(text)
"""
BATCH = """
from router_ml import Router
Router.load().predict_routes(texts)
"""
_MEMORY = """
import json, resource, sys
texts = json.load(sys.stdin)
{code}
scale = 1 if sys.platform == "darwin" else 1024
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale))
"""
_TIMEOUT_S = 300


def seconds(code: str, *, runs: int) -> float:
    """Median wall time of ``python -c code``, in seconds."""
    return statistics.median(_seconds(code) for _ in range(runs))


def seconds_over_bare(code: str, *, runs: int) -> float:
    """The same less a Python that does nothing, measured in turns: the median of the differences."""
    return statistics.median(_seconds(code) - _seconds("pass") for _ in range(runs))


def peak_bytes(code: str, texts_json: str) -> int:
    """Peak resident memory of a process that runs ``code`` with ``texts``, a list given as JSON."""
    command = [sys.executable, "-c", _MEMORY.format(code=code)]
    seen = subprocess.run(
        command, input=texts_json, capture_output=True, text=True, env=_environment(), timeout=_TIMEOUT_S, check=True
    )
    return int(seen.stdout)


def _seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=_environment(), timeout=_TIMEOUT_S, check=True)
    return time.perf_counter() - start


def _environment() -> dict[str, str]:
    """The same without a log or another model: what ships is measured."""
    return {name: value for name, value in os.environ.items() if name not in ("ROUTER_ML_MODEL", "ROUTER_ML_LOG")}
