"""Alarms ring for more failures than are tolerated, and rarely else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.reporting.alarms import FALSE, LEVEL, at_least, failure, ring


def seen(failed: list[bool], size: int = 1) -> dict[str, list[bool]]:
    """Rows by cluster, ``size`` in each."""
    return {str(start): failed[start : start + size] for start in range(0, len(failed), size)}


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.001, 0.999))
def test_the_test_is_the_exact_binomial_one(count: int, of: int, tolerated: float) -> None:
    """As scipy computes it."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
    count = min(count, of)
    oracle = stats.binomtest(count, of, tolerated, alternative="greater").pvalue
    assert at_least(count, of, tolerated) == pytest.approx(oracle, rel=1e-7, abs=1e-12)


def test_what_is_never_tolerated_alarms_at_once() -> None:
    """One failure of a kind that is not to be seen at all is an alarm, however many cases there were."""
    found = failure("leak", seen([True] + [False] * 999), cases=["c"], tolerated=0.0, means=None)
    assert found.alarm
    assert found.p_value is None


@pytest.mark.parametrize(("tests", "most"), [(1, LEVEL), (19, FALSE)])
def test_what_fails_as_often_as_is_tolerated_rarely_alarms(tests: int, most: float) -> None:
    """By one test in at most 1% of the runs; by any of as many as the suites make of a lane in at most 5%."""
    rng, runs = np.random.default_rng(3), 1000
    p_values = [at_least(count, 60, 0.1) for count in range(61)]
    counts = rng.binomial(60, 0.1, (runs, tests))
    alarms = sum(any(ring([p_values[count] for count in one])) for one in counts)
    assert alarms <= runs * most + 3 * (runs * most) ** 0.5


def test_paraphrases_that_fail_together_count_once() -> None:
    """Five failures of one question are as surprising as one."""
    together = failure("x", seen([True] * 5 + [False] * 95, 5), cases=[], tolerated=0.05, means="")
    apart = failure("x", seen([True] * 9 + [False] * 51), cases=[], tolerated=0.05, means="")
    assert [ring([one.p_value or 0.0]) for one in (together, apart)] == [[False], [True]]
