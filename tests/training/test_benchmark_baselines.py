"""A baseline that is handicapped by the benchmark would flatter whatever it is compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router_ml.errors import InvalidRequestError
from training.benchmark import contenders, paretobandit
from training.benchmark.baselines import BASELINES, FRUGAL
from training.benchmark.contenders import Contender, Label, Player, entries
from training.benchmark.feedback import observe
from training.benchmark.lesson import Lesson, weighted_mean
from training.benchmark.protocol import hold_contest, score
from training.outcomes import Pack


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in ("lane means", "VW alone")])
def test_every_baseline_finds_what_is_there_to_find(pack: Pack, name: str) -> None:
    """The topic decides everything here; a learner that misses it is broken."""
    train, test = pack.split(0.6, seed=1)
    predicted = BASELINES[name](Lesson(observe(train, "full", seed=1), 1))(test.contexts)
    assert predicted.shape == test.quality.shape
    blind = ((test.quality - train.quality.mean(axis=0)) ** 2).mean()
    assert ((test.quality - predicted) ** 2).mean() < 0.5 * blind


@pytest.mark.parametrize("name", FRUGAL)
def test_one_outcome_per_prompt_is_enough_for_the_frugal_ones(pack: Pack, name: str) -> None:
    train, test = pack.split(0.6, seed=1)
    predicted = BASELINES[name](Lesson(observe(train, "bandit", "skewed", seed=1), 1))(test.contexts)
    assert np.isfinite(predicted).all()
    assert predicted.mean(axis=0) == pytest.approx(test.quality.mean(axis=0), abs=0.15)


def test_means_of_a_skewed_log_are_weighted(pack: Pack) -> None:
    """A lane that is mostly drawn for hard prompts would look worse than it is."""
    easy = pack.quality[:, 0] > pack.quality[:, 0].mean()
    probability = np.where(easy, 0.1, 0.9)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        seen = rng.random(len(easy)) < probability
        values = np.where(seen, pack.quality[:, 0], np.nan)[:, None]
        found.append(float(weighted_mean(values, probability[:, None])[0]))
    assert np.mean(found) == pytest.approx(pack.quality[:, 0].mean(), abs=0.01)


def test_a_perfect_lane_does_not_stop_the_logistic_one(pack: Pack) -> None:
    quality = pack.quality.copy()
    quality[:, 0] = 1.0
    lesson = Lesson(observe(replace(pack, quality=quality), "full", seed=0), 0)
    assert BASELINES["logistic"](lesson)(pack.contexts)[:, 0].min() > 0.99


def test_rows_can_be_chosen_by_name() -> None:
    """And a name that nobody has is refused with the names that there are."""
    assert {each.name for each in entries(["ours", "ridge"])} == {"ours", "ridge"}
    with pytest.raises(InvalidRequestError, match=r"There is no row kNN 7\. Rows are: lane means, kNN 20"):
        entries(["kNN 7"])


def test_every_kind_of_feedback_has_ours_with_and_without_the_bandit() -> None:
    """What Vowpal Wabbit adds is shown by leaving it out, whatever was learned from."""
    kinds = {(each.feedback, each.logging) for each in entries() if isinstance(each, Contender)}
    assert kinds == {("full", None), *contenders.ONE_OUTCOME}
    for name in ("ours", "ours, no bandit", "lane means", "VW alone"):
        found = {(each.feedback, each.logging) for each in entries([name]) if isinstance(each, Contender)}
        assert found == kinds


def test_without_paretobandit_its_rows_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paretobandit, "installed", lambda: False)
    assert not [each for each in entries() if "Pareto" in each.name]


class TestParetoBandit:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("pareto_bandit", reason="needs the extra 'dev': pip install -e '.[dev]'")

    def test_moments_give_what_its_updates_give(self, pack: Pack) -> None:
        """Otherwise the row would not be ParetoBandit."""
        lesson = Lesson(observe(pack, "bandit", "uniform", seed=0), 0)
        rows = paretobandit._features(lesson.projection, pack.contexts, 25)
        policy = paretobandit._policy(lesson.lanes, rows.shape[1], 0.0, 1.0, 0)
        for row, lane in zip(*np.nonzero(np.isfinite(lesson.outcomes.quality)), strict=True):
            policy.update(lesson.lanes[lane], rows[row], float(lesson.outcomes.quality[row, lane]))
        slope = np.stack([policy.theta[lane] for lane in lesson.lanes], axis=1)
        assert paretobandit.fit_warm(lesson)(pack.contexts) == pytest.approx(rows @ slope, abs=1e-9)

    def test_online_it_draws_its_own_lanes(self, pack: Pack) -> None:
        """Policies for several penalties, from one outcome per prompt; a high penalty buys the cheapest lane."""
        train, test = pack.split(0.6, seed=0)
        field = [Player("ParetoBandit online", paretobandit.play_online)]
        contest = hold_contest(train, test, field, seed=0)
        label = Label("ParetoBandit online", "bandit", None, "log")
        policies = contest.candidates[label].policies
        assert policies.shape == (len(paretobandit.PENALTIES), len(test.group))
        assert (policies[-1] == 0).mean() > (policies[0] == 0).mean()
        assert score(contest)[label].committed is None
