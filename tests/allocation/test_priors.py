"""Priors of cells: without them nothing changes; with them a lane is believed what was evaluated of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import estimate
from router_ml.allocation.known import Known, look_up
from router_ml.allocation.priors import OTHER_VERSION, CellPriors, before_outcomes
from router_ml.config import Lane
from router_ml.storage.bundle import Bundle


def priors_of(bundle: Bundle, lanes: tuple[str, ...], *, quality: float = 0.9, strength: float = 30.0) -> CellPriors:
    """The same belief in all cells."""
    intents, domains = bundle.taxonomy["intents"], bundle.taxonomy["domains"]
    shape = len(intents), len(domains), len(lanes)
    arms = {name: (bundle.config.lanes[name].model, bundle.config.lanes[name].version) for name in lanes}
    tables = {"quality": quality, "strength": strength, "counted": 12.0, "low": 0.8, "high": 0.95}
    return CellPriors(
        lanes, intents, domains, level=0.95, arms=arms, **{name: np.full(shape, each) for name, each in tables.items()}
    )


def requests(bundle: Bundle, rows: int, seed: int = 0) -> Contexts:
    rng = np.random.default_rng(seed)
    mean = bundle.allocation.bandit.projection.mean
    embedding = rng.normal(size=(rows, len(mean))).astype(np.float32)
    shape = bundle.allocation.quality.counts.shape
    surface = len(bundle.allocation.quality.similarity.surface_mean)
    return Contexts(
        embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        surface=rng.random((rows, surface)).astype(np.float32),
        intent=rng.dirichlet(np.ones(shape[0]), rows).astype(np.float32),
        domain=rng.dirichlet(np.ones(shape[1]), rows).astype(np.float32),
        tokens_in=rng.integers(1, 2000, rows),
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_without_priors_each_lane_has_the_configured_one_to_the_last_bit(bundle: Bundle, seed: int, rows: int) -> None:
    """Old bundles decide as they did."""
    lanes, contexts = bundle.config.lanes, requests(bundle, rows, seed)
    before = before_outcomes(None, lanes, contexts)
    assert (before.quality == [lane.prior.quality for lane in lanes.values()]).all()
    assert (before.strength == [lane.prior.strength for lane in lanes.values()]).all()
    assert not before.counted.any()


def test_lanes_that_were_not_evaluated_keep_every_bit_of_their_belief(bundle: Bundle) -> None:
    """What is learned of one lane says nothing of another."""
    lanes, contexts = bundle.config.lanes, requests(bundle, 4)
    known = replace(bundle.allocation, priors=priors_of(bundle, ("code",)))
    without, found = estimate(bundle.allocation, lanes, contexts).belief, estimate(known, lanes, contexts).belief
    at = list(lanes).index("code")
    for name in (item.name for item in fields(found)):
        one, other = (np.delete(getattr(belief, name), at, axis=1) for belief in (without, found))
        assert (one == other).all(), name
    assert (found.quality[:, at] > without.quality[:, at]).all()


def test_a_lane_with_priors_alone_has_evidence_and_a_bound_that_can_reach_a_floor(bundle: Bundle) -> None:
    """A lane that was evaluated in a cell is exploited there, though traffic has said nothing of it."""
    lanes, contexts = bundle.config.lanes, requests(bundle, 3)
    at = list(lanes).index("code")
    assert "code" not in bundle.allocation.quality.lanes
    without = estimate(bundle.allocation, lanes, contexts).belief
    known = replace(bundle.allocation, priors=priors_of(bundle, ("code",), strength=50.0))
    found = estimate(known, lanes, contexts).belief
    assert (without.evidence[:, at] == 0).all()
    assert np.allclose(found.evidence[:, at], 12, rtol=1e-5)
    assert (found.low[:, at] > 0.8).all()
    assert (without.low[:, at] < 0.6).all()


@pytest.mark.parametrize("change", [{"version": "2"}, {"model": "another/model"}])
def test_priors_of_another_version_count_for_less(bundle: Bundle, change: Mapping[str, str]) -> None:
    """A lane that was replaced is not believed what its forerunner earned."""
    contexts, priors = requests(bundle, 2), priors_of(bundle, ("code",))
    lanes: dict[str, Lane] = dict(bundle.config.lanes)
    lanes["code"] = lanes["code"].model_copy(update=dict(change))
    at = list(lanes).index("code")
    found = before_outcomes(priors, lanes, contexts)
    configured = lanes["code"].prior
    worth = OTHER_VERSION * 30
    expected = (worth * 0.9 + configured.strength * configured.quality) / (worth + configured.strength)
    assert np.allclose(found.quality[:, at], expected, rtol=1e-5)
    assert np.allclose(found.strength[:, at], worth + configured.strength, rtol=1e-5)
    assert np.allclose(found.counted[:, at], OTHER_VERSION * 12, rtol=1e-5)


def test_what_is_looked_up_one_by_one_and_stacked_is_what_is_looked_up_together(bundle: Bundle) -> None:
    """The simulator looks up kinds one by one and decides them in batches."""
    lanes, contexts = bundle.config.lanes, requests(bundle, 5)
    known = replace(bundle.allocation, priors=priors_of(bundle, ("code", "private")))
    whole = look_up(known, lanes, contexts)
    parts = Known.stack([look_up(known, lanes, contexts.take(slice(row, row + 1))) for row in range(5)])
    for name in ("prior", "strength", "counted"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), rtol=1e-6)
        assert getattr(whole.take(np.array([1])), name).shape == (1, len(lanes))
