"""What outcomes say beyond the batch model: a lane that breaks is followed, a quiet one is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.changepoint import NEW_VERSION
from router_ml.allocation.context import Contexts
from router_ml.allocation.posterior import Posterior
from router_ml.errors import BundleFormatError, InvalidRequestError

Make = Callable[..., Contexts]
VERSIONS = {"a": "1", "b": "1"}
RATINGS = 120  # what 400 requests bring at 30% ratings


def posterior(versions: dict[str, str] = VERSIONS, learned: dict[str, str] = VERSIONS) -> Posterior:
    return Posterior(versions, learned=learned)


def rate(one: Posterior, contexts: Contexts, residuals: np.ndarray, lane: str = "a") -> None:
    for row, residual in enumerate(residuals.tolist()):
        request = contexts.take(slice(row, row + 1))
        one.learn(lane, request, predicted=0.5, quality=float(np.clip(0.5 + residual, 0, 1)))


def shift(one: Posterior, contexts: Contexts, lane: str = "a") -> float:
    return float(one.drift(contexts, [lane]).shift.mean())


def test_without_outcomes_nothing_is_added(make_contexts: Make) -> None:
    """A lane that nobody rated is exactly what the batch model says, with all of its evidence and no more."""
    drift = posterior().drift(make_contexts(5), ["b", "a"])
    assert (drift.shift == 0).all()
    assert (drift.retained == 1).all()
    assert (drift.precision == 0).all()
    assert drift.shift.shape == (5, 2)


@pytest.mark.parametrize("noise", [0.1, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_broken_lane_is_followed_within_400_requests(make_contexts: Make, noise: float, seed: int) -> None:
    """80% of the way down after 120 ratings, however long the lane had been good before."""
    rng, one, contexts = np.random.default_rng(seed), posterior(), make_contexts(500)
    quiet = rng.normal(size=300) * noise
    rate(one, contexts, quiet)
    assert abs(shift(one, contexts)) < 0.08, "noise of quiet times is not followed"
    broken = np.clip(rng.normal(size=RATINGS) * noise - 0.25, -0.5, 0.5)
    rate(one, contexts, broken)
    assert shift(one, contexts) < 0.8 * broken.mean()
    assert one.drift(contexts, ["a"]).retained.max() < 0.2, "old evidence no longer counts"


def test_a_lane_that_recovers_is_trusted_again(make_contexts: Make) -> None:
    rng, one, contexts = np.random.default_rng(0), posterior(), make_contexts(500)
    for level in (0.0, -0.3, 0.0):
        rate(one, contexts, rng.normal(size=150) * 0.1 + level)
    assert shift(one, contexts) == pytest.approx(0, abs=0.05)


def test_a_cell_that_breaks_moves_more_than_the_others(make_contexts: Make) -> None:
    """A regression in one kind of request is seen there first."""
    rng, one, contexts = np.random.default_rng(0), posterior(), make_contexts(600)
    intent = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 600)]
    domain = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 600)]
    contexts = Contexts(contexts.embedding, contexts.surface, intent, domain, contexts.tokens_in)
    hit = intent[:, 0] == 1
    rate(one, contexts, rng.normal(size=600) * 0.05 - np.where(hit, 0.3, 0.0))
    seen = one.drift(contexts, ["a"]).shift[:, 0]
    assert seen[hit].mean() < -0.2
    assert seen[~hit].mean() > -0.1


def test_more_ratings_are_more_evidence(make_contexts: Make) -> None:
    rng, one, contexts = np.random.default_rng(0), posterior(learned={}), make_contexts(200)
    precisions = []
    for _ in range(4):
        rate(one, contexts, rng.normal(size=50) * 0.1)
        precisions.append(float(one.drift(contexts, ["a"]).precision.mean()))
    assert precisions == sorted(precisions)
    assert precisions[0] > 0


def test_a_new_version_is_doubted_and_an_unknown_lane_has_no_model_behind_it(make_contexts: Make) -> None:
    drift = posterior({"a": "2", "b": "1", "c": "1"}).drift(make_contexts(3), ["a", "b", "c"])
    assert drift.retained[0].tolist() == pytest.approx([NEW_VERSION, 1.0, 0.0])


def test_it_goes_on_exactly_where_it_stopped(make_contexts: Make) -> None:
    """A server that starts again must not forget a broken lane; the state is plain JSON."""
    rng, one, contexts = np.random.default_rng(0), posterior(), make_contexts(200)
    rate(one, contexts, rng.normal(size=60) * 0.1 - 0.3)
    again = posterior()
    again.restore(json.loads(json.dumps(one.state())))
    more = rng.normal(size=20) * 0.1
    for each in (one, again):
        rate(each, contexts, more)
    assert again.state() == one.state()


def test_a_version_that_changes_over_a_restart_is_doubted_and_a_removed_lane_is_kept(make_contexts: Make) -> None:
    rng, one, contexts = np.random.default_rng(0), posterior(), make_contexts(100)
    rate(one, contexts, rng.normal(size=100) * 0.1 - 0.3)
    rate(one, contexts, rng.normal(size=100) * 0.1 + 0.1, lane="b")
    next_one = posterior({"a": "2"})
    next_one.restore(one.state())
    assert -0.3 < shift(next_one, contexts) < 0
    assert next_one.drift(contexts, ["a"]).precision.mean() < one.drift(contexts, ["a"]).precision.mean() / 5
    last = posterior({"a": "2", "b": "1"})
    last.restore(next_one.state())
    assert shift(last, contexts, "b") == shift(one, contexts, "b")
    assert shift(last, contexts, "a") == shift(next_one, contexts, "a"), "doubted once, not at every restart"


@pytest.mark.parametrize("state", [{}, {"format": 9}, {"format": 1}, {"format": 1, "versions": {}, "lanes": {"a": {}}}])
def test_what_is_not_a_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(BundleFormatError):
        posterior().restore(state)


@pytest.mark.parametrize(("name", "value"), [("quality", 1.2), ("quality", float("nan")), ("predicted", -0.1)])
def test_a_bad_outcome_is_refused_and_nothing_has_been_learned(make_contexts: Make, name: str, value: float) -> None:
    one = posterior()
    with pytest.raises(InvalidRequestError, match=name):
        one.learn("a", make_contexts(1), **{"predicted": 0.5, "quality": 0.5, name: value})
    assert one.state() == posterior().state()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_any_outcomes_leave_a_posterior_that_can_be_used(qualities: list[float], predicted: float) -> None:
    """Shifts stay inside what outcomes can say, shares in 0..1, precision finite; the same outcomes, the same bytes."""
    joint = np.array([[0.6, 0.4]], np.float32)
    request = Contexts(*(np.zeros((1, 1), np.float32),) * 2, joint, joint, np.array([5]))
    one, two = posterior(), posterior()
    for quality in qualities:
        for each in (one, two):
            each.learn("a", request, predicted=predicted, quality=quality)
    drift = one.drift(request, ["a", "b"])
    assert (np.abs(drift.shift) <= 1 + 1e-9).all()
    assert ((drift.retained >= 0) & (drift.retained <= 1)).all()
    assert (np.isfinite(drift.precision) & (drift.precision >= 0)).all()
    assert json.dumps(one.state()) == json.dumps(two.state())
