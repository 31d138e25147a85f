"""Nearness: the same alone as in a batch, largest at the request itself, and deaf to shapes that are off the scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.similarity import Similarity, kernel, squares

Make = Callable[..., Contexts]


def test_nothing_is_as_near_as_the_request_itself(similarity: Similarity, make_contexts: Make) -> None:
    """Landmarks are these 12."""
    near = similarity.near(make_contexts(12, 9))
    np.testing.assert_allclose(np.diag(near), 1, atol=2e-3)
    assert near[~np.eye(12, dtype=bool)].max() < 0.9


def test_a_row_does_not_depend_on_its_neighbours(similarity: Similarity, make_contexts: Make) -> None:
    contexts = make_contexts(4100)
    np.testing.assert_allclose(
        similarity.near(contexts)[4099:], similarity.near(contexts.take(slice(4099, None))), atol=1e-5
    )
    assert similarity.near(contexts.take(slice(0, 0))).shape == (0, 12)


def test_a_shape_that_nothing_had_counts_as_far_and_no_farther(similarity: Similarity, make_contexts: Make) -> None:
    contexts = make_contexts(1)
    strange = replace(contexts, surface=np.full_like(contexts.surface, 1e6))
    stranger = replace(contexts, surface=np.full_like(contexts.surface, 1e9))
    np.testing.assert_array_equal(similarity.near(strange), similarity.near(stranger))
    assert np.isfinite(similarity.near(strange)).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_the_kernel_is_positive_semidefinite(seed: int, points: int) -> None:
    """Otherwise a ridge on it could have no solution, and a prediction no meaning."""
    places = np.random.default_rng(seed).normal(size=(points, 3)).astype(np.float32)
    among = kernel(places, places, squares(places)).astype(np.float64)
    assert np.linalg.eigvalsh((among + among.T) / 2).min() > -1e-2
