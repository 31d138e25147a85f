"""A small configuration with every kind of place, to lay policies over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router_ml.config import RouterConfig

LANES = {"house": ("private", "eu"), "mid": ("vendor", "eu"), "big": ("vendor", "us"), "open": ("public", "us")}
PLACES = {"here": {"boundary": "private"}, "there": {"boundary": "vendor", "region": "us"}, "anywhere": {}}


def _lane(boundary: str, region: str, grade: int) -> dict[str, Any]:
    return {
        **{"model": "m", "provider": "p", "failure_domain": "f", "region": region, "boundary": boundary},
        **{"price": {"input_per_mtok": 1, "output_per_mtok": 1}, "latency": {"base_ms": 1, "ms_per_output_token": 1}},
        **{"prior": {"quality": 0.5}, "context_window": 10_000, "max_output_tokens": 100, "grade": grade},
        "capabilities": ["tools"],
    }


def _policy(name: str, when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "version": "1", "owner": "o", "rationale": "r", "when": when, "then": then}


def _config(*rules: tuple[dict[str, Any], dict[str, Any]]) -> RouterConfig:
    return RouterConfig.model_validate(
        {
            "version": 1,
            "regions": ["eu", "us"],
            "lanes": {name: _lane(*place, grade=number % 3 + 1) for number, (name, place) in enumerate(LANES.items())},
            "tools": {
                "search": {"version": "1", "effect": "read"},
                "refund": {"version": "1", "effect": "write", "boundary": "private"},
                "crm": {"version": "1", "effect": "write", "boundary": "vendor", "region": "us"},
            },
            "indexes": PLACES,
            "rerankers": PLACES,
            "judges": PLACES,
            "trace_sinks": PLACES,
            "policies": [_policy(f"p{number}", *rule) for number, rule in enumerate(rules)],
            "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 1}},
        }
    )


@pytest.fixture(scope="session")
def config() -> Callable[..., RouterConfig]:
    """The configuration with the given rules, each as ``(when, then)``, named p0, p1 and so on."""
    return _config


@pytest.fixture(scope="session")
def policy() -> Callable[..., dict[str, Any]]:
    """A policy as a mapping: ``policy(id, when, then)``."""
    return _policy
