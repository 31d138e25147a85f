"""``make demo`` closes the whole loop, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_demo_closes_the_loop(root: Path) -> None:
    """Every step prints its result, no request goes to a dark lane, and the last decision comes from the registry."""
    pytest.importorskip("mlflow", reason="the demo needs the 'registry' extra")
    done = subprocess.run(
        [sys.executable, "-m", "training.demo"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "132"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    for part in (
        "no eligible lane",
        "no evidence",
        "follow-up in a session",
        "doubly robust",
        "always premium",
        "\n0 requests went to a dark lane",
        "Routed again by router/",
    ):
        assert part in done.stdout
    written = root / "runs" / "demo"
    assert "<svg" in (written / "outage.svg").read_text(encoding="utf-8")
    assert "vendor outage 48h" in (written / "outage.html").read_text(encoding="utf-8")
