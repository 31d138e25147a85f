"""A fault server in a process of its own, so that what is measured does not share a processor's lock with it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from router_ml.faults import FaultServer

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 10


@contextmanager
def server_apart(script: Mapping[str, Any] | None = None) -> Iterator[FaultServer]:
    """The addresses of a server that runs elsewhere; its script is that of a file."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "script.json"
        file.write_text(json.dumps(dict(script or {})), encoding="utf-8")
        command = [sys.executable, "-m", "router_ml.faults", "--no-bodies", "--script", str(file)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
            try:
                line = running.stdout.readline() if running.stdout else ""
                yield FaultServer(port=int(line.strip().rpartition(":")[2]))
            finally:
                running.terminate()
                running.wait(_PATIENCE_S)


def counted(server: FaultServer) -> dict[tuple[str, str], int]:
    """Calls that it has seen, by model and fault."""
    with urllib.request.urlopen(f"{server.url}/faults/calls", timeout=_PATIENCE_S) as response:
        seen = json.load(response)["calls"]
    return {(one["model"], one["fault"]): one["count"] for one in seen}
