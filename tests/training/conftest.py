"""Made-up outcome matrices and logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from router_ml.allocation.context import Contexts
from router_ml.config import load_config, prices_sha256
from router_ml.storage.database.records import LoggedData
from router_ml.storage.loading import shipped_bundle
from router_ml.understanding.classifier import Classifier
from training.outcomes import Pack, load_pack


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


def _logged(
    rows: int = 400,
    *,
    seed: int = 0,
    best: float = 0.9,
    other: float = 0.5,
    rated: float = 0.7,
    drawn: bool = True,
    **changes: Any,
) -> LoggedData:
    """Decisions between ``balanced`` and ``premium``, of the prompts that ship: premium's ratings are 1 with
    probability ``best``, balanced's with ``other``; each was drawn with probability 1/2."""
    random, pack = np.random.default_rng(seed), load_pack()
    at, action = np.arange(rows) % len(pack.group), random.integers(0, 2, rows)
    contexts, lanes = pack.contexts.take(at), ("balanced", "premium")
    embedding = contexts.embedding + random.normal(scale=0.01, size=contexts.embedding.shape).astype(np.float32)
    spec = Classifier.load(shipped_bundle()).spec
    config = load_config(shipped_bundle() / "router.yaml")
    quality = (random.random(rows) < np.where(action == 1, best, other)).astype(np.float64)
    both = np.full((rows, 2), 0.5)
    fields: dict[str, Any] = {
        "lanes": lanes,
        "encoder": pack.encoder,
        "decision_ids": np.array([f"dec-{seed}-{row}" for row in range(rows)]),
        "created_at": np.datetime64("2026-01-01", "us") + np.arange(rows).astype("timedelta64[m]"),
        "traffic_class": np.full(rows, "default"),
        "floor": np.full(rows, 0.7),
        "intent": np.array(spec.intent.labels)[contexts.intent.argmax(axis=1)],
        "domain": np.array(spec.domain.labels)[contexts.domain.argmax(axis=1)],
        "language": np.full(rows, "en"),
        "org": np.where(np.arange(rows) % 4 == 0, "acme", ""),
        "action": action,
        "executed": action,
        "randomised": np.full(rows, drawn),
        "propensities": both if drawn else np.eye(2)[action],
        "eligible": np.ones((rows, 2), dtype=bool),
        "estimated_quality": both,
        "estimated_cost_usd": both * 1e-3,
        "quality": np.where(random.random(rows) < rated, quality, np.nan),
        "rated_probability": np.full(rows, rated),
        "cost_usd": np.full(rows, 1e-4),
        "latency_ms": np.full(rows, 900.0),
        "embeddings": embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        "features": np.concatenate(
            [contexts.surface, contexts.intent, contexts.domain, contexts.tokens_in[:, None]], axis=1
        ).astype(np.float32),
        "model": np.array([config.lanes[lane].model for lane in lanes])[action],
        "lane_version": np.full(rows, "1"),
        "prices": np.full(rows, prices_sha256(config)),
        "late": np.zeros(rows, dtype=bool),
        "arm": np.full(rows, "champion"),
        "arm_share": np.ones(rows),
        "risk_tier": np.full(rows, "low"),
        "abstained": np.zeros(rows, dtype=bool),
    }
    return LoggedData(**(fields | changes))


@pytest.fixture(scope="session")
def make_logged() -> Callable[..., LoggedData]:
    """Made-up logged decisions; how many, how good, how many rated, and any array, may be given."""
    return _logged
