"""Virtual environments of their own for servers of others, which do not resolve beside what we install.

Built once below ``runs/environments`` and used again for as long as their requirements stay the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "runs" / "environments"
MLFLOW = ("-e .", "mlflow==3.17.2", "psycopg[binary]>=3.2")
"""The full MLflow with this package beside it, for its server and for ``mlflow models serve``."""
_PATIENCE = 900.0  # seconds for one installation
_UNREACHABLE = (
    "NewConnectionError",
    "Max retries exceeded",
    "Connection to",
    "Connection refused",
    "Name or service not known",
    "Temporary failure in name resolution",
    "ProxyError",
    "Network is unreachable",
    "Read timed out",
)


def environment(name: str, requirements: Sequence[str], *, folder: Path = FOLDER, patience: float = _PATIENCE) -> Path:
    """The python of a virtual environment that holds ``requirements``; the test is skipped where no index answers.

    Args:
        name: of its folder. requirements: lines of a requirements file, pinned; a path in one is relative to the root
            of the repository, so ``-e .`` is this package. patience: seconds.

    Raises:
        RuntimeError: pip reached an index and could not install them.
    """
    wanted = "\n".join([*requirements, ""])
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n{wanted}".encode()).hexdigest()
    place, ready = folder / name, folder / name / ".ready"
    python = place / "bin" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists() and ready.read_text() == digest:
            return python
        ready.unlink(missing_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(place)], patience)
        (place / "requirements.txt").write_text(wanted)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--retries", "1"]
        _run([*pip, "-r", str(place / "requirements.txt")], patience)
        ready.write_text(digest)
    return python


def _run(command: list[str], patience: float) -> None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"no environment: {' '.join(command[:4])} took more than {patience:.0f} s")
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    if any(sign in said for sign in _UNREACHABLE):
        pytest.skip(f"no environment: pip reached no index ({said.strip().splitlines()[-1][:200]})")
    raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said[-4000:]}")
