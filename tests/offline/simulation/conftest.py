"""Made-up kinds of requests, and a scenario to vary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from router_ml.allocation.context import Contexts
from router_ml.contract import Constraints
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.kinds import Kinds


def _kinds(count: int = 60, *, lanes: tuple[str, ...] = ("private", "balanced", "fast", "premium")) -> Kinds:
    """Every tenth kind holds personal data; channels, regions and weights differ."""
    random, size = np.random.default_rng(0), (count, len(lanes))
    contexts = Contexts(
        embedding=np.zeros((count, 4), np.float32),
        surface=np.zeros((count, 3), np.float32),
        intent=np.full((count, 2), 0.5, np.float32),
        domain=np.full((count, 2), 0.5, np.float32),
        tokens_in=random.integers(10, 2000, count),
    )
    weight = 0.5 + random.random(count)
    return Kinds(
        contexts=contexts,
        facts=tuple(_facts(index) for index in range(count)),
        constraints=(Constraints(),) * count,
        traffic_class=(None,) * count,
        asks_back=np.zeros(count, bool),
        lanes=lanes,
        tokens_out=random.uniform(50, 900, size),
        quality=random.random(size),
        cost_usd=random.random(size) * 0.01 * (1 + np.arange(len(lanes))),
        latency_ms=random.random(size) * 1000,
        cluster=np.arange(count) // 2,
        weight=weight / weight.sum(),
        truth="believed",
        in_sample=False,
        source="made up",
    )


def _facts(index: int) -> Facts:
    private = index % 10 == 0
    return Facts(
        intent="qa" if index % 3 else "coding",
        domain="general",
        mode="chat",
        channel="web" if index % 2 else "api",
        org=None,
        region=(None, "eu", "us")[index % 3],
        risks=frozenset(["pii"]) if private else frozenset(),
        tier="high" if private else "low",
        findings=frozenset(),
        guard_state="hit" if private else "clean",
        tools=(),
        write_tool=False,
        language_validated=True,
        language="en",
    )


@pytest.fixture(scope="session")
def make_kinds() -> Callable[..., Kinds]:
    """``make_kinds(count, lanes=)``."""
    return _kinds


@pytest.fixture(scope="session")
def make_scenario() -> Callable[..., Scenario]:
    """``make_scenario(events=, **traffic)``: of a flat week, but for what is given."""

    def made(
        *, events: tuple[dict[str, Any], ...] = (), lanes: dict[str, Any] | None = None, **traffic: Any
    ) -> Scenario:
        flat = {"daily": "flat", "weekly": (1.0,) * 7, "requests": 10_000}
        return Scenario.model_validate(
            {"name": "made up", "traffic": {**flat, **traffic}, "events": events, "lanes": lanes or {}}
        )

    return made
