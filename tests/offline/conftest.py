"""A made-up judged matrix, and a made-up log of a champion, whose truths are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router_ml.offline.gating.trial import Trial
from router_ml.offline.judging.judged import Judged

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


def _trial(
    n: int = 2000,
    *,
    seed: int = 0,
    cheap: float = 0.75,
    dear: float = 0.75,
    rated: float = 1.0,
    cluster: bool = False,
) -> Trial:
    """A champion takes ``dear`` (lane 0) in 60 of 100 decisions, ``cheap`` (1) in 30 and another (2) in 10; the
    challenger swaps the first two. Qualities are 0 or 1 with the probabilities given."""
    rng = np.random.default_rng(seed)
    truth, price = np.array([dear, cheap, 0.7]), np.array([2e-3, 1e-3, 1.5e-3])
    logging = np.tile([0.6, 0.3, 0.1], (n, 1))
    action = rng.choice(3, n, p=logging[0])
    quality = (rng.random(n) < truth[action]).astype(float)
    believed = truth[action]
    return Trial(
        lanes=("dear", "cheap", "other"),
        target=np.tile([0.3, 0.6, 0.1], (n, 1)),
        logging=logging,
        action=action,
        quality=np.where(rng.random(n) < rated, quality, np.nan),
        rated_probability=np.full(n, rated),
        cost_usd=price[action] * rng.uniform(0.5, 1.5, n),
        quality_model=np.tile(truth, (n, 1)),
        cost_model=np.tile(price, (n, 1)),
        predicted=believed,
        believed=believed,
        slices={"class": np.full(n, "all")},
        cluster=np.arange(n) % 20 if cluster else None,
    )


@pytest.fixture(scope="session")
def make_trial() -> Callable[..., Trial]:
    """``make_trial(n, seed=, cheap=, dear=, rated=, cluster=)``."""
    return _trial
