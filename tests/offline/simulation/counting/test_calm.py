"""What depends on the champion is found out while nothing happens; budgets of a scenario take the place of others."""

from __future__ import annotations

import pytest

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.simulation.counting.calm import Calm, calm_scenario, with_budgets, without_budgets
from router_ml.offline.simulation.scenarios.scenario import Budget, Burst, Retire, Scenario, Traffic
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.made import a_study

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
