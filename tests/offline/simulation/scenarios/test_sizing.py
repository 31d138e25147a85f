"""More or less traffic is the same scenario under the same pressure."""

from __future__ import annotations

import pytest

from router_ml.errors import ConfigError
from router_ml.offline.simulate import sized
from router_ml.offline.simulation.scenarios.loading import load_scenario, parse_scenario

TEXT = """
traffic: {requests: 10000, days: 5}
lanes: {default: {requests_per_minute: 40, max_concurrency: 3, error_rate: 0.1}}
budgets: {default: {usd: 8}, batch: {share: 0.5}}
reviewers: {per_hour: 20}
events: [{kind: outage, at_hour: 30, hours: 10, where: main}]
"""


def test_limits_budgets_and_people_grow_with_the_rate_of_requests() -> None:
    made = sized(parse_scenario(TEXT), count=40_000, days=10)
    lane = made.lanes["default"]
    assert (lane.requests_per_minute, lane.max_concurrency, lane.error_rate) == (80, 6, 0.1)
    assert (made.budgets["default"].usd, made.budgets["batch"].share) == (16, 0.5)
    assert made.reviewers.per_hour == 40
    assert made.events == parse_scenario(TEXT).events


def test_a_limit_never_falls_to_nothing() -> None:
    assert sized(parse_scenario(TEXT), count=10).lanes["default"].max_concurrency == 1


def test_a_run_too_short_for_what_happens_is_refused() -> None:
    with pytest.raises(ConfigError, match="after the end of the run"):
        sized(load_scenario("vendor_outage_48h"), days=1)
