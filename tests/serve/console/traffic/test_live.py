"""The live page: what the log holds, to those whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from router_ml import Executor, Router
from router_ml.config import TrafficClass
from router_ml.contract import Execution, Outcome
from router_ml.serve.app import create_app
from router_ml.serve.console import words
from router_ml.serve.console.traffic import standing, traffic
from router_ml.serve.console.traffic.traffic import Cell
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views.overview import Group, Ran, Rating
from tests.serve.console.conftest import Visitor

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ETF = "What is the difference between an ETF and a mutual fund?"


def _requests(shown: str) -> int:
    found = re.search(r'Requests</p><p class="stat-value">([\d,]+)', shown)
    assert found is not None, shown
    return int(found[1].replace(",", ""))


@pytest.fixture
def routed(gateway: Gateway) -> Gateway:
    """Four requests of acme, two of globex, one of nobody."""
    for org in ("acme",) * 4 + ("globex",) * 2 + (None,):
        gateway.router.predict_route(ETF, metadata={"org": org} if org else {})
    gateway.router.flush()
    return gateway


def test_an_operator_sees_all_or_one_organisation(routed: Gateway, as_key: Callable[[str], Visitor]) -> None:
    operator = as_key("operator")
    for window in ("15m", "1h", "24h", "7d"):
        assert _requests(operator.get("/console/live", window=window)) == 7
    assert _requests(operator.get("/console/live", org="globex")) == 2
    assert _requests(operator.get("/console/live/fragment", org="acme")) == 4


def test_a_key_of_an_organisation_sees_its_own_alone(routed: Gateway, as_key: Callable[[str], Visitor]) -> None:
    """Whatever it asks for; and neither the money of all nor the processes."""
    acme = as_key("acme")
    for query in ({}, {"org": "globex"}, {"org": ""}, {"org": "acme' OR '1'='1"}):
        for path in ("/console/live", "/console/live/fragment"):
            shown = acme.get(path, **query)
            assert _requests(shown) == 4
            assert "Money of today" not in shown
            assert "Processes" not in shown


def test_what_is_down_is_said_with_why(routed: Gateway, visitor: Visitor) -> None:
    provider = routed.router.config.lanes["fast"].provider
    routed.router.report_health(provider, "down")
    shown = visitor.get("/console/live")
    assert "lanes get no traffic" in shown
    assert f"provider {provider}: reported down" in shown


def test_what_was_switched_off_says_until_when_and_to_those_who_may_know_by_whom(
    routed: Gateway, as_key: Callable[[str], Visitor]
) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    switch = routed.router.switch_off(["code"], who="Ada Byron", why="vendor incident", until=until)
    operator, acme = (as_key(who).get("/console/live") for who in ("operator", "acme"))
    said = f"off until {words.clock(until)}"
    assert f'<a href="/console/switches">{said} by Ada Byron: vendor incident</a>' in operator
    assert f"code ({said})" in acme
    assert not any(word in acme for word in ("Byron", "vendor incident", "/console/switches", switch.id))
    first, *_ = standing.lanes_standing(routed.router, whole=False)
    assert (first.lane, first.state) == ("code", "off")


def test_without_a_log_the_page_says_so(bundle: Bundle) -> None:
    with Router(bundle.config, bundle=bundle) as router, Executor(router) as executor:
        app = create_app(gateway=Gateway(Settings(), executor))
        with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as client:
            answer = client.get("/console/live")
    assert answer.status_code == 200
    assert "No event log is configured" in answer.text


def test_a_log_that_is_away_costs_the_page_its_numbers_alone(routed: Gateway, visitor: Visitor, log: EventLog) -> None:
    visitor.get("/console/try")
    log.session.close()
    shown = visitor.get("/console/live")
    assert "Nothing is counted" in shown
    assert "<nav" in shown


def test_money_is_shown_against_the_time_of_the_day(bundle: Bundle) -> None:
    one = TrafficClass(**{**dict(bundle.config.traffic_classes["default"]), "budget_usd_per_day": 10.0})
    config = bundle.config.model_copy(update={"traffic_classes": {"default": one}})
    with Router(config, bundle=bundle) as router:
        router.memory.budgets.charge_many("default", NOW, [6.0])
        (noon,) = standing.spending(router, NOW)
        (evening,) = standing.spending(router, NOW + timedelta(hours=9))
        router.memory.budgets.charge_many("default", NOW, [6.0])
        (spent,) = standing.spending(router, NOW)
    assert (noon.look, noon.ends_at_usd, noon.words) == ("warn", pytest.approx(12.0), "ahead of the day")
    assert (evening.look, evening.words) == ("good", "on pace")
    assert (spent.look, spent.share) == ("bad", 1.2)


def test_cells_are_held_against_the_floor_of_their_class(bundle: Bundle) -> None:
    classes = bundle.config.traffic_classes
    floor = classes["default"].floor

    def group(intent: str) -> Group:
        return Group(NOW, "default", intent, "general", "low", "fast", False, 100)

    def ratings(intent: str, quality: float, count: int) -> list[Rating]:
        return [Rating(f"{intent}{at}", "default", intent, "general", "fast", quality, 0.1) for at in range(count)]

    rated = ratings("qa", 0.2, 50) + ratings("coding", 1.0, 50) + ratings("writing", floor, 5)
    found = traffic.cells([group(one) for one in ("qa", "coding", "writing", "action")], rated, classes)
    assert {cell.intent: cell.standing for cell in found} == {
        "qa": "below",
        "coding": "kept",
        "writing": "open",
        "action": "no evidence",
    }
    assert found[0].intent == "qa"
    assert Cell("gone", "qa", "general", 1, None, 1, 0.5).standing == "no floor"


def test_a_rating_counts_for_as_many_as_it_was_picked_out_of() -> None:
    often = [Rating(f"a{at}", "c", "i", "d", None, 1.0, 1.0) for at in range(10)]
    seldom = [Rating("b", "c", "i", "d", None, 0.0, 0.1)]
    mean, low, high = traffic.weighted_mean(often + seldom)
    assert mean == pytest.approx(0.5)
    assert 0 <= low < mean < high <= 1
    assert traffic.weighted_mean(often)[0] == 1.0


def _ran(
    status: str, planned: str | None, final: str | None, latency: float, *failures: str, called: bool = True
) -> Ran:
    return Ran(NOW, "c", status, planned, final, failures, latency, 0.5, called)


def test_executions_are_told_by_how_they_ended() -> None:
    ran = [
        _ran("answered", "a", "a", 10),
        _ran("answered", "a", "b", 30, "timeout"),
        _ran("failed", "a", None, 20, "timeout", "schema"),
    ]
    found = traffic.executions(ran)
    assert (found.count, found.answered, found.fell_back, found.p50_ms, found.p95_ms) == (3, 2, 1, 20, 30)
    assert dict(found.failures) == {"timeout": 2, "schema": 1}
    assert traffic.executions([]).p50_ms is None


def test_what_stopped_for_a_person_is_no_failure() -> None:
    """Neither before a call nor after one; a request for which no lane could be called is."""
    ran = [
        _ran("answered", "a", "a", 10),
        _ran("human_review", None, None, 0.3, called=False),
        _ran("human_review", "a", None, 5_000),
        _ran("clarify", None, None, 0.2, called=False),
        _ran("refused", None, None, 0.2, called=False),
    ]
    found = traffic.executions(ran)
    assert (found.count, found.answered, found.with_person, found.p50_ms, found.p95_ms) == (1, 1, 2, 10, 10)
    down = traffic.executions([*ran, _ran("failed", "a", None, 0.1, "unavailable", called=False)])
    assert (down.count, down.answered, down.p50_ms) == (2, 1, 10)
    (lane,) = traffic.lane_shares([Group(NOW, "c", "i", "d", "low", "a", False, 5)], ran)
    assert (lane.ran, lane.failed, lane.p95_ms) == (1, 0, 10)


def test_requests_that_all_wait_for_a_person_make_no_alarm(gateway: Gateway, visitor: Visitor) -> None:
    made = gateway.router.predict_route(ETF)
    gateway.router.flush()
    stopped = Execution(decision_id=made.decision_id, status="human_review", latency_ms=0.3, at=datetime.now(UTC))
    gateway.router.log_execution(stopped)
    gateway.router.flush()
    shown = visitor.get("/console/live")
    assert "no lane was called" in shown
    assert re.search(r'Stopped for a person</p><p class="stat-value">1<', shown)
    assert re.search(r'Latency p50</p><p class="stat-value">–<', shown)
    assert 'class="stat bad"' not in shown
    assert "Reported cost" in shown, "it stands there also where no call failed"
    assert "No call failed" in shown


def test_an_organisation_is_found_however_it_is_typed(routed: Gateway, visitor: Visitor) -> None:
    for typed in ("ACME", " acme ", "Acme"):
        assert _requests(visitor.get("/console/live", org=typed)) == 4
    assert "Nothing was ever seen of acne" in visitor.get("/console/live", org="Acne")
    assert "ever seen" not in visitor.get("/console/live", org="acme")


def test_an_outcome_of_a_moment_ago_is_seen(routed: Gateway, log: EventLog, visitor: Visitor) -> None:
    made = next(log.decisions())
    log.log_outcome(Outcome(decision_id=made.decision_id, quality=0.1, at=datetime.now(UTC)))
    assert "of 1 with 1 ratings" in visitor.get("/console/live")


def test_what_the_service_does_inside_is_shown_to_those_who_look_after_all(
    routed: Gateway, as_key: Callable[[str], Visitor]
) -> None:
    """To an organisation a lane is down, and that is all; whoever only reports sees nothing."""
    provider = routed.router.config.lanes["fast"].provider
    routed.router.report_health(provider, "down")
    operator, acme = as_key("operator").get("/console/live"), as_key("acme").get("/console/live")
    assert f"provider {provider}: reported down" in operator
    assert "reported down" not in acme
    assert "fast (down)" in acme
    reporter = as_key("reporter")
    assert (reporter.status("/console/live"), reporter.status("/console/live/fragment")) == (403, 403)
