"""Processes of a service know of one another's money, counters and troubles; of the dead, what is true still."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from router_ml.errors import LogError
from router_ml.storage.service import board as boards
from router_ml.storage.service.board import ALIVE_S, Board
from tests.state.sharing.conftest import CONFIG, Replica, Service

WHO = {"who": "on-call", "why": "vendor incident"}


def ask(replica: Replica, **more: Any) -> Any:
    return replica.router.predict_route("hello there", seed=1, **more)


def pay(replica: Replica, usd: float) -> str:
    """Decide a request, and say what it did cost."""
    decision = ask(replica)
    replica.router.log_outcome(decision.decision_id, cost_usd=usd)
    return str(decision.decision_id)


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the clock of the database go on."""
    known = boards._now
    monkeypatch.setattr(boards, "_now", lambda connection: known(connection) + timedelta(seconds=seconds))


def test_what_one_spends_all_have_spent(service: Service) -> None:
    one, two = service.replica(), service.replica()
    pay(one, 0.25)
    pay(two, 0.5)
    service.tick(one, two)
    assert one.spent() == two.spent() == pytest.approx(0.75)
    decision = ask(two)
    assert decision.state.spending.spent_usd == pytest.approx(0.75)
    assert decision.state.budget_left == pytest.approx(0.25)
    pay(one, 0.5)
    service.tick(one, two)
    assert ask(two).state.selection.capped


def test_a_bill_that_another_replica_is_told_counts_once(service: Service) -> None:
    """A load balancer sends the outcome to whoever is free."""
    one, two = service.replica(), service.replica()
    first = ask(one).decision_id
    service.tick(one, two)
    two.router.log_outcome(first, cost_usd=0.5)
    service.tick(one, two)
    assert one.spent() == two.spent() == pytest.approx(0.5)
    one.router.log_outcome(first, cost_usd=0.25)  # the one that made it knows what it charged itself
    service.tick(one, two)
    assert one.spent() == two.spent()
    two.router.log_outcome(pay(one, 0.125), cost_usd=0.0625)
    service.tick(one, two)
    assert one.spent() == pytest.approx(two.spent())


def test_what_the_log_held_counts_once_whoever_starts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first, between two, and after all of them are gone."""
    one = service.replica()
    pay(one, 0.25)
    one.sharing.close()
    two, three = service.replica(), service.replica()
    service.tick(two, three)
    assert two.spent() == three.spent() == pytest.approx(0.25)
    pay(two, 0.25)
    pay(three, 0.125)
    service.tick(two, three)
    four = service.replica()
    service.tick(two, three, four)
    assert two.spent() == three.spent() == four.spent() == pytest.approx(0.625)
    for each in (two, three, four):
        each.sharing.close()
    assert service.replica().spent() == pytest.approx(0.625)


def test_what_a_killed_process_spent_stays(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what it had not told yet, as far as the log holds it, once nobody lives who could count it twice."""
    one, two = service.replica(), service.replica()
    pay(one, 0.25)
    service.tick(one, two)
    pay(one, 0.125)  # and is killed before it tells
    service.tick(two)
    assert two.spent() == pytest.approx(0.25)
    pass_time(monkeypatch, ALIVE_S + 1)
    again = service.replica()
    assert again.spent() == pytest.approx(0.375)


def test_a_new_day_begins_with_nothing(service: Service) -> None:
    today = [datetime.now(UTC).replace(hour=23, minute=59)]
    one = service.replica(now=lambda: today[0])
    two = service.replica(now=lambda: today[0])
    pay_at = today[0]
    ask(one, now=pay_at)
    service.tick(one, two)
    before = two.spent(today[0])
    assert before > 0
    today[0] += timedelta(minutes=2)
    made = ask(one, now=today[0])
    late = service.replica(now=lambda: today[0])  # the log holds the decision, and its process is about to tell it
    service.tick(one, two, late)
    cost = made.estimates[made.lane].cost_usd
    assert one.spent(today[0]) == two.spent(today[0]) == late.spent(today[0]) == pytest.approx(cost)


def test_counters_of_keys_are_summed(service: Service) -> None:
    one, two = service.replica(), service.replica()
    minute, day = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}", f"{datetime.now(UTC):%Y-%m-%d}"
    one.counts.add("key_calls", "k1", minute, 2.0)
    two.counts.add("key_calls", "k1", minute, 3.0)
    two.counts.add("key_spend", "k1", day, 0.5)
    service.tick(one, two)
    assert one.counts.total("key_calls", "k1", minute) == two.counts.total("key_calls", "k1", minute) == 5.0
    assert one.counts.total("key_spend", "k1", day) == 0.5
    two.sharing.close()
    service.tick(one)
    assert one.counts.total("key_calls", "k1", minute) == 5.0, "what it counted stays"


def test_a_place_that_is_down_for_one_is_down_for_all_until_it_is_up(service: Service) -> None:
    one, two = service.replica(), service.replica()
    one.router.report_health("acme", "down")
    service.tick(one, two)
    decision = ask(two)
    assert decision.eligible == ("other",)
    assert decision.state.lane_health == {"acme": f"down: heard from {one.sharing.name}"}
    assert decision.excluded["best"] == (f"health: provider acme counts as down, heard from {one.sharing.name}",)
    assert two.health.reported == frozenset(), "nobody passes on what it only heard"
    one.router.report_health("acme", "up")
    service.tick(one, two)
    assert ask(two).lane == "best"


def test_the_dead_keep_nothing_down(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = service.replica(), service.replica()
    one.router.report_health("acme", "down")
    service.tick(one, two)
    assert ask(two).lane == "other"
    pass_time(monkeypatch, ALIVE_S + 1)  # one says nothing any more
    two.sharing.tick()
    assert ask(two).lane == "best"
    assert [one.own for one in two.sharing.processes()] == [True]


def test_processes_say_what_they_serve(service: Service) -> None:
    one, two = service.replica(), service.replica()
    service.tick(one, two)
    first, second = two.sharing.processes()
    assert (first.own, second.own, second.name) == (True, False, one.sharing.name)
    assert second.serves == {"champion": {"bundle": "none", "version": None}}
    assert second.to_dict()["serves"] == second.serves
    one.sharing.close()
    two.sharing.tick()
    assert len(two.sharing.processes()) == 1


def test_a_database_that_is_away_is_said_once_and_changes_nothing(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = service.replica(), service.replica()
    pay(one, 0.25)
    service.tick(one, two)
    service.opened[1].close()
    with caplog.at_level(logging.ERROR, logger="router_ml.state.sharing.sharing"):
        service.tick(two, two)
    assert caplog.text.count("What other processes do is not known for now") == 1
    assert (two.spent(), two.sharing.failing) == (pytest.approx(0.25), True)
    two.sharing.close()


def test_a_database_that_never_answers_counts_as_away_and_holds_up_no_end(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("router_ml.state.sharing.sharing._PATIENCE_S", 0.05)
    replica, answers = service.replica(), threading.Event()
    listener, refresh = replica.router.memory.listener, replica.router.memory.listener.refresh

    def stalled() -> None:
        answers.wait(30)
        refresh()

    monkeypatch.setattr(listener, "refresh", stalled)
    replica.sharing._late_s = 0.05
    ticking = threading.Thread(target=replica.sharing.tick)
    ticking.start()
    until = time.monotonic() + 30
    while not replica.sharing.failing:
        assert time.monotonic() < until
    began = time.monotonic()
    replica.sharing.close()
    assert time.monotonic() - began < 10
    assert "does not answer" in caplog.text
    answers.set()
    ticking.join()
    assert not replica.sharing.failing


def test_a_class_with_a_long_name_shares_its_money(service: Service) -> None:
    """Longer than a column of the board."""
    classes = {
        "c" * 250: {"floor": 0.4, "quality_per_usd": 1, "budget_usd_per_day": 1.0, "when": {"channel": ["batch"]}}
    }
    said = CONFIG.model_dump(mode="json", by_alias=True)
    long = CONFIG.model_validate({**said, "traffic_classes": {**classes, **said["traffic_classes"]}})
    one, two = service.replica(long), service.replica(long)
    name, channel = ("default", "web") if "postgresql" in service.url else ("c" * 250, "batch")  # it logs no such name
    cost = ask(one, channel=channel).estimates["best"].cost_usd
    service.tick(one, two)
    three = service.replica(long)
    for replica in (one, two, three):
        standing = replica.router.memory.budgets.standing(name, datetime.now(UTC))
        assert standing is not None
        assert standing.spent_usd == pytest.approx(cost)
        assert not replica.sharing.failing


def test_who_cannot_tell_hears(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = service.replica(), service.replica()
    pay(one, 0.25)
    service.tick(one)

    def refused(*_: Any, **__: Any) -> None:
        raise LogError("The database does not take it.")

    monkeypatch.setattr(Board, "publish", refused)
    service.tick(two)
    assert (two.spent(), two.sharing.failing) == (pytest.approx(0.25), True)


def test_a_class_that_gets_a_budget_later_counts_what_the_log_holds(service: Service) -> None:
    """As when a canary with a budget of its own is opened at noon."""
    classes = {
        "batch": {"when": {"channel": ["batch"]}, "floor": 0.4, "quality_per_usd": 1},
        "default": {"floor": 0.4, "quality_per_usd": 1, "budget_usd_per_day": 1.0},
    }
    plain = CONFIG.model_validate({**CONFIG.model_dump(mode="json", by_alias=True), "traffic_classes": classes})
    one = service.replica(plain)
    made = ask(one, channel="batch")
    later = {**classes, "batch": {**classes["batch"], "budget_usd_per_day": 2.0}}
    capped = CONFIG.model_validate({**CONFIG.model_dump(mode="json", by_alias=True), "traffic_classes": later})
    two = service.replica(capped)
    service.tick(one, two)
    standing = two.router.memory.budgets.standing("batch", datetime.now(UTC))
    assert standing is not None
    assert standing.spent_usd == pytest.approx(made.estimates[made.lane].cost_usd)


def test_the_board_forgets_what_nobody_asks_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = service.replica()
    replica.counts.add("key_calls", "k1", f"{datetime.now(UTC):%Y-%m-%dT%H:%M}", 2.0)
    service.tick(replica)
    board = Board(service.opened[0].session)
    board.forget()
    assert 2.0 in board.others("nobody", since=datetime.now(UTC)).values()
    pass_time(monkeypatch, 4 * 86_400)
    board.forget()
    assert board.others("nobody", since=datetime.now(UTC)) == {}
    assert board.processes() == []
