"""Sessions in docstrings (``>>>``) are what really happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_sessions_in_docstrings_are_true(root: Path) -> None:
    code = [path for part in ("router_ml", "benchmarks", "training") for path in sorted((root / part).rglob("*.py"))]
    shown = [str(path.relative_to(root)) for path in code if ">>> " in path.read_text(encoding="utf-8")]
    assert len(shown) > 50
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "--doctest-modules", *shown]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600, check=False)
    assert found.returncode == 0, found.stdout[-3000:]
