"""The test of behaviour: a lane that only repeats itself badly is not changed, one that answers otherwise is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from training.evals.watching.behaviour import LEVEL, agreement, compare_answers
from training.evals.watching.planted import PlantedLane
from training.evals.watching.probes import PROBES

Answers = dict[str, list[str]]


def heard(lane: PlantedLane, times: int) -> Answers:
    """What a lane says to each prompt."""
    return {probe: [lane.say(probe) for _ in range(times)] for probe in PROBES}


@given(st.text(max_size=60), st.text(max_size=60))
def test_agreement_is_a_share_and_takes_no_side(one: str, other: str) -> None:
    """Between 0 and 1, the same both ways, and whole for the same text."""
    assert 0.0 <= agreement(one, other) == agreement(other, one) <= 1.0
    assert agreement(one, one) == 1.0


def test_a_lane_that_stays_as_noisy_as_it_was_is_not_changed() -> None:
    """40 looks at lanes of any noise, each against a baseline of its own: at most one alarm where 0.04 are expected."""
    alarms = 0
    for number in range(40):
        lane = PlantedLane(noise=number % 5 / 5, seed=number)
        alarms += compare_answers(heard(lane, 4), heard(lane, 2), seed=number).changed
    assert alarms <= 1


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_a_lane_that_answers_some_prompts_otherwise_is(noise: float) -> None:
    """Where half of the prompts move, whatever its own noise; and those that moved are named."""
    for seed in range(5):
        lane = PlantedLane(noise=noise, seed=seed)
        before = heard(lane, 4)
        lane.changed = 0.5
        found = compare_answers(before, heard(lane, 2), seed=seed)
        assert found.changed
        assert found.p_value <= LEVEL
        assert found.now < found.own
        assert set(found.moved) <= set(PROBES)


def test_the_p_value_is_uniform_or_larger_where_nothing_changed() -> None:
    """Exact: at most a tenth of the looks, give or take chance, have a p-value of a tenth."""
    small = 0
    for number in range(60):
        lane = PlantedLane(noise=0.5, seed=1000 + number)
        small += compare_answers(heard(lane, 4), heard(lane, 2), seed=number).p_value <= 0.1
    assert small <= 6 + 3 * 5.4**0.5


def test_too_few_answers_are_an_error_that_says_what_to_do() -> None:
    """A lane that mostly fails is not called changed."""
    lane = PlantedLane()
    some = {probe: said for probe, said in heard(lane, 4).items() if probe in PROBES[:5]}
    with pytest.raises(OfflineDataError, match="5 prompts"):
        compare_answers(some, heard(lane, 2))
