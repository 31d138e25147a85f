"""What to evaluate next: lanes that could matter, prompts that differ, within the money, never a text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.judging.candidates import Candidates
from router_ml.offline.next_prompts import _normal_cdf, choose, contenders, to_frame, to_record


def _candidates(n: int = 200, **changes: Any) -> Candidates:
    """Three lanes: two close ones and one that is surely worse; two cells."""
    random = np.random.default_rng(0)
    embedding = random.normal(size=(n, 16)).astype(np.float32)
    fields: dict[str, Any] = {
        "lanes": ("a", "b", "bad"),
        "ids": np.array([f"dec-{row}" for row in range(n)]),
        "embedding": embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        "quality": np.tile([0.80, 0.78, 0.2], (n, 1)),
        "deviation": np.full((n, 3), 0.05),
        "cost_usd": np.tile([0.001, 0.002, 0.0001], (n, 1)),
        "allowed": np.ones((n, 3), bool),
        "seen": np.zeros((n, 3), bool),
        "quality_per_usd": np.ones(n),
        "cell": np.where(np.arange(n) % 4 == 0, "qa/legal", "qa/general"),
    }
    return Candidates(**{**fields, **changes})


def test_every_lane_is_run_unless_asked_for_those_that_could_be_the_best() -> None:
    assert {prompt.lanes for prompt in choose(_candidates(), count=20).prompts} == {("a", "b", "bad")}
    found = choose(_candidates(), count=20, threshold=0.05)
    assert len(found.prompts) == 20
    assert {prompt.lanes for prompt in found.prompts} == {("a", "b")}
    assert found.cost_usd == pytest.approx(20 * 0.003)


def test_what_is_known_is_not_paid_for_again() -> None:
    seen = np.zeros((200, 3), bool)
    seen[:, 0] = True
    seen[:100] = True
    found = choose(_candidates(seen=seen), count=200, threshold=0.05)
    assert {prompt.lanes for prompt in found.prompts} == {("b",)}
    assert {int(prompt.id.removeprefix("dec-")) for prompt in found.prompts} == set(range(100, 200))


def test_a_settled_prompt_is_not_taken() -> None:
    """Where nothing could beat the best lane, as far as asked for, an outcome changes no decision."""
    deviation = np.full((200, 3), 0.05)
    deviation[:150] = 0.001
    found = choose(_candidates(deviation=deviation), count=200, threshold=0.05)
    assert len(found.prompts) == 50
    assert found.settled == 0.75


def test_near_duplicates_are_run_once() -> None:
    same = _candidates(embedding=np.tile(np.eye(16, dtype=np.float32)[:4], (50, 1)))
    assert len(choose(same, count=200).prompts) == 4


@given(budget=st.floats(0, 0.5), count=st.integers(1, 80))
def test_neither_count_nor_budget_is_exceeded(budget: float, count: int) -> None:
    candidates = _candidates(cost_usd=np.random.default_rng(1).lognormal(-6, 1, (200, 3)))
    if candidates.cost_usd.sum(axis=1).min() > budget:
        with pytest.raises(OfflineDataError, match="buys no prompt"):
            choose(candidates, count=count, budget_usd=budget)
        return
    found = choose(candidates, count=count, budget_usd=budget)
    assert 0 < found.cost_usd <= budget + 1e-9
    assert len(found.prompts) <= count


def test_cells_say_what_they_gain_and_can_be_asked_for() -> None:
    found = choose(_candidates(), count=30, cells=["qa/legal"])
    (gain,) = found.cells
    assert (gain.cell, gain.prompts, gain.share) == ("qa/legal", 30, 0.25)
    assert gain.width_after < gain.width
    assert gain.at_stake_after < gain.at_stake
    assert gain.width == pytest.approx(2 * 1.645 * 0.05 * 2**0.5, rel=1e-3)


def test_a_forbidden_lane_is_never_run() -> None:
    allowed = np.ones((200, 3), bool)
    allowed[:, 1:] = False
    with pytest.raises(OfflineDataError, match="none is left"):
        choose(_candidates(allowed=allowed))


def test_the_same_seed_chooses_the_same_and_another_does_not() -> None:
    first, again, other = (choose(_candidates(), count=10, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no cell qa/lega here"):
        choose(_candidates(), cells=["qa/lega"])
    with pytest.raises(InvalidRequestError, match="threshold 2"):
        choose(_candidates(), threshold=2)
    with pytest.raises(InvalidRequestError, match="count 0"):
        choose(_candidates(), count=0)


def test_records_and_frames_hold_ids_and_lanes() -> None:
    found = choose(_candidates(), count=3)
    assert set(to_record(found)) == {"prompts", "cost_usd", "cells", "settled"}
    pytest.importorskip("pandas", reason="needs the 'offline' extra")
    assert list(to_frame(found).columns) == ["id", "cell", "lanes", "cost_usd"]


def test_the_lane_that_looks_best_always_contends() -> None:
    one = np.array([[0.5, 0.5]])
    found = contenders(one, one * 0, one * 0, np.ones(1), np.array([[True, False]]), threshold=0.9)
    assert found.tolist() == [[True, False]]


@given(st.floats(-8, 8))
def test_the_normal_distribution_is_right_without_scipy(x: float) -> None:
    assert float(_normal_cdf(np.array(x))) == pytest.approx(math.erfc(-x / math.sqrt(2)) / 2, abs=2e-7)
