"""The benchmark of drift changes what it says it changes, and counts alarms."""

from __future__ import annotations

import numpy as np
import pytest

from training.benchmark.drift import Row, measure, seconds
from training.benchmark.drift_logs import Change, World
from training.outcomes import load_pack


@pytest.fixture(scope="module")
def world() -> World:
    return World.of(load_pack())


def test_a_change_is_in_the_recent_window_alone(world: World) -> None:
    calm = world.windows(2000, 1000, Change(), np.random.default_rng(0))
    changed = world.windows(2000, 1000, Change(topic=0.5, quality=0.3, cost=2.0), np.random.default_rng(0))
    assert (calm[0].embeddings == changed[0].embeddings).all()
    topic = {row.tobytes() for row in world.pack.contexts.embedding[world.topic]}
    share = np.mean([row.tobytes() in topic for row in changed[1].embeddings])
    assert share == pytest.approx(0.5, abs=0.05)
    assert np.nanmean(changed[1].quality) < np.nanmean(calm[1].quality)
    assert changed[1].cost_usd.mean() > 1.1 * calm[1].cost_usd.mean()


def test_sessions_ask_what_is_alike(world: World) -> None:
    def alike(change: Change) -> float:
        asked = world.windows(500, 100, change, np.random.default_rng(0))[0].embeddings
        return float((asked[1:] * asked[:-1]).sum(axis=1).mean())

    assert alike(Change(bursts=True)) > alike(Change()) + 0.1


def test_a_clear_change_alarms_and_its_share_has_an_interval(world: World) -> None:
    alarms, checks = measure(world, Change(topic=0.5), sizes=(300, 150), reports=2, level=0.05, seed=0)
    assert alarms == 2
    assert checks["embedding"] == 2
    record = Row("topic", "50%", 300, 150, 2, alarms, dict(checks)).to_dict()
    assert record["share"] == 1.0
    assert record["low"] < 1.0
    assert seconds(world, sizes=(300, 150)) > 0
