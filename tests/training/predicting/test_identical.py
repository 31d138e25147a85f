"""The same request is found again, and another one is not taken for it."""

from __future__ import annotations

import numpy as np

from training.outcomes import load_pack
from training.predicting.identical import same_request


def test_the_prompts_that_ship_are_all_different() -> None:
    embeddings = load_pack().contexts.embedding
    assert same_request(embeddings).tolist() == list(range(len(embeddings)))


def test_a_request_is_found_again_in_other_precision() -> None:
    """A pack keeps half precision, a log single."""
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(500, 768)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    again = embeddings.astype(np.float16).astype(np.float32)
    found = same_request(np.concatenate([embeddings, again, embeddings]))
    assert found.tolist() == list(range(500)) * 3


def test_no_request_is_no_group() -> None:
    assert same_request(np.empty((0, 768), np.float32)).tolist() == []
