"""A name takes with it what a report of health takes, and the cascades that stand on it."""

from __future__ import annotations

import pytest

from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.outage.places import find_place, providers
from tests.state.test_drills import CONFIG, lane


def test_a_cascade_goes_with_its_parts() -> None:
    raw = CONFIG.model_dump(mode="json", by_alias=True, exclude_none=True)
    raw["lanes"]["two"] = {"cascade": {"draft": "other", "final": "best", "check": "schema"}}
    raw["lanes"]["far"] = lane("far")
    config = RouterConfig.model_validate(raw)
    assert find_place(config, "acme").lanes == ("best", "third", "two")
    assert find_place(config, "zeta-1").lanes == ("other", "two")
    assert find_place(config, "far").lanes == ("far",)


@pytest.mark.parametrize("name", ["vllm", "vllm-a", "vllm-b", "mistral", "openai", "private", "region:eu"])
def test_it_takes_the_lanes_that_the_router_excludes(router: Router, name: str) -> None:
    place, own = find_place(router.config, name), Router(router.config)
    for each in place.names:
        own.report_health(each, "down")
    excluded = {
        lane for lane, why in own.predict_route("hello there").excluded.items() if any("health" in w for w in why)
    }
    assert excluded == set(place.lanes)


def test_what_is_disabled_is_no_place() -> None:
    off = CONFIG.lanes["other"].model_copy(update={"enabled": False})
    config = CONFIG.model_copy(update={"lanes": {**CONFIG.lanes, "other": off}})
    assert [place.name for place in providers(config)] == ["acme"]
    with pytest.raises(InvalidRequestError, match="'zeta'"):
        find_place(config, "zeta")
