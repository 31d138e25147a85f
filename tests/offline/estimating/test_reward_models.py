"""Cross-fitting from sums gives the same model as fitting on the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline import ope
from router_ml.offline.estimating import reward_models
from router_ml.offline.feedback import Feedback


@given(st.integers(0, 1000), st.booleans())
def test_taking_a_fold_out_of_the_sums_is_fitting_without_its_rows(seed: int, grouped: bool) -> None:
    """The fast path reads the rows once; its numbers must be those of the plain one."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(120, 4)) * [1, 10, 0.1, 0] + [0, 100, 0, 3]
    feedback = Feedback(
        action=rng.integers(0, 3, size=120),
        propensity=np.full(120, 1 / 3),
        reward=np.where(rng.random(120) < 0.6, rng.random(120), np.nan),
        rated_probability=np.full(120, 0.6),
    )
    groups = rng.integers(0, 30, size=120) if grouped else None
    model = ope.ridge(3)
    fast = ope.cross_fit(model, features, feedback, groups=groups, seed=seed)
    plain = ope.cross_fit(model.__call__, features, feedback, groups=groups, seed=seed)
    np.testing.assert_allclose(fast, plain, atol=1e-8)


def test_chunks_do_not_change_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a million rows is read in parts."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(100, 3)).astype(np.float32)
    feedback = Feedback(action=rng.integers(0, 2, size=100), propensity=np.full(100, 0.5), reward=rng.random(100))
    whole = ope.cross_fit(ope.ridge(2), features, feedback)
    monkeypatch.setattr(reward_models, "AT_ONCE", 17)
    np.testing.assert_allclose(ope.cross_fit(ope.ridge(2), features, feedback), whole, atol=1e-10)
