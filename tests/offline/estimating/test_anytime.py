"""Intervals that hold however often they are looked at: false alarms are what they promise, and real harm is seen."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.offline.estimating.anytime import bounded, capped, evidence_against_shares

N = 3000


def arms(rng: np.random.Generator, share: float, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    return rng.random(n) < share, np.full(n, share)


@pytest.mark.parametrize(("share", "rate"), [(0.05, 0.9), (0.1, 0.75), (0.5, 0.5), (0.1, 0.03)])
def test_peeking_makes_no_false_alarms(share: float, rate: float) -> None:
    """The interval of the last look is within that of every look before it, so one that is wrong at any time is wrong
    at the end: at most 5% are, and half of these to each side."""
    rng, rounds = np.random.default_rng(0), 120
    wrong = 0
    for _ in range(rounds):
        canary, shares = arms(rng, share)
        found = bounded((rng.random(N) < rate).astype(float), canary, shares)
        wrong += not found.low <= 0 <= found.high
    assert wrong / rounds <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / rounds)


@pytest.mark.slow
@pytest.mark.parametrize(("share", "rate"), [(0.05, 0.9), (0.1, 0.75), (0.1, 0.5), (0.5, 0.75), (0.1, 0.03)])
def test_false_stops_over_many_canaries(share: float, rate: float) -> None:
    """2,000 canaries that do no harm, each looked at after every session: a fortieth at most is stopped for quality."""
    rng, rounds, n = np.random.default_rng(1), 2000, 5000
    stopped = covered = 0
    for _ in range(rounds):
        canary, shares = arms(rng, share, n)
        found = bounded((rng.random(n) < rate).astype(float), canary, shares)
        stopped += found.high < 0
        covered += found.low <= 0 <= found.high
    assert stopped / rounds <= 0.025 + 2 * math.sqrt(0.025 * 0.975 / rounds)
    assert covered / rounds >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / rounds)


@pytest.mark.slow
def test_extreme_costs_are_no_false_alarm() -> None:
    rng, rounds, n = np.random.default_rng(2), 1000, 5000
    wrong = 0
    for _ in range(rounds):
        canary, shares = arms(rng, 0.1, n)
        found = capped(rng.lognormal(-7, 1.5, n), canary, shares)
        wrong += not found.low <= 0 <= found.high
    assert wrong / rounds <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / rounds)


def test_harm_is_shown() -> None:
    rng = np.random.default_rng(3)
    canary, shares = arms(rng, 0.1, 4000)
    harmed = bounded((rng.random(4000) < np.where(canary, 0.5, 0.8)).astype(float), canary, shares)
    assert harmed.low < -0.3 < harmed.high < -0.1
    cheaper = capped(rng.lognormal(-7, 1, 4000) * np.where(canary, 0.4, 1), canary, shares)
    assert cheaper.high < 0


def test_a_later_look_never_takes_back_an_earlier_one() -> None:
    """What has been shown stays shown: or a canary that was stopped would have to be started again."""
    rng = np.random.default_rng(4)
    canary, shares = arms(rng, 0.2)
    x = (rng.random(N) < np.where(canary, 0.6, 0.8)).astype(float)
    looks = [bounded(x[:n], canary[:n], shares[:n]) for n in range(100, N, 250)]
    assert all(after.high <= before.high and after.low >= before.low for before, after in pairwise(looks))


def test_shares_may_change_on_the_way() -> None:
    """Quality falls at night while the canary's share grows: a plain difference of means sees harm, this does not."""
    rng = np.random.default_rng(5)
    shares = np.where(np.arange(8000) < 4000, 0.05, 0.5)
    rate = np.where(np.arange(8000) < 4000, 0.9, 0.4)
    canary = rng.random(8000) < shares
    x = (rng.random(8000) < rate).astype(float)
    assert x[canary].mean() - x[~canary].mean() < -0.2
    found = bounded(x, canary, shares)
    assert found.low <= 0 <= found.high
    assert abs(found.value) < 0.05


@given(st.floats(0.02, 0.98), st.lists(st.floats(0, 1), max_size=30), st.integers(0, 2**32 - 1))
def test_any_data_gives_an_interval(share: float, values: list[float], seed: int) -> None:
    x = np.array(values)
    canary = np.random.default_rng(seed).random(len(x)) < share
    found = bounded(x, canary, np.full(len(x), share))
    assert -1 <= found.low <= found.high <= 1
    assert found.n == len(x)
    assert evidence_against_shares(canary, np.full(len(x), share)) >= 0


def test_arms_that_do_not_follow_their_shares_are_seen() -> None:
    rng, rounds = np.random.default_rng(6), 200
    right = [evidence_against_shares(*arms(rng, 0.1)) for _ in range(rounds)]
    assert np.mean(np.array(right) >= 20) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / rounds)
    canary, _ = arms(rng, 0.16)
    assert evidence_against_shares(canary, np.full(N, 0.1)) > 1000
