"""Budgets while a simulation runs are those of the router's own ledger, correction by correction."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.offline.simulation.playing.money import Money
from tests.offline.simulation.small_worlds import START, setting

HASTY = 0


def charged(*costs_usd: float) -> Money:
    """A class with a budget of 1 USD a day, at 22:30, after some requests."""
    money = Money(setting(1, budget=1.0).config, START)
    spend(money, *costs_usd)
    return money


def spend(money: Money, *costs_usd: float) -> None:
    money.ask(0, np.full(len(costs_usd), HASTY), np.array(costs_usd))
    money.charge(len(costs_usd))


def test_a_correction_goes_to_the_day_of_the_charge() -> None:
    """What was sent before midnight and ends after it leaves the new day's money as it is."""
    money = charged(0.7, 0.2)
    sent = money.at
    money.look(5_400.0)  # midnight
    spend(money, 0.1)
    assert not money.charge_late(HASTY, -0.7, sent)
    money.look(6_000.0)
    assert money.standing["hasty"].spent_usd == pytest.approx(0.1)


def test_a_class_comes_to_its_cap_and_below_it_at_once() -> None:
    money = charged(0.6, 0.5)
    assert money.standing["hasty"].capped
    assert money.news()
    assert money.charge_late(HASTY, -0.6, money.at)
    assert not money.standing["hasty"].capped
    assert money.news()
    assert not money.charge_late(HASTY, -0.1, money.at), "nothing has changed that anybody is told at once"
    assert not money.news()
