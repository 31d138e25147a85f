"""Measure or drill the gateway: ``python -m benchmarks.serve WHAT [options]``.

WHAT is a module of this folder with a ``main``, such as *route*. Each ends with status 1 where a promise was not kept.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy is imported: more threads would wait for each other

KNOWN = sorted(
    file.stem for file in Path(__file__).parent.glob("[a-z]*.py") if "\ndef main(" in file.read_text(encoding="utf-8")
)


def run(arguments: list[str]) -> int:
    """Hand the options to what is to be measured."""
    if not arguments or arguments[0] not in KNOWN:
        sys.stderr.write(f"Usage: python -m benchmarks.serve {'|'.join(KNOWN)} [options]\n")
        return 2
    return int(import_module(f"benchmarks.serve.{arguments[0]}").main(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
