"""A day's money lasts the day: lambda rises while spending is ahead of the line, inside what is certified."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.pacer import HOURS, MOST, expected_share, paced
from training.outcomes import load_pack

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
OWN = st.floats(0, 1e5)
SPENT = st.floats(0, 30)
TIME = st.floats(0, 86_399.999).map(lambda seconds: MIDNIGHT + timedelta(seconds=seconds))
PROFILE = st.lists(st.floats(0.01, 1), min_size=HOURS, max_size=HOURS).map(
    lambda weights: tuple(weight / sum(weights) for weight in weights)
)


@given(OWN, st.tuples(SPENT, SPENT), TIME, PROFILE)
def test_more_spent_never_makes_a_dollar_cheaper(
    own: float, spent: tuple[float, float], now: datetime, profile: tuple[float, ...]
) -> None:
    less, more = (paced(own, budget_usd=10, spent_usd=usd, now=now, profile=profile) for usd in sorted(spent))
    assert own <= less <= more <= max(own, MOST)


@given(OWN, SPENT, st.tuples(TIME, TIME), PROFILE)
def test_time_that_passes_without_spending_never_makes_a_dollar_dearer(
    own: float, spent: float, times: tuple[datetime, datetime], profile: tuple[float, ...]
) -> None:
    early, late = (paced(own, budget_usd=10, spent_usd=spent, now=now, profile=profile) for now in sorted(times))
    assert late <= early * (1 + 1e-12)


@given(OWN, st.floats(0, 1), TIME, PROFILE)
def test_on_or_below_the_days_line_the_class_keeps_its_own_lambda(
    own: float, part: float, now: datetime, profile: tuple[float, ...]
) -> None:
    spent = 10 * expected_share(now, profile) * part
    assert paced(own, budget_usd=10, spent_usd=spent, now=now, profile=profile) == pytest.approx(own, rel=1e-9)


@given(OWN, SPENT, TIME, st.floats(0, 1e5))
def test_the_floor_beats_the_budget(own: float, spent: float, now: datetime, largest: float) -> None:
    """Whatever has been spent, lambda stays where the floor is certified."""
    assert paced(own, budget_usd=10, spent_usd=spent, now=now, largest=largest) <= largest
    free = paced(own, budget_usd=10, spent_usd=spent, now=now)
    assert paced(own, budget_usd=10, spent_usd=spent, now=now, largest=largest) == min(free, largest)


def test_a_class_that_pays_any_price_is_paced_too() -> None:
    """Its lambda of 0 times anything would still be 0."""
    assert paced(0, budget_usd=10, spent_usd=8, now=MIDNIGHT) > 1000
    assert paced(0, budget_usd=10, spent_usd=0, now=MIDNIGHT) == 0


def test_demand_is_expected_when_it_usually_comes() -> None:
    """Half the day's money at noon is too much for a night shift, and too little for a morning rush."""
    night = (0.0,) * 20 + (0.25,) * 4
    morning = (0.25,) * 4 + (0.0,) * 20
    noon = MIDNIGHT + timedelta(hours=12)
    assert [expected_share(noon, profile) for profile in (night, morning)] == [0, 1]
    assert expected_share(MIDNIGHT + timedelta(hours=21, minutes=30), night) == pytest.approx(0.375)
    assert paced(30, budget_usd=10, spent_usd=5, now=noon, profile=night) > 1000
    assert paced(30, budget_usd=10, spent_usd=5, now=noon, profile=morning) == 30


@pytest.mark.parametrize("share", [0.7, 0.4])
def test_a_paced_day_spends_its_budget_and_buys_more_quality_than_a_day_that_runs_out(root: Path, share: float) -> None:
    """On judged answers: the money lasts until the evening, and the last requests get as much as the first."""
    pack = load_pack(root / "data" / "outcomes" / "judged")
    known = np.isfinite(pack.quality).all(axis=1) & np.isfinite(pack.cost_usd).all(axis=1)
    quality, cost = pack.quality[known], pack.cost_usd[known]
    rng = np.random.default_rng(0)
    believed = (quality + quality.mean(axis=0)) / 2
    rows, times = rng.integers(0, len(quality), 1500), np.sort(rng.random(1500))
    least, freely = cost[rows].min(axis=1).sum(), cost[rows, (believed - 30 * cost)[rows].argmax(axis=1)].sum()
    budget = least + share * (freely - least)

    def day(*, pacing: bool) -> tuple[float, float, float]:
        """Share of the budget spent, mean quality, and share of requests that came when nothing was left."""
        spent, bought, late = 0.0, 0.0, 0
        for row, time in zip(rows, times, strict=True):
            now = MIDNIGHT + timedelta(days=float(time))
            price = paced(30, budget_usd=budget, spent_usd=spent, now=now) if pacing else 30.0
            broke = spent >= budget
            lane = int(cost[row].argmin() if broke else (believed[row] - price * cost[row]).argmax())
            spent, bought, late = spent + cost[row, lane], bought + quality[row, lane], late + broke
        return spent / budget, bought / len(rows), late / len(rows)

    (spent, bought, late), (_, plain, plain_late) = day(pacing=True), day(pacing=False)
    assert 0.98 <= spent <= 1.01
    assert late <= 0.01
    assert plain_late >= 0.2
    assert bought > plain + 0.01
