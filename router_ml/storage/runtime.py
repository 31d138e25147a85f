"""What computes here: libraries and class of CPU, as far as the last digits of a number may depend on them."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine

PACKAGES = ("router-ml", "onnxruntime", "tokenizers", "numpy", "vowpalwabbit", "regex", "phonenumbers")
_FEATURES = ("avx512_vnni", "avx_vnni", "avx512f", "avx2", "asimddp", "asimd")  # best first: kernels are chosen by it
_CPU = Path("/proc/cpuinfo")


@cache
def platform() -> str:
    """Versions and CPU class, comma separated: ``router-ml 0.1.0, onnxruntime 1.32.0, ..., x86_64 avx512_vnni``.

    Two platforms that differ may decide alike; a difference between decisions may come from it.
    """
    python = ".".join(map(str, sys.version_info[:2]))  # its tables of characters change with the minor version
    return ", ".join([*(f"{name} {_version(name)}" for name in PACKAGES), f"python {python}", cpu_class()])


def cpu_class() -> str:
    """The machine and the best instruction set that matters for sums, where the system tells: ``x86_64 avx2``."""
    try:
        lines = _CPU.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return machine()
    flags = next((line.split() for line in lines if line.lower().startswith(("flags", "features"))), [])
    return " ".join([machine(), *[name for name in _FEATURES if name in flags][:1]])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
