"""What a router may see of the training part: every outcome, or one lane per prompt, as a log would hold it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.allocation import Outcomes
from training.outcomes import Pack

Floats = NDArray[np.float64]
Feedback = Literal["full", "bandit", "prior+bandit"]
Logging = Literal["uniform", "skewed"]

EVALUATED = 200  # prompts run on every lane in prior+bandit
SKEW_STEP = 0.5  # each lane is drawn e^-0.5 = 0.61 times as often as the one before it
SKEW_BY_PROMPT = 0.5  # standard deviation of what the prompt adds to a lane's logit
SKEW_EVEN = 0.2  # share of draws that are even, so that no probability is near 0


def observe(train: Pack, feedback: Feedback, logging: Logging | None = None, *, seed: int) -> Outcomes:
    """Every outcome, or one lane per prompt, or that beside ``EVALUATED`` prompts (at most half of them) that were run
    on every lane.

    Args:
        logging: how the one lane was drawn: evenly (None too), or by ``skewed``.
    """
    count, lanes = train.quality.shape
    if feedback == "full":
        return Outcomes(train.contexts, train.quality, train.cost_usd, np.ones_like(train.quality))
    random = stream(seed, "logging")
    drawn_with = skewed(train, seed=seed) if logging == "skewed" else np.full((count, lanes), 1 / lanes)
    drawn = (random.random((count, 1)) > np.cumsum(drawn_with, axis=1)).sum(axis=1)
    seen = np.eye(lanes, dtype=bool)[np.minimum(drawn, lanes - 1)]
    probability = np.where(seen, drawn_with, np.nan)
    if feedback == "prior+bandit":
        evaluated = random.permutation(count)[: min(EVALUATED, count // 2)]
        seen[evaluated], probability[evaluated] = True, 1.0
    hidden = np.where(seen, 0.0, np.nan)
    return Outcomes(train.contexts, train.quality + hidden, train.cost_usd + hidden, probability)


def skewed(train: Pack, *, seed: int) -> Floats:
    """Probabilities (n, L) of a logger with preferences: a softmax over the lanes in a random order, bent by what the
    prompt is about, mixed with ``SKEW_EVEN`` of an even draw."""
    lanes = train.quality.shape[1]
    random = stream(seed, "skew")
    liked = -SKEW_STEP * random.permutation(lanes)
    about = train.contexts.embedding @ random.normal(size=(train.contexts.embedding.shape[1], lanes))
    logit = liked + SKEW_BY_PROMPT * (about - about.mean(axis=0)) / (about.std(axis=0) + 1e-9)
    weight = np.exp(logit - logit.max(axis=1, keepdims=True))
    result: Floats = (1 - SKEW_EVEN) * weight / weight.sum(axis=1, keepdims=True) + SKEW_EVEN / lanes
    return result


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Randomness of its own: with one stream for all, the lane that was logged and a fold would be the same number."""
    return np.random.default_rng([seed, *purpose.encode()])
