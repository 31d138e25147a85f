"""The examples run as their README says, and say what they should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("openai_client", ("dec_", "city=", "refused")),
        ("langchain_chat", ("city=", "dec_")),
        ("llama_index_query", ("dec_", "policies-1")),
        ("litellm_router", ("answer",)),
    ],
)
@pytest.mark.slow
def test_an_example_runs(root: Path, name: str, said: tuple[str, ...]) -> None:
    surroundings = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", f"examples.{name}"]
    ran = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    for part in said:
        assert part in ran.stdout, ran.stdout
