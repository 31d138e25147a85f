"""Ratings that are missing for a known reason can be weighted for."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.estimating.ratings import of_log, rated_probability
from router_ml.offline.feedback import Feedback, Floats
from router_ml.storage.database.records import LoggedData


def log(seed: int, count: int = 4000) -> tuple[Floats, Any, Any, Floats, Floats]:
    """Features, actions, rated, rewards and true P(rated): good answers are rated more, through a feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 2))
    action = rng.integers(0, 2, size=count)
    odds = 1 / (1 + np.exp(-(features[:, 0] + 0.5 * action - 0.3)))
    reward = (rng.random(count) < 1 / (1 + np.exp(-2 * features[:, 0]))).astype(float)
    return features, action, rng.random(count) < odds, reward, odds


@pytest.mark.parametrize("model", ["logistic", "cells"])
def test_it_undoes_a_selection_that_features_explain(model: Any) -> None:
    """The plain mean of rated rewards is 10 points too high; weighting brings it back."""
    features, action, rated, reward, odds = log(0)
    known = features if model == "logistic" else np.round(features[:, 0])
    found = rated_probability(known, action, rated, lanes=2, model=model)
    assert np.abs(found - odds).mean() < (0.03 if model == "logistic" else 0.08)
    feedback = Feedback(
        action=action,
        propensity=np.full(len(action), 0.5),
        reward=np.where(rated, reward, np.nan),
        rated_probability=found,
    )
    target = np.full((len(action), 2), 0.5)
    assert reward[rated].mean() > 0.6
    assert ope.snips(target, feedback).value == pytest.approx(0.5, abs=0.04)
    bare = ope.cross_fit(ope.ridge(2), features, feedback)
    assert ope.dr(target, feedback, bare).value == pytest.approx(0.5, abs=0.04)


def test_no_row_is_predicted_from_its_own_rating() -> None:
    """A feature that is unique to each row must not tell whether it was rated."""
    rng = np.random.default_rng(1)
    rated = rng.random(400) < 0.5
    found = rated_probability(np.arange(400), np.zeros(400, dtype=int), rated, lanes=1, model="cells")
    assert abs(np.corrcoef(found, rated)[0, 1]) < 0.2
    assert found == pytest.approx(
        rated_probability(np.arange(400), np.zeros(400, dtype=int), rated, lanes=1, model="cells")
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rated": [True] * 6}, "nothing to model"),
        ({"rated": [False] * 6}, "nothing to model"),
        ({"action": [0, 1, 2, 0, 1, 0]}, "over 2 lanes"),
        ({"action": [0, 1]}, "2 actions"),
        ({"features": [[np.nan]] * 6}, "NaN or infinity"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], said: str) -> None:
    good = {"features": [[1.0]] * 6, "action": [0, 1] * 3, "rated": [True, False] * 3}
    with pytest.raises(OfflineDataError, match=said):
        rated_probability(**{**good, **change}, lanes=2, folds=2)


def logged_of(count: int, **known: Any) -> LoggedData:
    """A log of two lanes of which nothing else is known."""
    values: dict[str, Any] = {item.name: np.full(count, "") for item in fields(LoggedData)}
    matrices = dict.fromkeys(("propensities", "estimated_quality", "estimated_cost_usd"), np.full((count, 2), 0.5))
    values |= {**matrices, "lanes": ("a", "b"), "action": np.arange(count) % 2, "features": np.ones((count, 3))}
    return LoggedData(**{**values, **known})


def test_of_a_log_it_undoes_what_the_lane_and_the_embedding_decide() -> None:
    rng = np.random.default_rng(0)
    place = rng.normal(size=(3000, 20)).astype(np.float32)
    place[:, 0] *= 3
    chance = 1 / (1 + np.exp(-0.5 * place[:, 0] - 0.5))
    asked = rng.random(3000) < chance
    quality = np.where(asked, 1.0, np.nan)
    logged_rows = logged_of(3000, embeddings=place, quality=quality)
    found = of_log(logged_rows)
    rated = np.isfinite(logged_rows.quality)
    assert np.abs(found - chance).mean() < 0.05
    assert (1 / found[rated]).sum() == pytest.approx(len(rated), rel=0.05)
    assert (of_log(logged_rows.select(rated)) == 1).all()
    assert np.isnan(of_log(logged_rows.select(~rated))).all()
