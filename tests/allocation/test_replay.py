"""The record alone gives the propensities again, bit for bit: an auditor needs no bundle and no text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.choose import as_contract, choose
from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.quality import Belief
from router_ml.allocation.replay import propensities, reproduce
from router_ml.allocation.select import Rule
from router_ml.contract import Estimate, RouteDecision, Selection
from router_ml.errors import InvalidRequestError

FRACTION = st.floats(0, 1)


@given(
    st.integers(1, 20),
    st.integers(0, 2**32),
    st.builds(
        Rule,
        floor=FRACTION,
        quality_per_usd=st.floats(0, 1e6),
        explore_share=FRACTION,
        epsilon=FRACTION,
        gamma=st.floats(1e-3, 1e4),
        margin=FRACTION,
        capped=st.booleans(),
    ),
)
def test_any_choice_can_be_given_again_from_what_is_recorded_of_it(count: int, seed: int, rule: Rule) -> None:
    rng = np.random.default_rng(seed)
    lanes = [f"lane {index}" for index in range(count)]
    bounds = np.sort(rng.random((3, 1, count)).round(int(rng.choice([1, 17]))), axis=0)
    belief = Belief(bounds[1], bounds[0], bounds[2], rng.integers(0, 3, (1, count)) * rng.random())
    cost = 10.0 ** rng.uniform(-7, -1, (1, count))
    estimates = Estimates(belief, cost, cost * 1e5, cost * 1e6, belief.quality, Typical(belief.quality, cost))
    eligible = tuple(lane for lane in lanes if rng.random() < 0.7) or (lanes[0],)
    rule = rule.at_cap() if rule.capped else rule
    incumbent = str(rng.choice(lanes)) if rng.random() < 0.5 else None
    probes = {lane: float(rng.random() * 0.2) for lane in lanes if rng.random() < 0.3}
    made = choose(estimates, lanes, eligible, rule, seed=seed, incumbent=incumbent, probes=probes)
    terms = {name: getattr(rule, name) for name in ("explore_share", "epsilon", "gamma", "margin", "capped")}
    selection = Selection(**terms, incumbent=incumbent, probes=probes)
    kept = as_contract(estimates, lanes, eligible)

    again = propensities(
        {name: Estimate.model_validate_json(each.model_dump_json()) for name, each in kept.items()},
        eligible,
        floor=rule.floor,
        quality_per_usd=rule.quality_per_usd,
        selection=Selection.model_validate_json(selection.model_dump_json()),
    )

    assert again == made.propensities
    assert made.lane in again


def test_what_went_to_no_lane_had_no_propensities(make_decision: Callable[..., RouteDecision]) -> None:
    state = {"selection": {"explore_share": 0.1}}
    stopped = make_decision(action="refuse", lane=None, model=None, propensities={}, propensity=None, state=state)
    assert reproduce(stopped) == {}


def test_a_record_of_an_older_contract_is_not_guessed_at(make_decision: Callable[..., RouteDecision]) -> None:
    """Without what selection was asked for, anything that came out would be wrong."""
    with pytest.raises(InvalidRequestError, match=r"contract 1\.0"):
        reproduce(make_decision())
