"""A made-up judged matrix whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router_ml.offline.judged import Judged

LANES = ("cheap", "dear")


def _judged(n: int = 600, *, seed: int = 0, loss: float = 0.0, hard_loss: float = 0.3, policy: float = 0.0) -> Judged:
    """Half easy, half hard requests. ``dear`` scores .9 and costs 10 times as much; ``cheap`` is ``loss`` worse on easy
    and ``hard_loss`` worse on hard ones. ``policy``: the probability of ``dear`` everywhere."""
    random = np.random.default_rng(seed)
    hard = np.arange(n) % 2 == 1
    luck = random.random((n, 2)) - 0.5
    quality = np.clip(0.9 - np.stack([np.where(hard, hard_loss, loss), np.zeros(n)], axis=1) + 0.1 * luck, 0, 1)
    whole = np.ones((n, 2), bool)
    return Judged(
        source="matrix",
        lanes=LANES,
        quality=quality,
        cost_usd=np.stack([0.001 + 0.0001 * luck[:, 0], 0.010 + 0.001 * luck[:, 1]], axis=1),
        policy=np.stack([np.full(n, 1 - policy), np.full(n, policy)], axis=1),
        eligible=whole,
        outcomes=whole,
        group=np.arange(n),
        intent=np.where(hard, "reasoning", "qa"),
        domain=np.full(n, "general"),
        quality_per_usd=np.full(n, 5.0),
    )


@pytest.fixture(scope="session")
def make_judged() -> Callable[..., Judged]:
    """``make_judged(n, seed=, loss=, hard_loss=, policy=)``."""
    return _judged
