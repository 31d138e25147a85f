"""Requests as arrays: rows stay together whatever is done with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from router_ml.allocation.context import Contexts, Projection

Make = Callable[..., Contexts]


def test_stacking_undoes_taking(make_contexts: Make) -> None:
    """A row whose embedding and price belong to different requests would never be noticed."""
    contexts = make_contexts(7)
    parts = [contexts.take(slice(0, 3)), contexts.take(np.array([3, 4])), contexts.take(np.arange(7) > 4)]
    assert [len(part) for part in parts] == [3, 2, 2]
    stacked = Contexts.stack(parts)
    for field in fields(Contexts):
        np.testing.assert_array_equal(getattr(stacked, field.name), getattr(contexts, field.name))


def test_taking_reorders_every_array(make_contexts: Make) -> None:
    contexts = make_contexts(5)
    turned = contexts.take(np.array([4, 3, 2, 1, 0]))
    for field in fields(Contexts):
        np.testing.assert_array_equal(getattr(turned, field.name), getattr(contexts, field.name)[::-1])


def test_no_requests_are_no_rows(make_contexts: Make, projection: Projection) -> None:
    assert projection.features(make_contexts(0)).shape == (0, 12 + 4 + 3 + 2)


def test_features_are_components_surface_and_classes_in_that_order(make_contexts: Make, projection: Projection) -> None:
    """Fitted slopes hold one row per feature, in this order."""
    contexts = make_contexts(4)
    features = projection.features(contexts)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, :12], projection.semantic(contexts), rtol=1e-6)
    np.testing.assert_allclose(features[:, 12:16], (contexts.surface - 0.5) / 2)
    np.testing.assert_array_equal(features[:, 16:19], contexts.intent)
    np.testing.assert_array_equal(features[:, 19:], contexts.domain)


def test_components_are_centred_rotated_and_scaled(projection: Projection, make_contexts: Make) -> None:
    contexts = make_contexts(1)
    moved = Contexts(**{**vars(contexts), "embedding": projection.mean[None] + 0.2 * projection.components[:, 3][None]})
    assert projection.semantic(moved)[0].tolist() == pytest.approx(np.eye(12)[3].tolist(), abs=1e-5)


def test_a_shape_that_no_evaluated_prompt_had_is_cut(projection: Projection, make_contexts: Make) -> None:
    """Two Chinese words were once expected to take 65,000 tokens to answer: all evaluated prompts were English."""
    contexts = make_contexts(2)
    far = Contexts(**{**vars(contexts), "surface": contexts.surface + np.float32(1e4)})
    farther = Contexts(**{**vars(contexts), "surface": contexts.surface + np.float32(1e6)})
    np.testing.assert_array_equal(projection.features(far), projection.features(farther))
    assert np.abs(projection.features(far)[:, 12:16]).max() <= 4
