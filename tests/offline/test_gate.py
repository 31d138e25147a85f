"""The gate promotes what is shown to be as good and cheaper, rejects what is shown to be worse, and else holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config.schema import Release
from router_ml.offline.gate import Check, Verdict, conclude, judge
from router_ml.offline.gating.checks import data_checks, ratings_needed
from router_ml.offline.gating.trial import Trial, comparison

Make = Callable[..., Trial]
RELEASE = Release()


def test_better_and_cheaper_is_promoted(make_trial: Make) -> None:
    found = judge(make_trial(6000, cheap=0.8, dear=0.75), RELEASE)
    assert found.verdict == "promote"
    assert found.reasons == ()
    assert all(check.passed for check in found.checks)


def test_surely_worse_is_rejected_however_cheap(make_trial: Make) -> None:
    found = judge(make_trial(6000, cheap=0.6, dear=0.8), RELEASE)
    assert found.verdict == "reject"
    assert found.check("quality").passed is False
    assert found.check("cost").passed is True


def test_dearer_and_no_better_is_rejected(make_trial: Make) -> None:
    trial = make_trial(20_000, cheap=0.72, dear=0.8)
    dearer = replace(trial, cost_usd=0.01 - trial.cost_usd, cost_model=0.01 - trial.cost_model)
    assert judge(dearer, RELEASE).verdict == "reject"


def test_too_few_ratings_hold_and_say_how_many_it_takes(make_trial: Make) -> None:
    found = judge(make_trial(600, cheap=0.8, dear=0.75, rated=0.5), RELEASE)
    assert found.verdict == "hold"
    assert not found.check("effective_sample_size").passed
    assert "rated decisions would be enough" in found.check("effective_sample_size").why


def test_the_ratings_it_asks_for_are_about_enough(make_trial: Make) -> None:
    """Planned for 80%: with that many the quality check passes most of the time, with a quarter of them it does not."""
    first = make_trial(2000, cheap=0.755, dear=0.75, seed=3)
    found = comparison(first)
    needed = ratings_needed(replace(found, dr=replace(found.dr, value=0.3 * 0.005)), RELEASE)  # the truth
    assert needed is not None
    passed = [
        np.mean(
            [judge(make_trial(n, cheap=0.755, dear=0.75, seed=s), RELEASE).check("quality").passed for s in range(40)]
        )
        for n in (needed, needed // 4)
    ]
    assert passed[0] > 0.6 > passed[1]


def test_tampered_propensities_hold_whatever_the_estimate(make_trial: Make) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75)
    logging = trial.logging[:, [0, 2, 1]]
    found = judge(replace(trial, logging=logging), RELEASE)
    assert found.verdict == "hold"
    assert found.check("sample_ratio").passed is False


def test_lost_failures_are_noticed(make_trial: Make) -> None:
    """A lane whose failures never reach the log looks good; the log then holds too few of its decisions."""
    trial = make_trial(6000, cheap=0.6, dear=0.75)
    kept = ~((trial.action == 1) & (trial.quality == 0))
    part = replace(
        trial,
        **{name: getattr(trial, name)[kept] for name in vars(trial) if isinstance(getattr(trial, name), np.ndarray)},
        slices={name: values[kept] for name, values in trial.slices.items()},
    )
    found = judge(part, RELEASE)
    assert found.verdict == "hold"
    assert not found.check("sample_ratio").passed
    assert found.comparison is not None
    assert found.comparison.dr.value > 0, "without the check it would have looked better"


def test_impossible_data_are_a_verdict_too(make_trial: Make) -> None:
    """More ratings are missing than was logged: no number, but the reason."""
    trial = make_trial(2000, rated=0.5)
    found = judge(replace(trial, rated_probability=np.ones(2000)), RELEASE)
    assert found.verdict == "hold"
    assert found.comparison is None
    assert "P(rated)" in found.check("data").why
    assert all(check.passed is None for check in found.checks if check.name != "data")
    json.dumps(found.to_dict())


def test_unknown_costs_hold(make_trial: Make) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75)
    found = judge(replace(trial, cost_usd=np.full(6000, np.nan)), RELEASE)
    assert found.verdict == "hold"
    assert found.check("cost").passed is None


def test_better_at_equal_cost_is_promoted_and_at_higher_cost_held(make_trial: Make) -> None:
    trial = make_trial(20_000, cheap=0.85, dear=0.75)
    same = replace(trial, cost_usd=np.full(20_000, 1e-3), cost_model=np.full((20_000, 3), 1e-3))
    assert judge(same, RELEASE).verdict == "promote"
    dearer = replace(trial, cost_usd=0.01 - trial.cost_usd, cost_model=0.01 - trial.cost_model)
    assert judge(dearer, RELEASE).verdict == "hold"


def test_no_part_of_the_traffic_pays_for_the_mean(make_trial: Make) -> None:
    trial = make_trial(20_000, cheap=0.85, dear=0.75)
    hurt = np.arange(20_000) % 10 == 0
    rng = np.random.default_rng(5)
    quality = np.where(hurt & (trial.action == 1), rng.random(20_000) < 0.4, trial.quality)
    slices = {**trial.slices, "cell": np.where(hurt, "qa/legal", "qa/general")}
    found = judge(replace(trial, quality=quality.astype(float), slices=slices), RELEASE)
    assert found.verdict == "hold"
    assert [each.name for each in found.slices if each.worse] == ["qa/legal"]
    assert found.check("quality").passed


def test_overconfidence_holds(make_trial: Make) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75)
    assert trial.believed is not None
    found = judge(replace(trial, predicted=np.clip(trial.believed + 0.15, 0, 1)), RELEASE)
    assert found.verdict == "hold"
    assert [check.name for check in found.checks if not check.passed] == ["calibration"]


def test_dependence_within_clusters_widens_the_bound(make_trial: Make) -> None:
    trial = make_trial(6000, cheap=0.8, dear=0.75, cluster=True)
    shocks = np.random.default_rng(0).random(20)[trial.cluster]
    moody = replace(trial, quality=np.where(trial.action == 1, shocks, trial.quality))
    assert (
        judge(moody, RELEASE).check("quality").found
        < judge(replace(moody, cluster=None), RELEASE).check("quality").found
    )


@given(st.lists(st.sampled_from([True, False, None]), min_size=3, max_size=8), st.data())
def test_one_open_check_is_enough_to_hold(answers: list[bool | None], data: st.DataObject) -> None:
    """Whatever else passed: promote means that nothing failed and nothing stayed open."""
    checks = [Check(f"check {number}", passed, None, "", "") for number, passed in enumerate(answers)]
    assert (conclude(checks, None, RELEASE) == "promote") == all(passed is True for passed in answers)
    looser = [*checks, Check("guardrails", False, 1.0, "", "")]
    assert conclude(data.draw(st.permutations(looser)), None, RELEASE) == "reject"


def test_a_wider_margin_never_turns_a_promotion_into_a_hold(make_trial: Make) -> None:
    ranks = {"reject": 0, "hold": 1, "promote": 2}
    for seed in range(10):
        trial = make_trial(3000, cheap=0.74, dear=0.75, seed=seed)
        found = [ranks[judge(trial, Release(margin=margin)).verdict] for margin in (0.0, 0.01, 0.03, 0.1, 0.3)]
        assert found == sorted(found)


def test_the_challenger_that_is_its_champion_is_held(make_trial: Make) -> None:
    trial = make_trial(6000)
    found: Verdict = judge(replace(trial, target=trial.logging), RELEASE)
    assert found.verdict == "hold"
    assert [check.name for check in found.checks if not check.passed] == ["cost"]


@pytest.mark.parametrize("seed", range(3))
def test_sound_data_pass_the_data_checks(make_trial: Make, seed: int) -> None:
    trial = make_trial(6000, seed=seed, rated=0.7)
    assert all(check.passed for check in data_checks(trial, comparison(trial), RELEASE))


def test_sessions_that_differ_are_no_proof(make_trial: Make) -> None:
    """Twenty turns of each of few persons: what holds of them need not hold of others, and few say nothing at all."""
    trial = make_trial(6000, cheap=0.8, dear=0.75)
    person = np.arange(6000) // 20
    effect = np.random.default_rng(1).choice([-0.6, 0.6], 300)[person]
    moody = replace(trial, quality=np.where(trial.action == 1, np.clip(0.5 + effect, 0, 1), trial.quality))
    few, alone = judge(replace(moody, cluster=person), RELEASE), judge(moody, RELEASE)
    assert few.comparison is not None
    assert alone.comparison is not None
    assert few.comparison.dr.standard_error > 2 * alone.comparison.dr.standard_error
    nine = judge(replace(trial, cluster=np.arange(6000) % 9), RELEASE)
    assert (nine.verdict, nine.check("clusters").passed, nine.check("clusters").found) == ("hold", False, 9)
