"""Requests that are sent as batches are weighed at batch prices, and those alone."""

from __future__ import annotations

import pytest

from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.planning.plan import batch_priced
from router_ml.storage.bundle import Bundle

BATCH = "Classify as billing, technical or other. Output the label only.\n\nTICKET: I was charged twice for one month."


def costs(decision: RouteDecision) -> dict[str, float]:
    return {lane: estimate.cost_usd for lane, estimate in decision.estimates.items()}


def router_with(bundle: Bundle, **fields: object) -> Router:
    raw = bundle.config.model_dump(mode="json", by_alias=True)
    classes = {name: {**item, **fields} for name, item in raw["traffic_classes"].items()}
    return Router(RouterConfig.model_validate({**raw, "traffic_classes": classes}), bundle=bundle)


@pytest.mark.parametrize(("batch_prices", "channel"), [(False, "batch"), (True, "api")])
def test_each_lane_gives_its_own_discount(bundle: Bundle, batch_prices: bool, channel: str) -> None:
    full = router_with(bundle).predict_route(BATCH, channel="api", seed=1)
    assert full.mode.label == "batch"
    router = router_with(bundle, batch_prices=batch_prices)
    found = router.predict_route(BATCH, channel=channel, seed=1)
    assert (batch_priced(router.config, found), batch_priced(router.config, full)) == (True, batch_prices)
    for lane, cost in costs(found).items():
        discount = bundle.config.lanes[lane].price.batch_discount
        assert cost == pytest.approx(costs(full)[lane] * (1 - discount), rel=1e-6)


def test_a_chat_is_not_a_batch_whatever_its_class_says(bundle: Bundle) -> None:
    text = "hi there, how are you today?"
    plain = router_with(bundle).predict_route(text, seed=1)
    assert plain.mode.label == "chat"
    assert costs(router_with(bundle, batch_prices=True).predict_route(text, seed=1)) == costs(plain)


def test_a_class_can_say_so_for_one_request(bundle: Bundle) -> None:
    item = router_with(bundle, batch_prices=True).config.traffic_classes["default"]
    assert item.batched(channel="api", mode="batch")
    assert item.batched(channel="batch", mode="chat")
    assert not item.batched(channel="api", mode="chat")
