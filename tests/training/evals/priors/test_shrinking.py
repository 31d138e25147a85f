"""Shrinkage: intervals that hold what is planted, a cell that is itself where it has answers, and no surprise at the
ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.evals.priors.likelihood import Reliability, Seen
from training.evals.priors.shrinking import Cells, shrink

Floats = NDArray[np.float64]
SHAPE = (3, 3)
ROWS, COLUMNS = np.divmod(np.arange(9), 3)


def of(successes: list[float] | Floats, counts: list[float] | Floats, **given: object) -> Cells:
    values: dict[str, object] = {"intents": ROWS, "domains": COLUMNS, "prior": 0.8, "worth": 4.0, **given}
    return shrink(np.array(successes, float), np.array(counts, float), **values)  # type: ignore[arg-type]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 300)), min_size=9, max_size=9), st.floats(0, 1))
def test_every_belief_is_a_quality_inside_its_interval(cells: list[tuple[float, float]], prior: float) -> None:
    """Whatever was counted, fractions and extremes too: the file refuses anything else."""
    share, count = np.array(cells).T
    found = of(share * count, count, prior=prior)
    assert (found.low >= 0).all()
    assert (found.low <= found.quality).all()
    assert (found.quality <= found.high).all()
    assert (found.high <= 1).all()
    assert (found.strength > 0).all()
    assert np.allclose(found.counted, count, rtol=1e-6)


def test_without_answers_all_cells_are_what_is_configured() -> None:
    """About the prior, with little strength and a wide interval."""
    found = of([0.0] * 9, [0.0] * 9)
    assert found.quality == pytest.approx(np.full(9, 0.8), abs=0.08)
    assert (found.strength < 4).all()
    assert (found.high - found.low > 0.5).all()


def test_a_cell_with_many_answers_is_itself() -> None:
    """One odd cell, 0.3 among 0.95, is not talked out of what 200 answers say."""
    counts = np.full(9, 200.0)
    rates = np.full(9, 0.95)
    rates[4] = 0.3
    found = of(rates * counts, counts)
    assert found.quality[4] == pytest.approx(0.3, abs=0.03)
    assert found.low[4] < 0.3 < found.high[4]


def test_a_cell_without_answers_follows_its_intent_and_domain() -> None:
    """Bad at one intent everywhere else: the last cell of that intent is expected to be bad too, and less surely so."""
    rates = np.where(ROWS == 1, 0.3, 0.9)
    counts = np.full(9, 80.0)
    counts[5] = 0.0
    found = of(rates * counts, counts)
    assert found.quality[5] < 0.5
    assert found.quality[8] > 0.8
    assert found.high[5] - found.low[5] > found.high[4] - found.low[4]


def test_few_cells_say_little_of_how_far_the_others_lie() -> None:
    """Where each cell is its own, a spread that is drawn towards 0 makes beliefs about the others too sure."""
    intents, domains = np.divmod(np.arange(25), 5)
    counts, passed = np.zeros(25), np.zeros(25)
    counts[[0, 6, 12]], passed[[0, 6, 12]] = 30, (27, 15, 24)
    found = shrink(passed, counts, intents=intents, domains=domains, prior=0.7, worth=6.0)
    assert found.low[24] < 0.16
    assert found.strength[24] < 3.3


def test_more_answers_of_the_same_rate_narrow_the_interval() -> None:
    """Evidence is worth something."""
    widths = []
    for size in (2.0, 10.0, 50.0, 250.0):
        found = of(np.full(9, 0.8 * size), np.full(9, size))
        widths.append(float((found.high - found.low).mean()))
    assert widths == sorted(widths, reverse=True)


def test_all_right_and_all_wrong_leave_0_and_1_possible() -> None:
    """200 of 200 do not exclude that a lane never fails."""
    assert (of([200.0] * 9, [200.0] * 9).high == 1).all()
    assert (of([0.0] * 9, [200.0] * 9, prior=0.2).low == 0).all()


def test_a_judge_that_errs_leaves_more_open_and_is_corrected() -> None:
    """0.2 + 0.7 * 0.8 = 0.76 of the answers pass a judge of sensitivity .9 and specificity .8 where 0.8 are right."""
    judge = Reliability(0.9, 0.8)
    counts = np.full(9, 100.0)
    plain, erring = of(0.8 * counts, counts), of(0.76 * counts, counts, judges=(judge,))
    assert erring.quality == pytest.approx(plain.quality, abs=0.02)
    assert (erring.high - erring.low > plain.high - plain.low).all()
    assert (erring.counted < 60).all()


def test_the_gradient_is_that_of_the_likelihood() -> None:
    """Newton's steps rest on it, also for judges that err."""
    seen = Seen.of(np.array([[7.0, 2.0]]), np.array([[9.0, 5.0]]), (Reliability(), Reliability(0.9, 0.7)))
    for f in (-3.0, 0.2, 2.5):
        step = 1e-5
        ends = [seen.likelihood(np.array([[f + move]]))[2][0] for move in (-step, step)]
        slope = seen.likelihood(np.array([[f]]))[0][0, 0]
        assert slope == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-4, abs=1e-6)


def test_intervals_hold_what_is_planted() -> None:
    """90% at least of 270 cells of lanes with effects of intents, domains and cells; the benchmark says how many."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(30):
        logits = (
            rng.normal(1, 0.8) + rng.normal(0, 0.5, 3)[ROWS] + rng.normal(0, 0.5, 3)[COLUMNS] + rng.normal(0, 0.3, 9)
        )
        quality = 1 / (1 + np.exp(-logits))
        counts = rng.choice([0, 2, 10, 40], 9)
        found = of(rng.binomial(counts, quality).astype(float), counts.astype(float))
        held.append((found.low <= quality) & (quality <= found.high))
    assert np.mean(held) > 0.9
