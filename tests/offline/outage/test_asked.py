"""A log answers as its requests would, though a record does not hold all that is believed of each lane."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from router_ml import Router, RouteRequest
from router_ml.config import RouterConfig, config_sha256
from router_ml.errors import InvalidRequestError
from router_ml.offline.coverage import stopped_by
from router_ml.offline.outage import Demand, OutageReport, outage
from router_ml.offline.outage.places import find_place
from tests.offline.kinds_of import kinds_of
from tests.state.test_drills import lane

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def asked(learned: Any, name: str, requests: Any) -> OutageReport:
    return outage(learned, name, requests, demand=Demand(np.full(24, 60.0), NOON, "made up"), now=NOON)


def test_a_lane_that_a_ceiling_kept_out_of_the_log_is_no_survivor() -> None:
    """Its estimate is not in the record of that request, and the mean of the others would pass."""
    price = {"input_per_mtok": 50, "output_per_mtok": 1}
    lanes = {"cheap": lane("acme"), "dear": lane("zeta", price=price)}
    classes = {"default": {"floor": 0.4, "quality_per_usd": 1000}}
    config = RouterConfig.model_validate({"version": 1, "lanes": lanes, "traffic_classes": classes})
    short = [RouteRequest(text="hello there")] * 50
    long = [RouteRequest(text="word " * 1000, constraints={"max_cost_usd": 0.01})] * 10
    router = Router(config)
    logged = router.predict_routes([*short, *long], seeds=list(range(60)), now=NOON)
    assert asked(config, "acme", logged).stops == asked(config, "acme", kinds_of(router, [*short, *long])).stops
    assert asked(config, "acme", logged).stops == pytest.approx(1 / 6)


def test_a_lane_that_was_down_when_the_log_was_written_is_as_usual_today() -> None:
    """A ceiling that nobody held it against then must not keep it out."""
    lanes = {"one": lane("acme"), "two": lane("zeta")}
    classes = {"default": {"floor": 0.4, "quality_per_usd": 1, "limits": {"max_cost_usd": 1.0}}}
    router = Router(RouterConfig.model_validate({"version": 1, "lanes": lanes, "traffic_classes": classes}))
    well = router.predict_routes(["hello there"] * 3, now=NOON)
    router.report_health("zeta", "down")
    report = asked(router.config, "acme", [*well, *router.predict_routes(["hello there"] * 3, now=NOON)])
    assert report.stops == 0
    assert report.after is not None
    assert report.after.usd_per_1000 == pytest.approx(report.before.usd_per_1000, rel=0.01)


@pytest.mark.slow
def test_the_rules_alone_know_lanes_that_a_short_log_or_a_pack_does_not(
    router: Router,
) -> None:
    """Else a drill would be refused for a stop that there is not, and the page contradict ``router-ml check``."""
    request = RouteRequest(text="What does the IBAN DE89370400440532013000 stand for?", metadata={"region": "eu"})
    private, kinds = router.predict_routes([request], now=NOON), kinds_of(router, [request])
    measured = replace(
        kinds,
        lanes=("private",),
        truth="measured",
        **{name: getattr(kinds, name)[:, :1] for name in ("tokens_out", "quality", "cost_usd", "latency_ms")},
    )
    for name in ("vllm", "region:eu"):
        place = find_place(router.config, name)
        told = stopped_by(router.config, place.lanes, kind=place.kind, name=place.name)
        for requests in (private, measured, kinds):
            report = asked(router.bundle, name, requests)
            assert report.by_rules == told
            assert report.struck == place.lanes
            assert report.versions["config_sha256"] == config_sha256(router.config)
    assert asked(router.bundle, "mistral", private).by_rules == ()
    with pytest.raises(InvalidRequestError, match="No outcome of a lane of provider mistral"):
        asked(router.bundle, "mistral", measured)
