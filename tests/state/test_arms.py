"""New lanes get their probes and no more, across restarts, removals and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from router_ml.config import Lane, RouterConfig
from router_ml.config.schema import Probe
from router_ml.errors import BundleFormatError
from router_ml.state.arms import Arms
from router_ml.storage.bundle import Bundle

PROBE = Probe(requests=10, max_cost_usd=1.0, share=0.05)


@pytest.fixture(scope="module")
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config


def lanes(config: RouterConfig, **changes: dict[str, Any]) -> dict[str, Lane]:
    """Lanes ``fast`` and ``premium``, with changed fields."""
    return {
        name: config.lanes[name].model_copy(update={"probe": PROBE, **changes.get(name, {})})
        for name in ("fast", "premium")
    }


def test_only_what_the_bundle_does_not_know_in_this_version_is_owed_probes(config: RouterConfig) -> None:
    eligible = ["fast", "premium"]
    assert Arms(lanes(config), learned={"fast": "1", "premium": "1"}).probes(eligible) == {}
    assert Arms(lanes(config), learned={"premium": "1"}).probes(eligible) == {"fast": 0.05}
    upgraded = Arms(lanes(config, premium={"version": "2"}), learned={"fast": "1", "premium": "1"})
    assert upgraded.probes(eligible) == {"premium": 0.05}
    assert upgraded.probes(["fast"]) == {}, "a probe never goes where a rule does not let it"
    assert upgraded.probes(["no such lane"]) == {}


def test_probes_end_with_their_number_or_their_money(config: RouterConfig) -> None:
    arms = Arms(lanes(config), learned={})
    assert arms.left_usd == pytest.approx(2.0)
    for _ in range(9):
        arms.count("fast", 0.01)
    assert "fast" in arms.probes(["fast"])
    arms.count("fast", 0.01)
    assert arms.probes(["fast"]) == {}
    arms.count("premium", 1.5)
    assert arms.probes(["premium"]) == {}
    assert arms.left_usd == 0


def test_a_lane_that_comes_back_is_owed_what_was_left(config: RouterConfig) -> None:
    """Restarts and removals do not start the probes again; a new version does."""
    both = Arms(lanes(config), learned={})
    for _ in range(7):
        both.count("fast", 0.1)
    without = Arms({"premium": lanes(config)["premium"]}, learned={})
    without.restore(both.state())
    assert without.probes(["fast", "premium"]) == {"premium": 0.05}
    back = Arms(lanes(config), learned={})
    back.restore(without.state())
    assert back.left_usd == pytest.approx(0.3 + 1.0)
    again = Arms(lanes(config, fast={"version": "2"}), learned={})
    again.restore(back.state())
    assert again.left_usd == pytest.approx(2.0)


def test_a_lane_that_may_not_be_probed_is_not(config: RouterConfig) -> None:
    never = Arms(lanes(config, fast={"probe": Probe(share=0.0)}), learned={})
    assert never.probes(["fast"]) == {}
    disabled = Arms(lanes(config, fast={"enabled": False}), learned={"premium": "1"})
    assert disabled.left_usd == 0


def test_threads_lose_no_count(config: RouterConfig) -> None:
    many = lanes(config, fast={"probe": Probe(requests=4000, max_cost_usd=100.0)})
    arms = Arms(many, learned={})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: arms.count("fast", 0.001), range(2000)))
    assert arms.state()["fast"]["requests"] == 2000


@pytest.mark.parametrize(
    "state", [{"fast": 3}, {"fast": {}}, {"fast": {"version": "1", "requests": "x", "cost_usd": 0}}]
)
def test_what_is_not_a_state_is_refused(config: RouterConfig, state: dict[str, Any]) -> None:
    with pytest.raises(BundleFormatError):
        Arms(lanes(config), learned={}).restore(state)


def test_many_are_counted_as_one_after_another(config: RouterConfig) -> None:
    """And it is known beforehand with which of them a lane is owed nothing more."""
    for costs in ([0.01] * 12, [0.3, 0.3, 0.5, 0.1], [0.01] * 3):
        one, many = Arms(lanes(config), learned={}), Arms(lanes(config), learned={})
        count = 0
        for cost in costs:
            if "fast" not in one.owed:
                break
            one.count("fast", cost)
            count += 1
        assert many.lasts("fast", costs) == count
        many.count_many("fast", costs[:count])
        assert many.state() == one.state()
        assert many.owed == one.owed
        assert many.lasts("fast", costs) == len(costs) or "fast" in many.owed
