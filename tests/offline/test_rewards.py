"""Another mapping is tried on what was logged, and nothing that somebody stated is overruled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from router_ml.config.rewards import parse_rewards, shipped_rewards
from router_ml.contract import Outcome, RouteDecision
from router_ml.offline.rewards import remap, to_frame
from router_ml.rewards import rated
from router_ml.storage.views.stories import Story

MILD = parse_rewards("version: 1\nsignals:\n  thumb: {values: {up: 0.9, down: 0.4}}\n")
Make = Callable[..., RouteDecision]


@pytest.fixture
def story(make_decision: Make) -> Callable[..., Story]:
    def of(lane: str = "balanced", **fields: Any) -> Story:
        at = datetime(2026, 3, 2, tzinfo=UTC)
        outcome = Outcome(decision_id="dec-1", at=at, executed_lane=lane, **fields)
        return Story(make_decision(), (), (rated(outcome, shipped_rewards(), make_decision),))

    return of


def test_lanes_move_as_their_signals_do(story: Callable[..., Story]) -> None:
    logged = [story(signals={"thumb": "up"}), story(signals={"thumb": "down"}), story("private", quality=0.3)]
    found = remap(logged, MILD)
    assert (found.outcomes, found.with_signals, found.changed) == (3, 2, 2)
    balanced, private = found.lanes
    assert (balanced.lane, balanced.rated_before, balanced.before, balanced.after) == ("balanced", 2, 0.5, 0.65)
    assert balanced.moved == pytest.approx(0.15)
    assert balanced.half == pytest.approx(1.96 * 0.25, rel=1e-3)
    assert (private.before, private.after, private.moved, private.half) == (0.3, 0.3, 0, None)


def test_the_same_mapping_changes_nothing(story: Callable[..., Story]) -> None:
    found = remap([story(signals={"judge": score}) for score in (1, 2, 5)], shipped_rewards())
    assert (found.changed, found.lanes[0].moved, found.lanes[0].half) == (0, 0, 0)
    assert found.mappings == {found.sha256: 3}


def test_what_the_other_mapping_cannot_read_is_counted_with_the_reason(story: Callable[..., Story]) -> None:
    found = remap([story(signals={"judge": 3}), story(signals={"thumb": "up"})], MILD)
    ((why, count),) = found.unread.items()
    assert (count, found.lanes[0].rated_before, found.lanes[0].rated_after) == (1, 2, 1)
    assert "Known signals: thumb" in why


def test_a_stated_quality_stays_and_a_pick_at_random_is_weighed(story: Callable[..., Story]) -> None:
    stated = story(quality=1.0, signals={"thumb": "down"})
    assert remap([stated], MILD).changed == 0
    rare = story(signals={"thumb": "down"}, rated_probability=0.25)
    (lane,) = remap([stated, rare], MILD).lanes
    assert lane.before == pytest.approx(0.2)
    assert lane.after == pytest.approx((1 + 4 * 0.4) / 5)


def test_a_frame_has_a_row_per_lane(story: Callable[..., Story]) -> None:
    pytest.importorskip("pandas", reason="pandas (extra: offline) makes the frame")
    frame = to_frame(remap([story(signals={"thumb": "up"})], MILD))
    assert frame[["lane", "after"]].to_numpy().tolist() == [["balanced", 0.9]]
