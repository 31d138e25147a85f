"""What the guardrail tests share: a scan of one text, and values that are made at run time.

No key, card or id that looks live stands in these files, so that no scanner mistakes them for a leak.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

import pytest

from router_ml.config import RouterConfig
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


BOUNDARIES, REGIONS = ("private", "vendor", "public"), ("eu", "us")
LANES = {  # name -> boundary, region, grade, provider, failure domain, capabilities, context window
    "house": ("private", "eu", 1, "vllm", "rack-a", ["tools"], 8_000),
    "house-us": ("private", "us", 2, "vllm", "rack-b", [], 8_000),
    "mid": ("vendor", "eu", 2, "acme", "acme", ["tools", "vision"], 100_000),
    "big": ("vendor", "us", 3, "zenith", "zenith", ["tools", "vision"], 1_000_000),
    "open": ("public", "us", 3, "anyone", "anyone", ["tools"], 100_000),
}
TOOLS: dict[str, dict[str, Any]] = {
    "search": {"effect": "read"},
    "orders": {"effect": "read", "boundary": "private"},
    "refund": {"effect": "write", "boundary": "private"},
    "crm": {"effect": "write", "boundary": "vendor", "region": "us"},
}
INDEXES = {"web": {}, "manuals": {"boundary": "private"}, "vendor-eu": {"boundary": "vendor", "region": "eu"}}


def _lane(row: tuple[Any, ...]) -> dict[str, Any]:
    boundary, region, grade, provider, domain, capabilities, window = row
    return {
        "model": "m",
        "provider": provider,
        "failure_domain": domain,
        "region": region,
        "boundary": boundary,
        "price": {"input_per_mtok": 1, "output_per_mtok": 1},
        "latency": {"base_ms": 1, "ms_per_output_token": 1},
        "prior": {"quality": 0.5},
        "context_window": window,
        "max_output_tokens": 1000,
        "capabilities": capabilities,
        "grade": grade,
    }


def _policy(number: int, when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"id": f"p{number}", "version": "1", "owner": "o", "rationale": "r", "when": when, "then": then}


def _config(*rules: tuple[dict[str, Any], dict[str, Any]], disabled: str = "", **more: Any) -> RouterConfig:
    lanes = {name: _lane(row) | {"enabled": name != disabled} for name, row in LANES.items()}
    return RouterConfig.model_validate(
        {
            "version": 1,
            "boundaries": BOUNDARIES,
            "regions": REGIONS,
            "lanes": lanes,
            "tools": {name: {"version": "1"} | tool for name, tool in TOOLS.items()},
            "indexes": INDEXES,
            "policies": [_policy(number, *parts) for number, parts in enumerate(rules)],
            "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 1}},
            **more,
        }
    )


@pytest.fixture(scope="session")
def config() -> Callable[..., RouterConfig]:
    """A small configuration with the given rules, each as ``(when, then)``."""
    return _config
