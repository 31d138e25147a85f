"""What tests share: one decision to vary, and the shipped encoder, opened once."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from router_ml import Router
from router_ml.contract import RouteDecision
from router_ml.storage.bundle import Bundle
from router_ml.understanding.encoder import Encoder

# A shared machine may stall for longer than any deadline; other examples are drawn in every run.
settings.register_profile("router_ml", deadline=None, max_examples=50)
settings.load_profile("router_ml")

# What is imported and collected stays until the end; to look through it for garbage takes a quarter of that time.
gc.disable()


def pytest_collection_finish() -> None:
    """Garbage is looked for again, among what the tests leave."""
    gc.collect()
    gc.freeze()
    gc.enable()


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def models(root: Path) -> Path:
    """The bundle that ships."""
    return root / "models" / "default"


@pytest.fixture(scope="session")
def bundle(models: Path) -> Bundle:
    """The bundle that ships, opened."""
    return Bundle.load(models)


@pytest.fixture(scope="session")
def router(bundle: Bundle) -> Router:
    """A router on the shipped bundle that logs nowhere."""
    return Router(bundle.config, bundle=bundle)


@pytest.fixture(scope="session")
def encoder(models: Path) -> Encoder:
    """The encoder that ships."""
    return Encoder.load(models / "encoder")


def _decision(**overrides: Any) -> RouteDecision:
    bounds = {"quality_low": 0.70, "quality_high": 0.92, "evidence": 31.0}
    fields: dict[str, Any] = {
        "decision_id": "dec-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "request_id": "req-1",
        "created_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "action": "route",
        "reason": "balanced keeps the floor at the lowest cost.",
        "route": "support_action_medium",
        "traffic_class": "default",
        "floor": 0.7,
        "quality_per_usd": 30.0,
        "intent": {"label": "action", "probabilities": {"action": 0.91, "qa": 0.09}},
        "domain": {"label": "support", "probabilities": {"support": 0.88, "general": 0.12}},
        "mode": {"label": "chat", "probabilities": {"chat": 0.97, "batch": 0.03}},
        "language": {"code": "en", "validated": True},
        "risks": [{"name": "state_change", "probability": 0.83, "source": "model"}],
        "risk_tier": "medium",
        "findings": [],
        "guard_state": "clean",
        "lane": "balanced",
        "model": "mistral/mistral-large-2512",
        "decoding": {"temperature": 0.0, "max_tokens": 800},
        "limits": {"max_tool_calls": 4, "deadline_ms": 45000, "max_cost_usd": 0.25},
        "retrieval": {"strategy": "light", "index": "help_center", "top_k": 5, "reranker": "cross-encoder"},
        "tools": [
            {"name": "order_lookup", "version": "1"},
            {"name": "refund", "version": "1", "required": True, "approval": True},
        ],
        "output_contract": {"name": "json", "type": "json", "schema": {"type": "object"}},
        "fallback": {
            "on_timeout": [{"lane": "private", "attempts": 2, "backoff_ms": 250}],
            "on_error": [{"lane": "code"}],
            "finally": "human_review",
        },
        "eligible": ["balanced", "private", "code"],
        "excluded": {"fast": ["region us, policy eu-residency allows eu"]},
        "learned_lane": "fast",
        "overridden_by": ["eu-residency"],
        "estimates": {
            "balanced": {"quality": 0.84, "cost_usd": 0.0009, "latency_ms": 4200, **bounds},
            "private": {"quality": 0.74, "cost_usd": 0.0001, "latency_ms": 2900, **bounds, "evidence": 0.0},
        },
        "propensities": {"balanced": 0.95, "private": 0.05},
        "propensity": 0.95,
        "explored": False,
        "seed": 7,
        "state": {"bandit_step": 12, "lambda": 30.0, "lane_health": {"fast": "healthy"}},
        "policies": [{"id": "eu-residency", "version": "1", "effect": "regions eu"}],
        "versions": {
            "contract": "1.0",
            "bundle": "default-0a1b2c",
            "policy_sha256": "aa11",
            "config_sha256": "bb22",
            "encoder": "cc33",
            "prices": "dd44",
        },
    }
    return RouteDecision.model_validate({**fields, **overrides})


@pytest.fixture(scope="session")
def make_decision() -> Callable[..., RouteDecision]:
    """Build a valid decision; keyword arguments replace fields."""
    return _decision
