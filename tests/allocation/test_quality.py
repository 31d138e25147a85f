"""Beliefs about quality: an honest interval, a prior that gives way to evidence, predictions that are qualities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.quality import EVIDENCE_CAP, Belief, QualityModel, believe
from router_ml.allocation.similarity import Similarity

Make = Callable[..., Contexts]
UNIT = st.floats(0, 1)
EVIDENCE = st.floats(0, 1e6)
STRENGTH = st.floats(0.1, 100)


def belief(predicted: float, evidence: float, prior: float, strength: float) -> Belief:
    return believe(
        np.array([[predicted]]), np.array([[evidence]]), prior=np.array([prior]), strength=np.array([strength])
    )


def width(one: Belief) -> float:
    return float(one.high[0, 0] - one.low[0, 0])


@given(UNIT, EVIDENCE, UNIT, STRENGTH)
def test_the_interval_holds_the_mean_and_stays_inside_0_and_1(p: float, n: float, prior: float, s: float) -> None:
    """The contract refuses anything else: the request would fail."""
    seen = belief(p, n, prior, s)
    assert 0 <= seen.low[0, 0] <= seen.quality[0, 0] <= seen.high[0, 0] <= 1


@given(UNIT, EVIDENCE, EVIDENCE, STRENGTH)
def test_more_evidence_for_the_same_mean_never_widens(p: float, n: float, m: float, s: float) -> None:
    less, more = sorted((n, m))
    assert width(belief(p, more, p, s)) <= width(belief(p, less, p, s)) + 1e-12


@given(UNIT, UNIT, EVIDENCE, EVIDENCE, STRENGTH)
def test_more_evidence_moves_the_mean_from_the_prior_to_the_prediction(
    p: float, prior: float, n: float, m: float, s: float
) -> None:
    less, more = (belief(p, value, prior, s).quality[0, 0] for value in sorted((n, m)))
    assert abs(more - p) <= abs(less - p) + 1e-12
    assert min(p, prior) - 1e-12 <= more <= max(p, prior) + 1e-12


def test_without_evidence_the_prior_speaks_alone() -> None:
    """Whatever a model extrapolates for a lane it has never seen must not count."""
    for predicted in (0.0, 0.5, 1.0):
        assert belief(predicted, 0, 0.8, 4).quality[0, 0] == 0.8


def test_evidence_is_capped_in_the_interval_and_reported_in_full() -> None:
    """Similar prompts are not independent draws: a million of them do not make a lane certain."""
    many, enough = belief(0.9, 1e6, 0.5, 4), belief(0.9, EVIDENCE_CAP, 0.5, 4)
    assert width(many) == width(enough) > 0.05
    assert many.evidence[0, 0] == 1e6


def test_the_interval_is_wilsons() -> None:
    """5 of 10 and 19 of 20, against scipy's."""
    stats = pytest.importorskip("scipy.stats", reason="scipy (extra: offline) is the oracle")
    for good, n in ((5, 10), (19, 20)):
        expected = stats.binomtest(good, n).proportion_ci(0.9, method="wilson")
        seen = belief(good / n, n - 4, good / n, 4)
        assert (seen.low[0, 0], seen.high[0, 0]) == pytest.approx((expected.low, expected.high))


def test_the_interval_covers_a_known_truth() -> None:
    """Lanes whose quality comes from the prior that is believed, 30 outcomes each.

    The lower bound carries the promised floor: it errs on the safe side (measured: 2.6% below it, 10.3% above).
    """
    rng = np.random.default_rng(5)
    truth = rng.beta(8, 2, 4000)
    seen = rng.binomial(30, truth) / 30
    held = believe(seen[:, None], np.full((4000, 1), 30.0), prior=np.array([0.8]), strength=np.array([10.0]))
    assert (truth < held.low[:, 0]).mean() < 0.06
    assert ((held.low[:, 0] <= truth) & (truth <= held.high[:, 0])).mean() > 0.85


@pytest.fixture
def model(similarity: Similarity) -> QualityModel:
    rng = np.random.default_rng(2)
    return QualityModel(
        lanes=("a", "b"),
        similarity=similarity,
        offset=np.array([0.6, 0.7], np.float32),
        weights=(rng.random((12, 2)) - 0.5).astype(np.float32),
        counts=(rng.random((3, 2, 2)) * 20).astype(np.float32),
        cells=rng.random((3, 2, 2)).astype(np.float32),
    )


def test_predictions_are_qualities_of_every_request_and_lane(model: QualityModel, make_contexts: Make) -> None:
    seen = model.predict(make_contexts(5000))
    assert seen.shape == (5000, 2)
    assert seen.dtype == np.float32
    assert ((seen >= 0) & (seen <= 1)).all()
    assert model.predict(make_contexts(0)).shape == (0, 2)
    np.testing.assert_allclose(seen[4990:], model.predict(make_contexts(5000).take(slice(4990, None))), atol=1e-6)


def test_far_from_everything_a_lane_has_its_offset(model: QualityModel) -> None:
    """A request that is like nothing evaluated must not be promised more than the average."""
    nothing = np.zeros((1, len(model.similarity.landmarks)), np.float32)
    empty = Contexts(*(np.zeros((1, n), np.float32) for n in (24, 4, 3, 2)), tokens_in=np.array([5]))
    np.testing.assert_array_equal(model.predict(empty, nothing)[0], model.offset)


def test_nearness_that_is_known_already_gives_the_same(model: QualityModel, make_contexts: Make) -> None:
    contexts = make_contexts(7)
    given = model.predict(contexts, model.similarity.near(contexts))
    np.testing.assert_array_equal(given, model.predict(contexts))


@given(UNIT, UNIT, EVIDENCE, UNIT, STRENGTH)
def test_bounds_speak_of_the_cell_and_hold_the_request(p: float, cell: float, n: float, prior: float, s: float) -> None:
    """A floor promises an average: a request that is harder than its cell must not hide that the cell keeps it."""
    known = {"prior": np.array([prior]), "strength": np.array([s])}
    seen = believe(np.array([[p]]), np.array([[n]]), cell=np.array([[cell]]), **known)
    average = believe(np.array([[cell]]), np.array([[n]]), **known)
    mean = seen.quality[0, 0]
    assert seen.low[0, 0] == pytest.approx(min(average.low[0, 0], mean), abs=1e-12)
    assert seen.high[0, 0] == pytest.approx(max(average.high[0, 0], mean), abs=1e-12)


def test_evidence_is_the_count_of_the_requests_cell(model: QualityModel, make_contexts: Make) -> None:
    contexts = make_contexts(2)
    sure = Contexts(
        **{
            **vars(contexts),
            "intent": np.eye(3, dtype=np.float32)[[2, 0]],
            "domain": np.eye(2, dtype=np.float32)[[1, 0]],
        }
    )
    np.testing.assert_allclose(model.evidence(sure), [model.counts[2, 1], model.counts[0, 0]], rtol=1e-6)
    unsure = Contexts(**{**vars(sure), "intent": np.full((2, 3), 1 / 3, np.float32)})
    np.testing.assert_allclose(model.evidence(unsure)[0], model.counts[:, 1].mean(axis=0), rtol=1e-5)
