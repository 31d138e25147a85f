"""Money that is held and paid never passes the budget, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.errors import InvalidRequestError
from training.evals.running.budget import Budget


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.001, 2.0), min_size=1, max_size=30), st.floats(0.0, 10.0), st.integers(0, 99))
def test_what_is_spent_and_on_its_way_keeps_within(costs: list[float], usd: float, seed: int) -> None:
    """For attempts that turn out as expected or cheaper, at any order of their ends; all of them are told yes or no."""
    budget, rng, told = Budget(usd), random.Random(seed), []

    async def one(expected: float) -> None:
        if not await budget.reserve(expected):
            told.append(False)
            return
        await asyncio.sleep(0)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        budget.settle(expected, paid_usd=expected * rng.random())
        budget.tell()
        assert budget.spent_usd <= usd + 1e-9
        told.append(True)

    async def all_of_them() -> None:
        await asyncio.wait_for(asyncio.gather(*map(one, costs)), 10)

    asyncio.run(all_of_them())
    assert len(told) == len(costs)


def test_without_a_limit_all_is_paid() -> None:
    """None is no limit, and counts all the same."""
    budget = Budget(None, spent_usd=1.0)
    assert budget.take(1e9)
    budget.settle(1e9, paid_usd=2.0)
    assert budget.spent_usd == 3.0


def test_a_limit_that_is_no_number_is_refused() -> None:
    """NaN is above nothing, so that it would be no limit."""
    with pytest.raises(InvalidRequestError, match="nan"):
        Budget(float("nan"))
