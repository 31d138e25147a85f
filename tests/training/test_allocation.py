"""Fitting allocation: it finds what is there, and one outcome per prompt is enough to start with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="fitting needs the 'offline' extra")

from router_ml.allocation.estimate import estimate
from router_ml.config import RouterConfig
from router_ml.offline import curves
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle
from training.allocation import Outcomes, fit
from training.outcomes import load_pack
from training.predicting.pack_outcomes import from_pack


@pytest.fixture(scope="module")
def config() -> RouterConfig:
    return Bundle.load(shipped_bundle()).config


def test_held_out_prompts_gain_over_mixing_fixed_lanes(config: RouterConfig) -> None:
    """On prompts of unseen groups routing beats randomising between the right fixed lanes, and shuffling undoes it."""
    pack = load_pack()
    train, test = pack.split(0.6, seed=0)
    outcomes, columns = from_pack(train, config)
    names = list(config.lanes)
    keep = [names.index(lane) for lane in columns]
    part = Outcomes(outcomes.contexts, *(getattr(outcomes, f)[:, keep] for f in ("quality", "cost_usd", "probability")))
    lanes = {lane: config.lanes[lane] for lane in columns}
    known = estimate(fit(part, lanes), lanes, test.contexts)
    order = list(columns.values())
    sweep = curves.sweep(known.belief.quality, known.cost_usd)
    shuffled = sweep[:, np.random.default_rng(0).permutation(len(test.group))]
    found = curves.evaluate(test.quality[:, order], test.cost_usd[:, order], {"ours": sweep, "shuffled": shuffled})
    assert found.routers["ours"].gap_closed > 12
    assert found.routers["ours"].gap_closed > found.routers["shuffled"].gap_closed + 8


def test_one_outcome_per_prompt_is_enough_to_fit(config: RouterConfig) -> None:
    """A log sees one lane per request; lanes are told apart all the same, and NaN never reaches a model."""
    pack = load_pack()
    outcomes, columns = from_pack(pack, config)
    names = list(config.lanes)
    keep = [names.index(lane) for lane in columns]
    random = np.random.default_rng(0)
    seen = np.eye(len(keep), dtype=bool)[random.integers(0, len(keep), len(pack.group))]
    single = Outcomes(
        outcomes.contexts,
        np.where(seen, outcomes.quality[:, keep], np.nan),
        np.where(seen, outcomes.cost_usd[:, keep], np.nan),
        np.where(seen, 1 / len(keep), np.nan),
    )
    lanes = {lane: config.lanes[lane] for lane in columns}
    known = estimate(fit(single, lanes), lanes, pack.contexts)
    assert np.isfinite(known.belief.quality).all()
    assert np.isfinite(known.cost_usd).all()
    mean = dict(zip(lanes, known.belief.quality.mean(axis=0), strict=True))
    assert min(mean, key=lambda lane: mean[lane]) == "private"
    cost = dict(zip(lanes, known.cost_usd.mean(axis=0), strict=True))
    assert sorted(cost, key=lambda lane: cost[lane]) == ["private", "balanced", "fast", "premium"]


def test_latency_is_what_nine_of_ten_answers_took_at_most(config: RouterConfig) -> None:
    """Once a lane has been timed; a lane that was not keeps what is configured."""
    outcomes, columns = from_pack(load_pack(), config)
    names = list(config.lanes)
    part = outcomes.of_lanes([names.index(lane) for lane in columns]).take(np.arange(300))
    lanes = {lane: config.lanes[lane] for lane in columns}
    before = estimate(fit(part, lanes), lanes, part.contexts).latency_ms
    took = np.full(part.quality.shape, np.nan)
    took[:, 0] = before[:, 0] * np.random.default_rng(0).uniform(1, 3, len(took))
    took[:10, 1] = 1e6  # too few to say anything
    after = estimate(fit(replace(part, latency_ms=took), lanes), lanes, part.contexts).latency_ms
    assert np.median(after[:, 0] / before[:, 0]) == pytest.approx(2.8, abs=0.1)
    np.testing.assert_allclose(after[:, 1:], before[:, 1:])
