"""The numbers of ``docs/groundedness.md`` hold for what is committed."""

from __future__ import annotations

import numpy as np
import pytest

from training.evals.grounding import encoding
from training.evals.grounding.entailing import load
from training.evals.grounding.fit import fit, rows_of
from training.evals.grounding.measure import auc, measured
from training.evals.grounding.pairs import with_derived, written
from training.evals.suite import load_suite


def test_auc_counts_ties_half() -> None:
    """All alike is .5, all right ones above is 1."""
    right = np.array([True, True, False, False])
    assert auc(np.zeros(4), right) == 0.5
    assert auc(np.array([2.0, 3.0, 0.0, 1.0]), right) == 1.0


@pytest.mark.slow
def test_the_weights_that_ship_are_those_of_the_command() -> None:
    """Fitting again gives the committed weights."""
    suite = load_suite("groundedness")
    pairs = [one for one in with_derived(suite, written()) if not one.held]
    again = fit(pairs, rows_of(suite, pairs, encoding.shipped()))
    assert again.weights == pytest.approx(load().weights, abs=2e-3)
    assert again.enough == pytest.approx(load().enough, abs=2e-3)


@pytest.mark.slow
def test_what_is_tolerated_covers_what_right_answers_fail() -> None:
    """Tolerated shares are at least the share of right answers that fail so, and spoilt ones are found."""
    found, suite = measured(), load_suite("groundedness")
    for said in found["answers"].values():
        for failure in set(said) - {"answers", "any"}:
            assert said[failure][0] / said["answers"] <= suite.file.tolerated.get(failure, 0.0), failure
    assert set(found["references"]) == {"answers"}
    assert all(caught / of > 0.8 for way, (caught, of, _) in found["spoilt"].items() if way != "condition")
    assert found["pairs"]["with encoder"]["auc"][0] > found["pairs"]["lexical baseline"]["auc"][0]
