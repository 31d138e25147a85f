"""Made-up outcome matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router_ml.allocation.context import Contexts
from training.outcomes import Pack


def _pack(*, groups: int = 200, lanes: int = 3, seed: int = 0) -> Pack:
    """Prompts in near-duplicate pairs; one direction of the embedding says which lanes answer well."""
    rng = np.random.default_rng(seed)
    topic = rng.random(groups).repeat(2)
    embedding = rng.normal(size=(2 * groups, 24)) * 0.3
    embedding[:, 0] += np.where(topic > 0.5, 1.5, -1.5)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    hard = (topic > 0.5).astype(float)
    skill = np.linspace(0.0, 1.0, lanes)
    quality = np.clip(0.9 - 0.6 * hard[:, None] * (1 - skill) + rng.normal(size=(2 * groups, lanes)) * 0.05, 0, 1)
    cost = np.logspace(-5, -2, lanes) * np.exp(rng.normal(size=(2 * groups, 1)) * 0.2)
    share = np.stack([hard, 1 - hard], axis=1).astype(np.float32)
    shape = rng.random((2 * groups, 4)).astype(np.float32)
    contexts = Contexts(embedding.astype(np.float32), shape, share, share, np.full(2 * groups, 50))
    names = tuple(f"lane-{index}" for index in range(lanes))
    return Pack(contexts, quality, cost, np.arange(groups).repeat(2), names, "encoder", "digest")


@pytest.fixture(scope="session")
def make_pack() -> Callable[..., Pack]:
    """Prompts in near-duplicate pairs; the number of groups and lanes, and the seed, may be given."""
    return _pack


@pytest.fixture(scope="session")
def pack() -> Pack:
    """200 pairs of prompts on three lanes."""
    return _pack()
