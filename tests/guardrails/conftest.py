"""What the guardrail tests share: a scan of one text, and values that are made at run time.

No key, card or id that looks live stands in these files, so that no scanner mistakes them for a leak.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from router_ml.contract import RouteRequest
from router_ml.guardrails import Scan, scan

MAX_BYTES = 262_144
ALNUM = string.ascii_letters + string.digits


def _scan_text(text: str) -> Scan:
    return scan(RouteRequest(text=text), max_bytes=MAX_BYTES)


def _types_in(text: str) -> list[str]:
    return [finding.type for finding in _scan_text(text).findings]


@pytest.fixture(scope="session")
def scan_text() -> Callable[[str], Scan]:
    """Scan one text."""
    return _scan_text


@pytest.fixture(scope="session")
def types_in() -> Callable[[str], list[str]]:
    """Types of the findings in one text, in order."""
    return _types_in


@pytest.fixture
def rng() -> random.Random:
    """A seeded source of values."""
    return random.Random(7)


@pytest.fixture
def made(rng: random.Random) -> Callable[..., str]:
    """Random characters: ``made(20)`` of letters and digits, ``made(32, "0123456789abcdef")`` of an alphabet."""
    return lambda count, alphabet=ALNUM: "".join(rng.choices(alphabet, k=count))
