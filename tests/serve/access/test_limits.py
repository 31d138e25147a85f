"""A key calls no more often, and spends no more, than it may; in all processes together."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from router_ml.serve.access.caller import SCOPES, AccessError, Caller
from router_ml.serve.access.keys import id_of
from router_ml.serve.access.limits import SPEND, Limits
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.state.sharing.counts import Counts
from tests.serve.access.conftest import Make
from tests.serve.clients import client_of

NOON = 1_782_907_200.0
DAY = "2026-07-01"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def caller(**limits: float) -> Caller:
    return Caller("k1", "test", SCOPES, None, **limits)  # type: ignore[arg-type]


def refused(limits: Limits, most: int) -> float | None:
    """After how many seconds a call may come again; None where it was let in."""
    try:
        limits.admit(caller(requests_per_minute=most))
    except AccessError as error:
        return error.retry_after_s
    return None


@given(most=st.integers(1, 12), pauses=st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_no_minute_has_many_more_calls_than_the_limit(most: int, pauses: list[float]) -> None:
    """The last minute is weighted as if its calls had come evenly: then a minute may hold twice the limit at most, and
    two minutes side by side at most the limit each."""
    clock, allowed = Clock(), list[float]()
    limits = Limits(Counts(), clock=clock)
    for pause in pauses:
        clock.now += pause
        if refused(limits, most) is None:
            allowed.append(clock.now)
    for start in allowed:
        assert sum(start <= at < start + 60 for at in allowed) <= 2 * most
    minutes = [int(at // 60) for at in allowed]
    assert all(minutes.count(minute) <= most for minute in minutes)


@given(most=st.integers(1, 30), calls=st.lists(st.floats(0, 20), min_size=40, max_size=80))
def test_whoever_waits_as_long_as_they_are_told_gets_in(most: int, calls: list[float]) -> None:
    """Clients believe Retry-After; one that is too short makes them knock in vain, and one too long idle."""
    clock = Clock()
    limits = Limits(Counts(), clock=clock)
    for pause in calls:
        clock.now += pause / most
        wait = refused(limits, most)
        if wait is not None:
            assert 0 <= wait <= 120
            clock.now += wait + 0.001
            assert refused(limits, most) is None


def test_calls_elsewhere_count() -> None:
    counts = Counts()
    limits = Limits(counts, clock=Clock())
    limits.admit(caller(requests_per_minute=3))
    counts.hear({("key_calls", "k1", f"{DAY}T12:00"): 2.0})
    with pytest.raises(AccessError, match="more than 3 requests a minute"):
        limits.admit(caller(requests_per_minute=3))


def test_many_threads_do_not_pass_a_limit_together() -> None:
    limits, let_in = Limits(Counts(), clock=Clock()), list[int]()

    def call() -> None:
        for _ in range(50):
            try:
                limits.admit(caller(requests_per_minute=60))
                let_in.append(1)
            except AccessError:
                pass

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 60


def test_a_budget_is_of_a_day_and_a_key() -> None:
    clock, counts = Clock(), Counts()
    limits, poor = Limits(counts, clock=clock), caller(usd_per_day=1.0)
    limits.spent(poor, 0.6)
    limits.within_budget(poor)
    counts.hear({(SPEND, "k1", DAY): 0.4})
    with pytest.raises(AccessError, match="has spent its 1 USD of today") as refused:
        limits.within_budget(poor)
    assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (402, "over_budget", 12 * 3600)
    limits.within_budget(Caller("k2", "other", SCOPES, usd_per_day=1.0))
    clock.now += 12 * 3600
    limits.within_budget(poor)


def test_counters_of_the_past_are_forgotten() -> None:
    clock, counts = Clock(), Counts()
    limits = Limits(counts, clock=clock)
    for _ in range(5000):
        clock.now += 60
        limits.admit(caller(requests_per_minute=3))
        limits.spent(caller(), 0.01)
    assert len(counts.own()) < 10


def test_a_client_is_told_where_it_stands(client: TestClient, make_key: Make) -> None:
    ask = {"json": {"text": "hello"}, "headers": {"authorization": f"Bearer {make_key(requests_per_minute=2)}"}}
    answers = [client.post("/v1/route", **ask) for _ in range(3)]  # type: ignore[arg-type]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("x-ratelimit-remaining-requests") for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 120


def test_a_key_that_spent_its_budget_still_routes(opened: Callable[..., Gateway], make_key: Make) -> None:
    """Deciding spends nothing."""
    gateway = opened()
    key = make_key("route", usd_per_day=1.0)
    with client_of(create_app(gateway=gateway), key) as client:
        gateway.limits.spent(Caller(id_of(key), "test", SCOPES), 2.0)
        assert client.post("/v1/route", json={"text": "hello"}).status_code == 200


def test_a_key_that_spent_its_budget_calls_no_lane(opened: Callable[..., Gateway], make_key: Make) -> None:
    gateway = opened()
    key = make_key("execute", usd_per_day=1.0)
    with client_of(create_app(gateway=gateway), key) as client:
        gateway.limits.spent(Caller(id_of(key), "test", SCOPES), 1.0)
        asked = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
        refused = client.post("/v1/chat/completions", json=asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "over_budget")
        assert int(refused.headers["retry-after"]) <= 86_400


@given(most=st.integers(2, 20), before=st.integers(0, 20), seconds=st.floats(0, 59), data=st.data())
def test_a_list_gets_in_by_waiting_as_told(most: int, before: int, seconds: float, data: st.DataObject) -> None:
    """Also one as long as the limit: what was refused must not count against its next try."""
    clock = Clock()
    limits, who = Limits(Counts(), clock=clock), caller(requests_per_minute=most)
    for _ in range(before):
        refused(limits, most)
    clock.now += seconds
    calls, tries = data.draw(st.integers(2, most)), 0

    def wait() -> float | None:
        try:
            limits.admit(who)
            limits.readmit(who, calls=calls)
        except AccessError as error:
            return error.retry_after_s
        return None

    while (pause := wait()) is not None:
        tries += 1
        assert tries <= 3
        clock.now += pause + 1e-3
    minute = max(period for _, _, period in limits._counts.own())
    assert limits._counts.total("key_calls", "k1", minute) >= calls
