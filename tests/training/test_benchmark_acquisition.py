"""The acquisition benchmark: every arm spends the same money, and what it saves is held out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="fitting needs the 'offline' extra")

from training.benchmark import acquisition
from training.benchmark.acquisition import BASE, Result, arms, begin, play, summarise
from training.outcomes import Pack, load_pack


@pytest.fixture(scope="module")
def parts() -> tuple[Pack, Pack]:
    train, test, _ = load_pack().split(0.15, 0.1, seed=0)
    return train, test


def test_no_arm_buys_what_it_has_and_contenders_are_fewer(parts: tuple[Pack, Pack]) -> None:
    start = begin(parts[0], seed=0)
    runs = {}
    for name, order, lanes in arms(start, seed=0):
        assert len(np.unique(order)) == len(order)
        assert not np.isin(start.first, order).any()
        assert lanes.any(axis=1).all()
        runs[name] = lanes.sum()
    thresholds = [count for name, count in runs.items() if "contend" in name]
    assert runs[BASE] >= thresholds[0]
    assert thresholds == sorted(thresholds, reverse=True)


def test_arms_spend_the_same_money(parts: tuple[Pack, Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "NEXT", 60)
    results = play(*parts, seed=0)
    assert results[BASE].prompts == 60
    assert all(np.isfinite([each.gap_closed, each.utility]).all() for each in results.values())
    assert results["random, lanes that contend (p >= 0.2)"].prompts > 60


def test_differences_are_paired() -> None:
    plays = [{BASE: Result(a, 0.0, 200, 800), "x": Result(a + 2, 1.0, 300, 700)} for a in (0.0, 50.0)]
    row = summarise(plays)[1]
    assert (row["gap_closed_vs_random"], row["gap_closed_vs_random_se"]) == (2.0, 0.0)
