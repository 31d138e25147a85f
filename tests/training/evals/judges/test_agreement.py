"""How far a judge agrees with people, and what its verdicts are worth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from training.evals.judges.agreement import ac1, agreement, grades, kappa, position_bias, wilson
from training.evals.judges.corrected import prediction_powered, rogan_gladen
from training.evals.judges.measure import WORLDS, World, held


def judged(
    rng: np.random.Generator, n: int, *, right: float, sensitivity: float, specificity: float
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and verdicts of a judge that errs as said."""
    truth = rng.random(n) < right
    said = np.where(truth, rng.random(n) < sensitivity, rng.random(n) > specificity)
    return truth.astype(float), said.astype(float)


def test_worked_examples() -> None:
    """Kappa .4 of 50 answers (20 both yes, 15 both no, 5 and 10 apart); where kappa is low AC1 is not."""
    human, judge = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert kappa(human, judge) == pytest.approx(0.4)
    mostly, said = [1] * 48 + [0, 1], [1] * 48 + [1, 0]
    assert kappa(mostly, said) == pytest.approx(-0.0204, abs=1e-3)
    assert ac1(mostly, said) == pytest.approx(0.958, abs=2e-3)
    assert math.isnan(kappa([1, 1], [1, 1]))
    assert wilson(8, 10).low == pytest.approx(0.4901, abs=1e-3)


def test_weighted_kappa_against_scikit_learn() -> None:
    """Kappa with squared weights is that of the library."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the second opinion")
    rng = np.random.default_rng(3)
    one = rng.integers(1, 6, 200)
    other = np.clip(one + rng.integers(-1, 2, 200), 1, 5)
    assert kappa(one, other, squared=True) == pytest.approx(metrics.cohen_kappa_score(one, other, weights="quadratic"))
    assert kappa(one, other) == pytest.approx(metrics.cohen_kappa_score(one, other))


def test_what_a_judge_is_like_is_recovered() -> None:
    """Sensitivity, specificity and bias of a simulated judge lie in their intervals."""
    human, judge = judged(np.random.default_rng(5), 2000, right=0.7, sensitivity=0.92, specificity=0.75)
    found = agreement(human, judge)
    assert found.sensitivity.low <= 0.92 <= found.sensitivity.high
    assert found.specificity.low <= 0.75 <= found.specificity.high
    assert found.bias.low <= 0.7 * 0.92 + 0.3 * 0.25 - 0.7 <= found.bias.high
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert sum(found.table.values()) == found.n == 2000


def test_a_lenient_judge_is_told_from_chance() -> None:
    """A judge that passes too much has a bias that chance does not explain; a fair one has not."""
    rng = np.random.default_rng(7)
    lenient = agreement(*judged(rng, 400, right=0.6, sensitivity=0.98, specificity=0.6))
    assert lenient.bias.low > 0
    assert lenient.p_bias < 0.001
    assert agreement([1, 0, 1, 0] * 10, [0, 1, 1, 0] * 10).p_bias == 1.0


def test_grades() -> None:
    """A judge that is one point kind throughout has the same order and a shift of one."""
    found = grades([1, 2, 3, 4] * 10, [2, 3, 4, 5] * 10)
    assert found.spearman.value == pytest.approx(1)
    assert found.shift.value == pytest.approx(1)
    assert found.same.value == 0
    assert found.kappa.value < 1


def test_position_bias() -> None:
    """A judge that goes with the place is told, one that goes with the answer is not."""
    fair = position_bias([("A", "B"), ("B", "A"), ("tie", "tie")] * 5)
    assert fair.consistent.value == 1
    assert fair.p == 1
    biased = position_bias([("A", "A")] * 12 + [("A", "B")] * 8)
    assert (biased.a, biased.b) == (12, 0)
    assert biased.p < 0.001


@pytest.mark.parametrize("world", WORLDS)
def test_the_corrected_share_holds_the_truth(world: World) -> None:
    """Both corrections hold the true share in about 95 of 100 draws, where the judge's own share does not."""
    found = held(world, draws=300)
    assert found.rogan_gladen > 0.92
    assert found.prediction_powered > 0.92
    assert found.uncorrected < 0.92


def test_a_good_judge_makes_few_labels_go_further() -> None:
    """With a judge that is mostly right, the interval is narrower than that of the labels alone."""
    human, judge = judged(np.random.default_rng(2), 3000, right=0.6, sensitivity=0.97, specificity=0.95)
    found = prediction_powered(human[:100], judge[:100], judge[100:])
    alone = wilson(int(human[:100].sum()), 100)
    assert found.high - found.low < 0.7 * (alone.high - alone.low)


def test_a_useless_judge_is_refused() -> None:
    """A judge no better than chance corrects nothing."""
    with pytest.raises(OfflineDataError, match="no better than chance"):
        rogan_gladen(passed=50, of=100, sensitivity=(5, 10), specificity=(4, 10))
    with pytest.raises(OfflineDataError, match="0 \\(wrong\\) or 1"):
        agreement([1, 2], [1, 1])
    with pytest.raises(OfflineDataError, match="as many of both"):
        agreement([1], [1, 1])
