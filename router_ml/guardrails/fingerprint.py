"""Which detectors made a decision: one hash over everything that what they find depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import metadata, resources

from router_ml.guardrails.detectors.detector import Detector

_VALIDATORS = ("phonenumbers", "python-stdnum")


def fingerprint(detectors: Sequence[Detector]) -> str:
    """sha256, in hexadecimal, over a set of detectors.

    It covers the order, types, risks, patterns, flags, triggers and functions of the detectors, the source of the
    modules that detect, and the versions of the libraries that validate numbers. Worked out once for each set.
    """
    return _fingerprint(tuple(detectors))


@cache
def _fingerprint(detectors: tuple[Detector, ...]) -> str:
    rows = [
        (
            *(row.type, row.risk, row.pattern.pattern, row.pattern.flags, row.triggers, row.digits, row.run),
            f"{getattr(row.accept, '__module__', '')}.{getattr(row.accept, '__qualname__', '')}",
        )
        for row in detectors
    ]
    return hashlib.sha256(json.dumps([rows, _sources(), _versions()]).encode()).hexdigest()


@cache
def _sources() -> dict[str, str]:
    """sha256 of each guardrail module, by name; line ends of the check-out do not count."""
    files = resources.files("router_ml.guardrails").iterdir()
    texts = sorted((file.name, file.read_bytes()) for file in files if file.name.endswith(".py"))
    return {name: hashlib.sha256(text.replace(b"\r\n", b"\n")).hexdigest() for name, text in texts}


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _VALIDATORS}
