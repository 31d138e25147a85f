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


def labelled(both: int, strict: int, lenient: int, neither: int) -> tuple[list[int], list[int]]:
    """Labels of people and of a judge, from their table."""
    return [1] * (both + strict) + [0] * (lenient + neither), [1] * both + [0] * strict + [1] * lenient + [0] * neither


def test_published_examples() -> None:
    """Kappa of Cohen (1960) and of the four tables of Feinstein & Cicchetti (1990); AC1 of Gwet (2008), where kappa is
    below 0; score intervals of Newcombe (1998)."""
    table = [(0, 88, 14, 18), (1, 10, 40, 10), (2, 2, 6, 12)]
    cohen = [(human, judge) for human, *row in table for judge, count in enumerate(row) for _ in range(count)]
    assert kappa(*zip(*cohen, strict=True)) == pytest.approx(0.492, abs=5e-4)
    tables = {(40, 9, 6, 45): 0.70, (80, 10, 5, 5): 0.32, (45, 15, 25, 15): 0.13, (25, 35, 5, 35): 0.26}
    for counts, value in tables.items():
        assert kappa(*labelled(*counts)) == pytest.approx(value, abs=5e-3)
    gwet = labelled(118, 5, 2, 0)
    assert (kappa(*gwet), ac1(*gwet)) == (pytest.approx(-0.0234, abs=5e-5), pytest.approx(0.9408, abs=5e-5))
    newcombe = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (count, of), interval in newcombe.items():
        assert (wilson(count, of).low, wilson(count, of).high) == pytest.approx(interval, abs=5e-5)
    assert math.isnan(kappa([1, 1], [1, 1]))


def test_agreement_throughout_is_not_certain() -> None:
    """Of 25 answers on which nobody differs, kappa and AC1 are 1, and might be lower; of 12 that differ, 10 one way,
    the exact test of McNemar is that of a coin."""
    found = agreement(*labelled(20, 0, 0, 5))
    for one in (found.kappa, found.ac1):
        assert (one.value, one.high) == (1, 1)
        assert 0.6 < one.low < 0.95
    assert found.bias.low < 0 < found.bias.high
    assert agreement(*labelled(0, 10, 2, 10)).p_bias == pytest.approx(2 * (1 + 12 + 66) / 2**12)


def test_intervals_hold_the_truth() -> None:
    """Kappa and AC1 of a good judge lie in about 95 of 100 intervals; a bootstrap's hold in less than half of them."""
    rng = np.random.default_rng(0)
    shares = np.array([0.693, 0.007, 0.003, 0.297])
    truth = agreement(*labelled(*(shares * 1000).astype(int)))
    drawn = [agreement(*labelled(*rng.multinomial(50, shares)), seed=n) for n in range(200)]
    for name in ("kappa", "ac1"):
        true = getattr(truth, name).value
        assert np.mean([getattr(one, name).low <= true <= getattr(one, name).high for one in drawn]) > 0.88


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
