"""What depends on the champion is found out while nothing happens; budgets of a scenario take the place of others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.simulation.counting.calm import Calm, calm_scenario, calm_stream, with_budgets, without_budgets
from router_ml.offline.simulation.logged.stream import LogStream, resampled
from router_ml.offline.simulation.scenarios.scenario import Budget, Burst, Retire, Scenario, Traffic, Wave
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.made import MONDAY, a_study

CALM = Calm({"fast": 0.75, "premium": 0.25}, {"default": 10.0, "regulated": 0.0})


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def test_shares_and_money_are_scaled_to_the_whole_traffic() -> None:
    """2,000 requests in a day stand for 10,000 in two: five times as many, 2.5 times the money of a day."""
    result = a_study().results[1]
    found = Calm.of(result, hours=48.0, requests=10_000)
    assert found.shares == {"cheap": 0.0, "dear": 1.0}
    assert found.usd_per_day == {"default": pytest.approx(2.5 * result.spend_usd)}


def test_nothing_happens_in_calm() -> None:
    scenario = Scenario(
        name="s",
        traffic=Traffic(requests=10**7, bursts=(Burst(at_hour=1, hours=1, times=9),)),
        events=(Retire(kind="retire", where="main", at_hour=3),),
        budgets={"default": Budget(share=0.5)},
    )
    quiet = calm_scenario(scenario)
    assert (quiet.events, quiet.budgets, quiet.traffic.bursts) == ((), {}, ())
    assert quiet.traffic.requests == 20_000
    assert quiet.traffic.daily == scenario.traffic.daily


class _Many:
    """Kinds of which nothing is known but their facts."""

    def __init__(self, facts: list[SimpleNamespace]) -> None:
        self.facts = facts

    def __len__(self) -> int:
        return len(self.facts)


def test_calm_on_a_log_has_none_of_the_bursts_that_were_laid_over_it() -> None:
    """What came three times as often comes once: the spend of a usual day is what budgets are a share of."""
    kinds: Any = _Many([SimpleNamespace(region="eu" if kind % 2 else "us") for kind in range(2400)])
    calm = LogStream(kinds, MONDAY, 24.0, np.arange(2400), np.linspace(0, 24, 2400, endpoint=False))
    burst = Burst(at_hour=6, hours=6, times=3)
    wave = Wave(kind="wave", at_hour=12, hours=6, of={"region": "eu"}, times=2)
    scenario = Scenario(name="s", traffic=Traffic(bursts=(burst,)), events=(wave,))
    loud = resampled(calm, bursts=(burst,), waves=(wave,))
    found: Any = calm_stream(loud, scenario)
    assert loud.requests == 2400 + 2 * 600 + 300
    for low, high in ((0, 6), (6, 12), (12, 18), (18, 24)):
        count = ((found.hour >= low) & (found.hour < high)).sum()
        assert count == pytest.approx(600, abs=0 if low in (0, 18) else 80)
    assert calm_stream(calm, Scenario(name="s")) is calm


def test_a_budget_is_of_the_scenario_and_says_what_happens_at_its_end(config: RouterConfig) -> None:
    scenario = Scenario(name="s", budgets={"default": Budget(share=0.6, at_cap="queue"), "pilot": Budget(usd=3)})
    found = with_budgets(config, scenario, CALM).traffic_classes
    assert (found["default"].budget_usd_per_day, found["default"].at_cap) == (6.0, "queue")
    assert (found["pilot"].budget_usd_per_day, found["pilot"].at_cap) == (3.0, config.traffic_classes["pilot"].at_cap)
    assert found["regulated"] == config.traffic_classes["regulated"]
    assert with_budgets(config, Scenario(name="s"), CALM) is config
    free = without_budgets(with_budgets(config, scenario, CALM)).traffic_classes
    assert all(one.budget_usd_per_day is None for one in free.values())


@pytest.mark.parametrize(
    ("budgets", "complaint"),
    [
        ({"gold": Budget(usd=1)}, "'gold', which is not configured. Known classes: pilot, "),
        ({"regulated": Budget(share=0.5)}, "regulated a share of what the champion spends on it, which is nothing"),
    ],
)
def test_budgets_of_nothing_are_refused(config: RouterConfig, budgets: dict[str, Budget], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        with_budgets(config, Scenario(name="s", budgets=budgets), CALM)
