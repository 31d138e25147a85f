"""A difference in the table is claimed only as far as the repeats carry it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from training.benchmark.contenders import Label
from training.benchmark.protocol import Score
from training.benchmark.rows import Repeats, Row, pool

OURS = Label("ours", "full", None, "predicted")
RIDGE = Label("ridge", "full", None, "predicted")
KNN = Label("kNN 50", "full", None, "mean")
LOGGED = Label("lane means", "bandit", "uniform", "mean")


def rows(closed: dict[Label, list[float]], repeats: Repeats) -> dict[Label, Row]:
    count = len(next(iter(closed.values())))
    scores = [{label: Score(values[at]) for label, values in closed.items()} for at in range(count)]
    return {row.label: row for row in pool(scores, repeats)}


def test_ours_is_compared_with_the_best_of_those_that_saw_as_much() -> None:
    """Beating a row that saw one outcome per prompt is nothing to boast of, nor is beating another row of ours."""
    closed = {
        OURS: [30.0, 34.0],
        Label("ours, no bandit", "full", None, "predicted"): [90.0, 90.0],
        RIDGE: [28.0, 30.0],
        KNN: [10.0, 12.0],
        LOGGED: [80.0, 80.0],
    }
    found = rows(closed, Repeats(2, None))
    best = found[OURS].versus_best
    assert best is not None
    assert best.other == RIDGE
    assert best.difference == pytest.approx(3.0)
    assert found[RIDGE].versus_best is None
    assert found[OURS].versus_hull is not None
    assert found[OURS].versus_hull.difference == pytest.approx(32.0)
    shown = found[OURS].as_json()
    assert shown["versus_best"] == {
        "name": "ridge",
        "cost": "predicted",
        "difference": 3.0,
        "low": round(best.low, 6),
        "high": round(best.high, 6),
    }
    assert "versus_best" not in found[RIDGE].as_json()


@pytest.mark.parametrize("logging", ["uniform", "skewed"])
def test_what_draws_its_own_lanes_is_a_rival_too(logging: str) -> None:
    mine = Label("ours", "bandit", logging, "predicted")  # type: ignore[arg-type]
    online = Label("ParetoBandit online", "bandit", None, "log")
    found = rows({mine: [5.0, 6.0], online: [9.0, 9.0], RIDGE: [50.0, 50.0]}, Repeats(2, None))
    best = found[mine].versus_best
    assert best is not None
    assert best.other == online
    assert best.difference < 0


def test_overlapping_splits_do_not_count_as_independent() -> None:
    """The corrected interval (Nadeau & Bengio) is wider than the plain one by sqrt(1 + J n_test / n_train)."""
    differences = [1.0, 2.0, 4.0, 3.0, 0.0]
    corrected = Repeats(5, 2 / 3).half_width(differences)
    plain = stats.t.interval(0.95, 4, scale=np.std(differences, ddof=1) / np.sqrt(5))[1]
    assert corrected == pytest.approx(plain * np.sqrt(1 + 5 * 2 / 3))


def test_one_repeat_says_nothing_of_spread() -> None:
    """JSON has no infinity: the bounds are left open."""
    found = rows({OURS: [30.0], RIDGE: [20.0]}, Repeats(1, 2 / 3))[OURS].as_json()
    assert found["versus_best"] == {"name": "ridge", "cost": "predicted", "difference": 10.0, "low": None, "high": None}


def test_intervals_cover_as_often_as_they_say() -> None:
    """On splits drawn again and again from one finite set of prompts the true mean difference is missed in about 5%."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(400):
        prompts = rng.normal(size=300)  # the true mean difference is 0
        splits = [rng.permutation(prompts)[:120].mean() for _ in range(5)]
        missed += abs(np.mean(splits)) > Repeats(5, 2 / 3).half_width(splits)
    assert missed / 400 <= 0.08
