"""What an outage report says is what the router would do, exactly, and what it leaves out it says."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from router_ml import RouteDecision, Router, RouteRequest
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.outage import Demand, OutageReport, frame, outage, outages
from router_ml.offline.simulation.traffic.kinds import Kinds
from tests.offline.kinds_of import kinds_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLAT = Demand(np.full(24, 60.0), NOON, "made up")
TEXTS = (
    "What is the capital of Peru?",
    "What does the IBAN DE89370400440532013000 stand for?",
    "Should I stop taking my heart medication?",
    "Is a tenant allowed to sublet the flat?",
    "Refund order 8812 and email me",
)


@pytest.fixture(scope="module")
def requests() -> list[RouteRequest]:
    return [
        RouteRequest(text=text, metadata=place, allowed_tools=tools, channel=channel)
        for text in TEXTS
        for place in ({}, {"region": "eu"})
        for tools, channel in (((), "batch"), (("search", "refund"), "web"))
    ]


@pytest.fixture(scope="module")
def kinds(router: Router, requests: list[RouteRequest]) -> Kinds:
    return kinds_of(router, requests)


def asked(learned: Any, name: str, kinds: Any, **more: Any) -> OutageReport:
    return outage(learned, name, kinds, **{"demand": FLAT, "now": NOON, **more})


@pytest.fixture(scope="module")
def decided(router: Router, requests: list[RouteRequest]) -> list[RouteDecision]:
    return router.predict_routes(requests, seeds=list(range(len(requests))), now=NOON)


@pytest.fixture(scope="module")
def reports(router: Router, kinds: Kinds) -> dict[str, OutageReport]:
    """Of every provider, the one that stops most first."""
    assert router.bundle is not None
    return {report.name: report for report in outages(router.bundle, kinds, demand=FLAT, now=NOON)}


@pytest.mark.parametrize("name", ["mistral", "vllm", "vllm-b"])
def test_each_request_goes_where_the_router_sends_it(
    router: Router, requests: list[RouteRequest], kinds: Kinds, decided: list[RouteDecision], name: str
) -> None:
    """The page is handed to customers: it may not differ from what the product does."""
    report = asked(router.bundle, name, kinds)
    before, own = decided, Router(router.config, bundle=router.bundle)
    own.report_health(name, "down")
    during = own.predict_routes(requests, seeds=[1] * len(requests), now=NOON)
    due = [at for at, one in enumerate(before) if one.lane is not None]
    assert report.due == pytest.approx(len(due) / len(requests))
    assert report.stops == pytest.approx(sum(during[at].lane is None for at in due) / len(due))
    assert all(during[at].queue == "no-eligible-lane" for at in due if during[at].lane is None)
    for when, service in ((before, report.before), (during, report.after)):
        assert service is not None
        served = [when[at] for at in due if when[at].lane is not None]
        for lane in router.config.lanes:
            share = sum(one.propensities.get(lane, 0.0) for one in served) / len(served)
            assert service.lanes.get(lane, 0.0) == pytest.approx(share, abs=1e-4)
        cost = sum(p * one.estimates[lane].cost_usd for one in served for lane, p in one.propensities.items())
        assert service.usd_per_1000 == pytest.approx(1000 * cost / len(served), rel=1e-4)
    moved = sum(
        share
        for at in due
        if during[at].lane is not None
        for lane, share in before[at].propensities.items()
        if lane in report.struck
    )
    assert report.moves == pytest.approx(moved / len(due), abs=1e-4)


def test_the_simulator_decides_the_same(router: Router, kinds: Kinds, reports: dict[str, OutageReport]) -> None:
    """Two commands on one question may not disagree."""
    from router_ml.offline.simulation.policies.policy import Moment
    from router_ml.offline.simulation.policies.routed import Routed
    from router_ml.offline.simulation.scenarios.loading import load_scenario
    from router_ml.offline.simulation.traffic.rows import LUCK, Rows
    from router_ml.offline.simulation.world.building import build_world

    assert router.bundle is not None
    world = build_world(load_scenario("vendor_outage_48h"), kinds, router.config, main={"balanced": 1.0})
    policy, n = Routed("champion", router.bundle, kinds, world).twin("without probes"), len(kinds)
    none, at = np.full(n, -1), np.arange(n)
    rows = Rows(at, at, np.zeros(n), none, np.zeros(n, int), none, np.zeros(n, int), np.zeros((n, LUCK)))
    for name, report in reports.items():
        down = np.array([lane in report.struck for lane in world.lanes])
        weighed = policy.weigh(rows, Moment(NOON, 0.0, down, {}, none, np.zeros(n, int)))
        answered = weighed.propensities.sum(axis=1) > 0
        assert answered.mean() == pytest.approx(report.due * (1 - report.stops)), name
        assert report.after is not None
        for column, lane in enumerate(world.lanes):
            share = weighed.propensities[:, column].sum() / answered.sum()
            assert report.after.lanes.get(lane, 0.0) == pytest.approx(share, abs=1e-4), (name, lane)


def test_what_stops_says_why_and_which_change_keeps_it_up(
    router: Router, kinds: Kinds, reports: dict[str, OutageReport]
) -> None:
    report = reports["vllm"]
    stopped = [each for item in report.classes for each in item.situations if each.stopped is not None]
    assert stopped
    for each in stopped:
        assert not each.survivors
        assert each.after is None
        assert "pii-stays-private" in each.because
        assert each.stopped is not None
        assert each.stopped.reasons["private"] == ("it is dark",)
        assert "pii-stays-private: boundary vendor, private needed" in each.stopped.reasons["fast"]
        assert "a second vendor for" in each.stopped.change
        assert "boundary private" in each.stopped.change
    assert "pii-stays-private" in report.rules
    lane = router.config.lanes["private"].model_copy(update={"provider": "else", "failure_domain": "else", "grade": 2})
    more = router.config.model_copy(update={"lanes": {**router.config.lanes, "second": lane}})
    assert router.bundle is not None
    assert asked(replace(router.bundle, config=more), "vllm", kinds).stops == 0


def test_the_rules_alone_say_the_same_as_check(router: Router, reports: dict[str, OutageReport]) -> None:
    from router_ml.offline.coverage import stops

    report = reports["vllm"]
    known = {(stop.policies, stop.lanes) for stop in stops(router.config) if stop.name == "vllm"}
    assert {(stop.policies, stop.lanes) for stop in report.by_rules} == known != set()
    assert reports["openai"].by_rules == ()


def test_shares_add_up(reports: dict[str, OutageReport]) -> None:
    for report in reports.values():
        assert sum(item.share for item in report.classes) == pytest.approx(1)
        for item in report.classes:
            assert sum(each.share for each in item.situations) == pytest.approx(item.share)
            lost = sum(each.share for each in item.situations if each.stopped is not None)
            assert item.stops * item.share == pytest.approx(lost)
        assert sum(item.stops * item.share for item in report.classes) == pytest.approx(report.stops)
        assert sum(item.moves * item.share for item in report.classes) == pytest.approx(report.moves)
        assert report.before.quality.low <= report.before.quality.value <= report.before.quality.high
        calls = sum(load.after for load in report.lanes)
        assert calls == pytest.approx(report.peak_per_minute * report.due * (1 - report.stops))
        assert all(load.after == 0 for load in report.lanes if load.struck)
        assert report.usd_before == pytest.approx(report.before.usd_per_1000 / 1000 * report.requests * report.due)


def test_all_providers_are_told_the_one_that_stops_most_first(router: Router, reports: dict[str, OutageReport]) -> None:
    found = list(reports.values())
    assert {report.name for report in found} == {lane.provider for lane in router.config.lanes.values()}
    assert found[0].name == "vllm"
    assert [report.stops for report in found] == sorted((report.stops for report in found), reverse=True)


def test_an_unknown_name_says_what_there_is(router: Router, kinds: Kinds) -> None:
    with pytest.raises(InvalidRequestError, match=r"'opnai'.*mistral.*vllm-b.*region:eu.*all"):
        asked(router.bundle, "opnai", kinds)
    with pytest.raises(InvalidRequestError, match="region:mars"):
        asked(router.bundle, "region:mars", kinds)
    with pytest.raises(InvalidRequestError, match="hours"):
        asked(router.bundle, "mistral", kinds, hours=0.0)


def test_a_region_takes_all_of_its_lanes(router: Router, kinds: Kinds) -> None:
    report = asked(router.bundle, "region:eu", kinds)
    assert set(report.struck) == {name for name, lane in router.config.lanes.items() if lane.region == "eu"}
    assert {lane for item in report.classes for each in item.situations for lane in each.survivors}.isdisjoint(
        report.struck
    )
    eu = [each for item in report.classes for each in item.situations if "eu-residency" in each.because]
    assert eu
    assert all(each.stopped is not None for each in eu if each.because["eu-residency"] > 0.99)


def test_capacity_is_held_against_the_busiest_hour(router: Router, kinds: Kinds) -> None:
    """What is left may be too small, which a list of surviving lanes would hide."""
    lanes = {
        name: lane.model_copy(update={"endpoint": lane.endpoint.model_copy(update={"requests_per_minute": 1})})
        for name, lane in router.config.lanes.items()
    }
    assert router.bundle is not None
    tight = replace(router.bundle, config=router.config.model_copy(update={"lanes": lanes}))
    busy = Demand(np.array([60.0] * 12 + [6000.0] + [60.0] * 11), NOON, "made up")
    report = asked(tight, "mistral", kinds, demand=busy, hours=2)
    assert report.peak_per_minute == 100
    assert report.at_hour == 11
    assert report.overflow == pytest.approx(report.due * 100 - 7)  # seven lanes are left, one call a minute each
    assert any("no room for" in note for note in report.notes)
    double = asked(tight, "mistral", kinds, demand=busy, hours=2, processes=2)
    assert double.overflow == pytest.approx(report.due * 100 - 14)


def test_measured_outcomes_leave_out_the_lanes_that_nobody_measured(router: Router, kinds: Kinds) -> None:
    names = ("balanced", "fast", "private")
    columns = [kinds.lanes.index(name) for name in names]
    known = replace(
        kinds,
        lanes=names,
        truth="measured",
        **{name: getattr(kinds, name)[:, columns] for name in ("tokens_out", "cost_usd", "latency_ms")},
        quality=np.tile([0.9, 0.6, 0.5], (len(kinds), 1)),
    )
    report = asked(router.bundle, "mistral", known)
    assert {load.lane for load in report.lanes} == set(names)
    assert any("extraction" in note and "take no part" in note for note in report.notes)
    assert report.after is not None
    assert 0.5 <= report.after.quality.value <= 0.6
    assert report.after.quality.low <= report.after.quality.value <= report.after.quality.high
    assert math.isfinite(report.after.quality.low)


def test_a_log_answers_without_texts_or_embeddings(
    router: Router, decided: list[RouteDecision], reports: dict[str, OutageReport]
) -> None:
    """Private requests keep neither, and they are the ones that stop."""
    for name in ("vllm", "mistral"):
        by_log, by_kinds = asked(router.config, name, decided), reports[name]
        assert by_log.stops == pytest.approx(by_kinds.stops)
        assert by_log.due == pytest.approx(by_kinds.due)
        assert by_log.moves == pytest.approx(by_kinds.moves, abs=1e-4)
        assert by_log.before.usd_per_1000 == pytest.approx(by_kinds.before.usd_per_1000, rel=1e-3)
        assert by_log.versions["bundle"] == by_kinds.versions["bundle"]
    with pytest.raises(OfflineDataError, match="no decision"):
        asked(router.config, "vllm", [])


def test_a_frame_has_a_row_for_each_situation(reports: dict[str, OutageReport]) -> None:
    report = reports["vllm"]
    rows = frame(report)
    assert len(rows) == sum(len(item.situations) for item in report.classes)
    assert rows["share"].sum() == pytest.approx(1)
    assert (rows.loc[rows["stops"], "survivors"] == "").all()
    assert rows.loc[rows["stops"], "change"].str.contains("second vendor").all()
