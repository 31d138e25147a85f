"""A class's daily budget: paced, capped, corrected by what things did cost, and never above a hard rule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.allocation.replay import reproduce
from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError, LogError
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from router_ml.storage.spooling.drain import Drain

QUESTION = "Which planet has the strongest winds?"
MORNING = datetime(2026, 3, 1, 6, tzinfo=UTC)
EVENING = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def open_router(
    bundle: Bundle,
    *,
    log: EventLog | None = None,
    drain: Drain | None = None,
    online: bool = False,
    limits: Any = None,
    **promise: Any,
) -> Router:
    """A router on the shipped bundle whose class ``default`` has this budget."""
    classes = bundle.config.traffic_classes
    if limits is not None:
        promise["limits"] = classes["default"].limits.model_copy(update=limits)
    default = classes["default"].model_copy(update=promise)
    config = bundle.config.model_copy(update={"traffic_classes": {**classes, "default": default}})
    return Router(config, bundle=bundle, log=log, drain=drain, online=online)


def ask(
    router: Router, text: str = QUESTION, *, now: datetime = MORNING, seed: int = 1, **fields: Any
) -> RouteDecision:
    """One decision of class ``default``."""
    return router.predict_route(text, traffic_class="default", now=now, seed=seed, **fields)


def spend(router: Router, usd: float, *, now: datetime = MORNING) -> None:
    """Let one request of that day cost this."""
    assert bool(router.log_outcome(ask(router, now=now).decision_id, cost_usd=usd)) is (router.log is not None)


def test_a_class_without_a_budget_is_as_it_was(router: Router) -> None:
    decision = ask(router)
    assert decision.state.budget_left is None
    assert decision.quality_per_usd == decision.state.lambda_ == 30
    assert reproduce(decision) == decision.propensities


def test_each_decision_is_charged_with_what_it_is_expected_to_cost(bundle: Bundle) -> None:
    router = open_router(bundle, budget_usd_per_day=1.0)
    first = ask(router)
    assert first.state.budget_left == 1.0
    assert first.lane is not None
    second = ask(router)
    assert second.state.budget_left == 1.0 - first.estimates[first.lane].cost_usd
    router.log_outcome(first.decision_id, cost_usd=0.25)
    assert second.lane is not None
    left = ask(router).state.budget_left
    assert left == pytest.approx(1.0 - 0.25 - second.estimates[second.lane].cost_usd, abs=1e-12)
    assert ask(router, now=MORNING + timedelta(days=1)).state.budget_left == 1.0


def test_a_batch_is_charged_as_one_by_one(bundle: Bundle) -> None:
    """Or a batch could pass a cap that its requests would not."""
    asked = [{"text": QUESTION, "traffic_class": "default"}] * 4
    one, many = (open_router(bundle, budget_usd_per_day=0.01) for _ in range(2))
    singly = [ask(one, seed=seed, decision_id=f"d{seed}") for seed in range(4)]
    assert many.predict_routes(asked, seeds=range(4), now=MORNING, decision_ids=["d0", "d1", "d2", "d3"]) == singly
    assert len({decision.state.budget_left for decision in singly}) == 4


def test_ahead_of_the_days_line_a_dollar_has_to_buy_more_and_behind_it_what_it_always_did(bundle: Bundle) -> None:
    router = open_router(bundle, budget_usd_per_day=1.0)
    spend(router, 0.5)
    early, late = ask(router), ask(router, now=EVENING)
    assert early.quality_per_usd == early.state.lambda_ > 1000
    assert "instead of 30 quality, so that the day's budget lasts" in early.reason
    assert early.lane is not None
    assert late.lane is not None
    assert late.quality_per_usd == 30
    assert "instead of" not in late.reason
    assert early.estimates[early.lane].cost_usd <= late.estimates[late.lane].cost_usd
    assert [reproduce(decision) == decision.propensities for decision in (early, late)] == [True, True]


def test_the_floor_beats_the_budget(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda does not rise above what the floor is certified for, however little money is left."""
    router = open_router(bundle, budget_usd_per_day=1.0)
    monkeypatch.setattr(router, "certified", lambda case, prices: {"default": 45.0}[case.class_name])
    spend(router, 0.9)
    assert ask(router).quality_per_usd == 45.0


def test_at_the_cap_the_cheapest_lane_that_keeps_the_floor_serves(bundle: Bundle) -> None:
    router = open_router(bundle, budget_usd_per_day=1.0, at_cap="cheapest")
    spend(router, 1.0)
    decisions = [ask(router, seed=seed) for seed in range(20)]
    lane = decisions[0].lane
    assert lane is not None
    for decision in decisions:
        assert (decision.action, decision.lane, decision.propensities) == ("route", lane, {lane: 1.0})
        assert decision.state.selection.capped
        assert (decision.state.budget_left, decision.explored) == (0.0, False)
        assert decision.reason.startswith("The day's budget is spent.")
        assert reproduce(decision) == decision.propensities
    known = decisions[0].estimates
    reach = [n for n, e in known.items() if e.quality_low >= decisions[0].floor and e.evidence > 0]
    assert lane == (
        min(reach, key=lambda n: known[n].cost_usd) if reach else max(known, key=lambda n: known[n].quality_low)
    )


@pytest.mark.parametrize(
    ("at_cap", "action", "queue"), [("queue", "human_review", "budget"), ("refuse", "refuse", None)]
)
def test_at_the_cap_a_request_may_have_to_wait_or_go(
    bundle: Bundle, at_cap: str, action: str, queue: str | None
) -> None:
    router = open_router(bundle, budget_usd_per_day=1.0, at_cap=at_cap)
    spend(router, 1.0)
    decision = ask(router)
    assert (decision.action, decision.queue, decision.lane, decision.propensities) == (action, queue, None, {})
    assert decision.state.selection.capped
    assert "budget of traffic class default is spent. Retry from 2026-03-02 00:00 UTC on" in decision.reason
    assert reproduce(decision) == {}
    assert ask(router, now=MORNING + timedelta(days=1)).action == "route"
    assert router.predict_route(QUESTION, traffic_class="regulated", now=MORNING).action == "route"


@pytest.mark.parametrize("at_cap", ["cheapest", "queue", "refuse"])
def test_rules_come_before_money(bundle: Bundle, at_cap: str) -> None:
    """At the cap as before: what a rule forbids, sends to a person or leaves no lane for."""
    router = open_router(bundle, budget_usd_per_day=1.0, at_cap=at_cap)
    spend(router, 1.0)
    private = ask(router, "mail me at nora.winter@posteo-mail.net about my results")
    assert {bundle.config.lanes[lane].boundary for lane in private.eligible} == {"private"}
    assert private.lane is None or private.lane in private.eligible
    nothing = ask(router, constraints={"allow_lanes": ["fast"], "deny_lanes": ["fast"]})
    assert (nothing.action, nothing.queue) == ("human_review", "no-eligible-lane")


def test_a_ceiling_per_request_stays_hard_at_the_cap(bundle: Bundle) -> None:
    """The safest lane may cost more than the class allows for one request; it is not taken then."""
    router = open_router(bundle, budget_usd_per_day=1.0, limits={"max_cost_usd": 0.0001})
    spend(router, 1.0)
    decision = ask(router, QUESTION * 20)
    assert decision.excluded
    assert decision.lane is None or decision.estimates[decision.lane].cost_usd <= 0.0001
    assert all(estimate.cost_usd <= 0.0001 for estimate in decision.estimates.values())


def test_a_restart_goes_on_with_what_the_log_says_was_spent(bundle: Bundle, tmp_path: Path) -> None:
    """Or every restart would bring a new budget."""
    now = datetime.now(UTC)
    with EventLog(tmp_path / "log.sqlite") as log:
        first = open_router(bundle, log=log, budget_usd_per_day=1.0)
        ask(first, now=now - timedelta(days=1))
        billed, expected = ask(first, now=now), ask(first, now=now)
        first.log_outcome(billed.decision_id, cost_usd=0.25)
        second = open_router(bundle, log=log, budget_usd_per_day=1.0)
        assert expected.lane is not None
        left = 1.0 - 0.25 - expected.estimates[expected.lane].cost_usd
        assert ask(second, now=now).state.budget_left == pytest.approx(left, abs=1e-12)
        second.log_outcome(expected.decision_id, cost_usd=0.5)  # decided by the process that is gone
        assert (ask(second, now=now).state.budget_left or 1) < 0.25


def test_a_log_that_cannot_be_read_stops_the_start_only_where_it_must(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LogError("The disk is gone.")

    with EventLog(tmp_path / "log.sqlite") as log:
        monkeypatch.setattr(log, "costs", broken)
        assert ask(open_router(bundle, log=log, budget_usd_per_day=1.0)).state.budget_left == 1.0
        assert "budgets start full" in caplog.text
        raising = bundle.config.logging.model_copy(update={"on_error": "raise"})
        strict = replace(bundle, config=bundle.config.model_copy(update={"logging": raising}))
        open_router(strict, log=log)  # without a budget nothing has to be read
        with pytest.raises(LogError, match="disk is gone"):
            open_router(strict, log=log, budget_usd_per_day=1.0)


def test_threads_pay_for_every_decision(bundle: Bundle) -> None:
    router = open_router(bundle, budget_usd_per_day=1e6)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda seed: ask(router, seed=seed), range(40)))
    paid = sum(decision.estimates[decision.lane].cost_usd for decision in made if decision.lane)
    assert ask(router).state.budget_left == pytest.approx(1e6 - paid, abs=1e-9)


def test_a_batch_that_fails_costs_nothing(bundle: Bundle) -> None:
    """Otherwise a caller could drain a class with requests that are never answered."""
    router = open_router(bundle, budget_usd_per_day=1.0)
    good = [{"text": QUESTION, "traffic_class": "default"}] * 5
    with pytest.raises(InvalidRequestError):
        router.predict_routes([*good, {"text": QUESTION, "traffic_class": "nowhere"}], now=MORNING)
    assert ask(router).state.budget_left == 1.0


def test_when_the_money_is_gone_nothing_dearer_is_taken_than_before(bundle: Bundle) -> None:
    """Where no lane is known to reach the floor, the safest bound is the dearest lane's: no use for a cap."""
    router = open_router(bundle, budget_usd_per_day=1.0, explore_share=0.0)
    prompts = ("Write a short essay on bees.", QUESTION, "Summarise this: sales rose.", "Translate 'good day'.")
    before = [ask(router, text) for text in prompts]
    spend(router, 2.0)
    after = [ask(router, text) for text in prompts]
    assert all(decision.state.selection.capped for decision in after)
    for early, late in zip(before, after, strict=True):
        assert early.lane is not None
        assert late.lane is not None
        assert late.estimates[late.lane].cost_usd <= early.estimates[early.lane].cost_usd


def test_questions_about_other_days_leave_today_as_it_is(bundle: Bundle) -> None:
    """A replay of last month must not open today's till."""
    router = open_router(bundle, budget_usd_per_day=1.0)
    spend(router, 0.4)
    for days in range(1, 30):
        ask(router, now=MORNING - timedelta(days=days))
    left = ask(router).state.budget_left
    assert left is not None
    assert left <= 0.6


def test_what_was_spent_is_known_once_a_log_that_was_away_is_back(
    bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A restart while the database is away must not bring a day's money back for good."""
    folder, home, now = tmp_path / "db", tmp_path / "home", datetime.now(UTC)
    with EventLog(home / "log.sqlite") as log:
        spend(open_router(bundle, log=log, budget_usd_per_day=1.0), 0.75, now=now)
    (tmp_path / "a file").write_text("in the way")
    leads_to(tmp_path / "a file", folder)
    opened, drain = open_log(str(folder / "log.sqlite"), spool=tmp_path / "spool")
    router = open_router(bundle, log=opened, drain=drain, budget_usd_per_day=1.0)
    assert "budgets start full" in caplog.text
    first = ask(router, now=now)
    assert first.state.budget_left == 1.0
    leads_to(home, folder)
    assert router.flush()
    second = ask(router, now=now)
    assert first.lane is not None
    assert second.state.budget_left == pytest.approx(0.25 - first.estimates[first.lane].cost_usd, abs=1e-12)
    router.close()


def leads_to(target: Path, link: Path) -> None:
    """Point a link elsewhere in one step: a drain that tries the database all the time never finds nothing there."""
    fresh = link.with_name("fresh link")
    fresh.symlink_to(target)
    fresh.replace(link)


@pytest.mark.parametrize("spooled", [True, False])
def test_an_outcome_that_was_not_kept_is_neither_charged_nor_learned(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spooled: bool
) -> None:
    """Whoever reports it is told to repeat the call, and it must count once."""
    log, drain = open_log(str(tmp_path / "log.sqlite"), spool=tmp_path / "spool" if spooled else None)
    router = open_router(bundle, log=log, drain=drain, online=True, budget_usd_per_day=1.0)
    decision = ask(router)
    before, spent = router.learned_state(), router._budgets.standing("default", MORNING)

    def full(*_: object) -> None:
        raise LogError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(router._recorder, "write", full)
        patched.setattr(EventLog, "log_outcome", full)
        with pytest.raises(LogError, match="full"):
            router.log_outcome(decision.decision_id, quality=0.0, cost_usd=0.5)
    assert (router.learned_state(), router._budgets.standing("default", MORNING)) == (before, spent)
    assert router.log_outcome(decision.decision_id, quality=0.0, cost_usd=0.5)
    after = router.learned_state()
    assert after != before
    router.log_outcome(decision.decision_id, quality=0.0, cost_usd=0.5)
    assert router.learned_state() == after
    router.close()
