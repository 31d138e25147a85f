"""Alarms ring for more failures than are tolerated, and rarely else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.reporting.alarms import LEVEL, at_least, failure


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


def test_as_many_as_tolerated_alarm_in_one_lane_of_a_hundred() -> None:
    """A lane that fails exactly as often as is tolerated alarms in at most 1% of 2,000 runs."""
    rng = np.random.default_rng(3)
    alarms = sum(
        failure("x", seen((rng.random(60) < 0.1).tolist()), cases=[], tolerated=0.1, means="").alarm
        for _ in range(2000)
    )
    assert alarms <= 2000 * LEVEL + 3 * (2000 * LEVEL) ** 0.5


def test_paraphrases_that_fail_together_count_once() -> None:
    """Five failures of one question are as surprising as one."""
    together = failure("x", seen([True] * 5 + [False] * 95, 5), cases=[], tolerated=0.05, means="")
    apart = failure("x", seen([True] * 9 + [False] * 51), cases=[], tolerated=0.05, means="")
    assert (together.alarm, apart.alarm) == (False, True)
