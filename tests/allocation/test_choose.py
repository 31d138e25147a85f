"""The reason of a choice is true: it names the lane that was kept or left, and the numbers that decided."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.allocation.choose import Choice, choose
from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule

LANES = ("cheap", "good", "dear")
RULE = Rule(floor=0.7, quality_per_usd=10, explore_share=0, epsilon=0.02, gamma=200, margin=0.02)


def estimates(quality: tuple[float, ...], cost: tuple[float, ...], low: tuple[float, ...] | None = None) -> Estimates:
    """Of one request; the lower bound is .05 below the quality."""
    mean = np.array([quality])
    belief = Belief(mean, mean - 0.05 if low is None else np.array([low]), mean + 0.05, np.full(mean.shape, 30.0))
    usd = np.array([cost])
    return Estimates(belief, usd, usd, usd, mean, Typical(mean, usd))


NEAR = estimates((0.80, 0.81, 0.95), (0.0010, 0.0011, 0.05))  # utility .790, .799, .45


def pick(each: Estimates = NEAR, rule: Rule = RULE, eligible: tuple[str, ...] = LANES, **more: object) -> Choice:
    """A choice by fixed seed."""
    return choose(each, LANES, eligible, rule, seed=1, **more)  # type: ignore[arg-type]


def test_without_an_incumbent_the_best_is_taken() -> None:
    made = pick()
    assert (made.lane, made.ranking) == ("good", ("good", "cheap", "dear"))
    assert made.reason == "Best quality - 10 x cost of the 3 eligible lanes that reach the floor 0.70."


def test_a_usual_lane_keeps_a_request_that_hardly_differs() -> None:
    made = pick(incumbent="cheap")
    assert (made.lane, made.propensities) == ("cheap", {"cheap": 1.0})
    assert made.ranking == ("cheap", "good", "dear")
    assert "cheap is usual for such requests and keeps this one: good would gain 0.0090" in made.reason
    assert "not more than 0.02" in made.reason
    assert pick(incumbent="dear").lane == "good"


@pytest.mark.parametrize(
    ("incumbent", "eligible", "lane", "said"),
    [
        ("cheap", LANES, "cheap", "The session keeps cheap: good would gain 0.0090"),
        ("good", LANES, "good", "The session keeps good, the best by quality - 10 x cost"),
        ("dear", LANES, "good", "The session left dear: good gains 0.3490 in quality - 10 x cost, more than 0.02"),
        ("cheap", ("good", "dear"), "good", "The session left cheap, which is not eligible. Best"),
    ],
)
def test_a_session_says_why_it_kept_or_left_its_lane(
    incumbent: str, eligible: tuple[str, ...], lane: str, said: str
) -> None:
    made = pick(incumbent=incumbent, in_session=True, eligible=eligible)
    assert (made.lane, made.explored) == (lane, False)
    assert said in made.reason


def test_a_session_does_not_stay_below_the_floor() -> None:
    each = estimates((0.69, 0.75, 0.74), (0.001, 0.001, 0.001), low=(0.68, 0.71, 0.70))
    made = pick(each, incumbent="cheap", in_session=True)
    assert made.lane == "good"
    assert "left cheap, which is not expected to reach the floor 0.70" in made.reason


def test_a_bound_below_the_floor_does_not_end_a_session() -> None:
    """Its lane is expected to reach the floor; leaving would cost the prompt cache for want of evidence alone."""
    each = estimates((0.80, 0.79, 0.95), (0.001, 0.002, 0.05), low=(0.69, 0.68, 0.75))
    made = pick(each, incumbent="cheap", in_session=True)
    assert made.lane == "cheap"
    assert "keeps cheap" in made.reason


def test_what_is_probed_is_explored() -> None:
    rule = Rule(floor=0.7, quality_per_usd=10, explore_share=0.3, epsilon=0.02, gamma=200)
    made = pick(rule=rule, probes={"dear": 0.25, "gone": 0.5})
    assert made.propensities["dear"] >= 0.25
    assert set(made.propensities) == set(LANES)


@pytest.mark.parametrize(
    ("low", "lane", "said"),
    [
        ((0.75, 0.8, 0.9), "cheap", "The cheapest of the 3 eligible lanes that reach the floor"),
        ((0.6, 0.69, 0.9), "dear", "The only eligible lane that is known to reach the floor"),
        ((0.6, 0.65, 0.62), "cheap", "The cheapest of the 3 eligible lanes that are expected to reach the floor"),
    ],
)
def test_at_the_cap_the_cheapest_lane_that_keeps_the_floor_is_taken(
    low: tuple[float, ...], lane: str, said: str
) -> None:
    made = pick(estimates((0.8, 0.85, 0.95), (0.001, 0.002, 0.05), low), RULE.at_cap(), incumbent="dear")
    assert (made.lane, made.propensities) == (lane, {lane: 1.0})
    assert made.reason.startswith("The day's budget is spent. ")
    assert said in made.reason
