"""Small random requests and a projection for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from router_ml.allocation.context import Contexts, Projection
from router_ml.allocation.similarity import Similarity

D, P, S, INTENTS, DOMAINS = 24, 12, 4, 3, 2


def _contexts(n: int, seed: int = 0) -> Contexts:
    rng = np.random.default_rng(seed)
    embedding = rng.normal(size=(n, D)).astype(np.float32)
    return Contexts(
        embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        surface=rng.random((n, S)).astype(np.float32),
        intent=rng.dirichlet(np.ones(INTENTS), n).astype(np.float32),
        domain=rng.dirichlet(np.ones(DOMAINS), n).astype(np.float32),
        tokens_in=rng.integers(1, 2000, n),
    )


@pytest.fixture(scope="session")
def make_contexts() -> Callable[..., Contexts]:
    """``make_contexts(n, seed=0)``: n random requests."""
    return _contexts


@pytest.fixture(scope="session")
def projection() -> Projection:
    """A random projection to 12 components."""
    rng = np.random.default_rng(1)
    return Projection(
        mean=np.full(D, 0.01, np.float32),
        components=np.linalg.qr(rng.normal(size=(D, P)))[0].astype(np.float32),
        scale=np.full(P, 0.2, np.float32),
        surface_mean=np.full(S, 0.5, np.float32),
        surface_scale=np.full(S, 2.0, np.float32),
    )


@pytest.fixture(scope="session")
def similarity() -> Similarity:
    """Nearness to 12 random landmarks."""
    surface = {"surface_mean": np.full(S, 0.5, np.float32), "surface_scale": np.full(S, 2.0, np.float32)}
    bare = Similarity(np.empty((0, D + S), np.float32), np.array([0.6], np.float32), **surface)
    return Similarity(bare.coordinates(_contexts(12, 9)), bare.reach, **surface)
