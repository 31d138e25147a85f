"""A decision by a deadline is whole or made by the rules alone, never both, and what was given up leaves no trace."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router_ml.deciding.late
from router_ml import Router, front_door
from router_ml.contract import Degraded, RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim, GivenUpError, in_pool
from router_ml.errors import InvalidRequestError, LogError, LogRefusedError
from router_ml.offline.replay import replay
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

QUESTION = "Which planet has the strongest winds?"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = Degraded(why="deadline", deadline_ms=5)
PATIENCE_S = 20.0


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog("sqlite://") as opened:
        yield opened


def with_budget(bundle: Bundle, log: EventLog | None = None, **changes: Any) -> Router:
    """A router whose class ``default`` has a budget, so that what is charged can be seen."""
    classes = bundle.config.traffic_classes
    default = classes["default"].model_copy(update={"budget_usd_per_day": 50.0})
    config = bundle.config.model_copy(update={"traffic_classes": {**classes, "default": default}, **changes})
    return Router(config, bundle=bundle, log=log)


def spent(router: Router, at: datetime = NOW) -> float:
    standing = router.memory.budgets.standing("default", at)
    assert standing is not None
    return standing.spent_usd


def cost(decision: RouteDecision) -> float:
    return decision.estimates[decision.lane].cost_usd if decision.lane else 0.0


def records(log: EventLog) -> list[RouteDecision]:
    return list(log.decisions())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread; fails after a while."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


def test_in_time_it_is_the_decision_of_predict_route(router: Router) -> None:
    stamp: dict[str, Any] = {"seed": 7, "now": NOW, "decision_id": "dec-in-time"}
    found = asyncio.run(router.apredict_route(QUESTION, deadline_ms=60_000, channel="web", **stamp))
    assert found.to_json() == router.predict_route(QUESTION, channel="web", **stamp).to_json()
    assert "degraded" not in found.to_json()  # so that a process of an earlier release reads it


def test_too_late_it_fails_closed_and_says_so(bundle: Bundle, log: EventLog) -> None:
    router = Router(bundle.config, bundle=bundle, log=log)
    found = asyncio.run(router.apredict_route(QUESTION, deadline_ms=0))
    assert found.state.degraded == Degraded(why="deadline", deadline_ms=0)
    assert found.guard_state == "unknown"
    assert found.risk_tier == bundle.config.guardrails.unknown_tier
    assert {bundle.config.lanes[lane].boundary for lane in found.eligible} == {"private"}
    assert found.propensities == {found.lane: 1.0}
    assert not found.explored
    assert found.learned_lane is None
    assert {"deadline", "unscanned-stays-private"} <= {fired.id for fired in found.policies}
    assert "not decided within 0 ms" in found.reason
    assert records(log) == [found]


def test_a_late_one_counts_in_no_off_policy_estimate_and_is_replayed(bundle: Bundle, log: EventLog) -> None:
    router = Router(bundle.config, bundle=bundle, log=log)
    for seed in range(8):
        router.predict_route(QUESTION, seed=seed)
    late = router.decide_degraded(RouteRequest(text=QUESTION), LATE)
    data = log.logged()
    at = list(data.decision_ids).index(late.decision_id)
    assert not data.randomised[at]
    assert data.randomised.any()
    report = replay(log, bundle)
    assert (report.replayed, report.identical) == (9, 9)


def test_late_ones_keep_no_features_that_no_bundle_computed(bundle: Bundle, log: EventLog) -> None:
    """A rule may let features be kept of what could not be scanned; there are none, and an empty row breaks readers."""
    rules = tuple(each for each in bundle.config.policies if each.id != "unscanned-stays-private")
    router = Router(bundle.config.model_copy(update={"policies": rules}), bundle=bundle, log=log)
    router.predict_route(QUESTION)
    late = router.decide_degraded(RouteRequest(text=QUESTION), LATE)
    assert late.log_level == "features"
    assert len(log.logged()) == 2
    assert replay(log, bundle).identical == 2


def held_reading(router: Router, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let whoever reads a request wait: set when they have begun, to be set when they may go on."""
    begun, go_on, read = threading.Event(), threading.Event(), router_ml.deciding.late.read

    def slow(*arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return read(*arguments)

    monkeypatch.setattr(router_ml.deciding.late, "read", slow)
    return begun, go_on


def test_what_is_late_leaves_no_record_no_charge_and_no_probe(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = bundle.config.lanes
    probed = lanes["openai"].model_copy(update={"version": "2", "probe": lanes["openai"].probe})
    router = with_budget(bundle, log, lanes={**lanes, "openai": probed})
    before = router.learned_state()["arms"]
    _, go_on = held_reading(router, monkeypatch)
    weighed: list[str] = []
    weigh = router._weigh
    monkeypatch.setattr(router, "_weigh", lambda *a, **k: weighed.append("late") or weigh(*a, **k))

    async def ask() -> RouteDecision:
        found = await router.apredict_route(QUESTION, deadline_ms=5, now=NOW, traffic_class="default")
        go_on.set()
        in_pool(lambda: found).result(PATIENCE_S)
        return found

    found = asyncio.run(ask())
    assert found.state.degraded is not None
    assert records(log) == [found]
    assert spent(router) == pytest.approx(cost(found))
    assert router.learned_state()["arms"] == before
    assert not weighed


def test_one_that_is_being_written_is_waited_for(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record may be in the log already: a second decision of the same request must not get beside it."""
    router = with_budget(bundle, log)
    writing, go_on = threading.Event(), threading.Event()
    write = log.write

    def slow(entries: Any) -> Any:
        writing.set()
        assert go_on.wait(PATIENCE_S)
        return write(entries)

    monkeypatch.setattr(log, "write", slow)

    async def ask() -> RouteDecision:
        asked = asyncio.create_task(router.apredict_route(QUESTION, deadline_ms=150, now=NOW, traffic_class="default"))
        await until(writing.is_set)
        await asyncio.sleep(0.2)
        assert not asked.done()
        go_on.set()
        return await asked

    found = asyncio.run(ask())
    assert records(log) == [found]
    assert spent(router) == pytest.approx(cost(found))


@settings(max_examples=25)
@given(st.floats(0, 30), st.floats(0, 0.02), st.floats(0, 0.02))
def test_however_it_falls_out_there_is_one_record_and_one_charge(
    bundle: Bundle, deadline_ms: float, reading_s: float, writing_s: float
) -> None:
    with EventLog("sqlite://") as log, pytest.MonkeyPatch.context() as patch:
        router, read, write = with_budget(bundle, log), router_ml.deciding.late.read, log.write
        patch.setattr(router_ml.deciding.late, "read", lambda *a: (time.sleep(reading_s), read(*a))[1])
        patch.setattr(log, "write", lambda entries: (time.sleep(writing_s), write(entries))[1])

        async def ask() -> list[RouteDecision]:
            one = router.apredict_route(QUESTION, deadline_ms=deadline_ms, now=NOW, traffic_class="default")
            other = router.apredict_route(QUESTION, deadline_ms=deadline_ms, now=NOW, traffic_class="default")
            return list(await asyncio.gather(one, other))

        found = asyncio.run(ask())
        asyncio.run(until(lambda: spent(router) == pytest.approx(sum(map(cost, found)))))
        assert sorted(one.decision_id for one in records(log)) == sorted(one.decision_id for one in found)


def test_who_goes_away_before_the_record_leaves_no_trace(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = with_budget(bundle, log)
    begun, go_on = held_reading(router, monkeypatch)

    async def leave() -> None:
        asked = asyncio.create_task(router.apredict_route(QUESTION, now=NOW, traffic_class="default"))
        await until(begun.is_set)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        go_on.set()

    asyncio.run(leave())
    in_pool(lambda: router.predict_route(QUESTION)).result(PATIENCE_S)
    assert len(records(log)) == 1
    assert spent(router) == 0


def test_what_was_weighed_when_it_was_given_up_is_given_back(bundle: Bundle, log: EventLog) -> None:
    """The last moment before the record: money has been charged by then."""
    router, claim = with_budget(bundle, log), Claim()

    class Late(Claim):
        def take(self) -> bool:
            charged.append(spent(router))
            claim.give_up()
            return claim.take()

    charged: list[float] = []
    request = RouteRequest(text=QUESTION, traffic_class="default")
    with pytest.raises(GivenUpError):
        router.predict_claimed(request, Late(), now=NOW)
    assert charged[0] > 0
    assert spent(router) == 0
    assert records(log) == []


def test_what_is_wrong_with_a_request_is_said_late_as_well(router: Router) -> None:
    for deadline_ms in (0, 60_000):
        with pytest.raises(InvalidRequestError, match="allowed_tools"):
            asyncio.run(router.apredict_route(QUESTION, deadline_ms=deadline_ms, allowed_tools=["unheard-of"]))
    for wrong in (-1, float("nan"), float("inf"), True, "5"):
        with pytest.raises(InvalidRequestError, match="deadline_ms"):
            asyncio.run(router.apredict_route(QUESTION, deadline_ms=wrong))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="shadow"):
        asyncio.run(router.apredict_route(QUESTION, deadline_ms=0, decision_id="x.shadow"))


def test_a_late_one_that_cannot_be_kept_is_not_answered_and_costs_nothing(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging = bundle.config.logging.model_copy(update={"on_error": "raise"})
    router = with_budget(bundle, log, logging=logging)

    def fails(_: Any) -> None:
        raise LogError("The disk is full.")

    monkeypatch.setattr(log, "write", fails)
    with pytest.raises(LogError):
        asyncio.run(router.apredict_route(QUESTION, deadline_ms=0, now=NOW, traffic_class="default"))
    assert spent(router) == 0


def test_without_a_lane_left_a_person_has_to_look(bundle: Bundle) -> None:
    router = Router(bundle.config, bundle=bundle)
    for domain in ("vllm-a", "vllm-b"):
        router.report_health(domain, "down")
    found = asyncio.run(router.apredict_route(QUESTION, deadline_ms=0))
    assert (found.action, found.lane, found.eligible) == ("human_review", None, ())
    assert found.state.degraded is not None


def test_without_a_bundle_it_works_as_well(bundle: Bundle) -> None:
    router = Router(bundle.config)
    whole = asyncio.run(router.apredict_route(QUESTION, deadline_ms=60_000))
    late = asyncio.run(router.apredict_route(QUESTION, deadline_ms=0))
    assert whole.state.degraded is None
    assert late.state.degraded is not None
    assert set(late.eligible) <= set(whole.eligible)


def test_a_late_turn_asks_no_log_and_keeps_its_session_private(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = Router(bundle.config, bundle=bundle, log=log)

    def asked(_: str) -> None:
        raise AssertionError("The log was asked while the deadline had passed.")

    monkeypatch.setattr(log, "decision", asked)
    previous = {"decision_id": "dec-of-another-process", "lane": "balanced", "turn": 1}
    late = router.decide_degraded(RouteRequest(text=QUESTION, previous=previous), LATE)
    assert late.circumstances.pinned
    after = router.predict_route(QUESTION, previous={"decision_id": late.decision_id, "turn": 2})
    assert {bundle.config.lanes[lane].boundary for lane in after.eligible} == {"private"}


def test_an_order_to_change_something_is_heard_at_any_time(router: Router) -> None:
    """The rule that sends it to a person reads the words, and needs no model."""
    late = router.decide_degraded(RouteRequest(text="Please cancel my subscription."), LATE)
    assert (late.action, late.queue) == ("human_review", "operations")


def test_its_cost_does_not_grow_with_what_is_not_read(router: Router) -> None:
    """A megabyte of letters that count twice must not take longer than the decision that it replaces."""
    request = RouteRequest(text="語" * 600_000)
    router.decide_degraded(request, LATE)
    began = time.thread_time()
    router.decide_degraded(request, LATE)
    assert time.thread_time() - began < 0.1


def test_the_public_name_takes_a_deadline(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "_shared", [router])
    late = asyncio.run(router_ml.apredict_route(QUESTION, deadline_ms=0, channel="web"))
    assert late.state.degraded is not None
    assert asyncio.run(router_ml.apredict_route({"text": QUESTION}, seed=3)).seed == 3


TEXTS = st.lists(
    st.sampled_from(
        [QUESTION, "Please cancel my subscription.", "def f(x): return x  # why does it fail?", "x " * 90, "Hola."]
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15)
@given(TEXTS, st.data())
def test_many_for_themselves_are_decided_as_alone(bundle: Bundle, texts: list[str], data: st.DataObject) -> None:
    """Whoever is among them, wrong or given up, moves nobody else by a bit."""
    seeds = [data.draw(st.integers(0, 2**40)) for _ in texts]
    kinds = [data.draw(st.sampled_from(["good", "wrong", "gone"])) for _ in texts]
    router, alone = with_budget(bundle), with_budget(bundle)
    tools = {"good": (), "wrong": ("unheard-of",), "gone": ()}
    asked = [
        RouteRequest(text=text, allowed_tools=tools[kind], traffic_class="default")
        for text, kind in zip(texts, kinds, strict=True)
    ]
    claims = [Claim() for _ in texts]
    for claim, kind in zip(claims, kinds, strict=True):
        if kind == "gone":
            claim.give_up()
    answers = router.predict_each(asked, claims, seeds=seeds)
    for request, kind, answer, seed in zip(asked, kinds, answers, seeds, strict=True):
        if kind == "good":
            assert isinstance(answer, RouteDecision)
            theirs = alone.predict_route(request, seed=seed, now=answer.created_at, decision_id=answer.decision_id)
            assert answer.to_json() == theirs.to_json()
        else:
            assert isinstance(answer, InvalidRequestError if kind == "wrong" else GivenUpError)
    today = datetime.now(UTC)
    assert spent(router, today) == pytest.approx(spent(alone, today))


def test_a_record_that_is_refused_takes_no_other_with_it(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, write = with_budget(bundle, log), log.write
    tried: list[int] = []

    def refuses(entries: Any) -> Any:
        entries = list(entries)
        tried.append(len(entries))
        if len(entries) > 1 or len(tried) == 3:
            raise LogRefusedError("Another decision has this id.")
        return write(entries)

    monkeypatch.setattr(log, "write", refuses)
    asked = [RouteRequest(text=QUESTION, traffic_class="default")] * 3
    answers = router.predict_each(asked, [Claim() for _ in asked])
    assert tried == [3, 1, 1, 1]
    assert [isinstance(one, RouteDecision) for one in answers] == [True, False, True]
    assert [one.decision_id for one in records(log)] == [answers[0].decision_id, answers[2].decision_id]  # type: ignore[union-attr]
    kept = [one for one in answers if isinstance(one, RouteDecision)]
    assert spent(router, datetime.now(UTC)) == pytest.approx(sum(map(cost, kept)))


def test_whose_a_late_one_is_stands_in_its_record_where_whoever_runs_this_has_named_them(
    bundle: Bundle, log: EventLog
) -> None:
    """A name that was not scanned may be anything; one that a key is of is not the caller's to choose."""
    router = Router(bundle.config, bundle=bundle, log=log)
    router.memory.recent.organisations = lambda: frozenset({"acme"})
    for org, recorded in (("Acme", "acme"), ("ann@acme.example", None)):
        request = RouteRequest(text=QUESTION, metadata={"org": org})
        assert router.predict_degraded(request, LATE).circumstances.org == recorded
    assert not replay(log, bundle, configs=[bundle.config]).differences


def test_a_late_one_that_breaks_costs_nothing_whatever_broke(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = with_budget(bundle, log)

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "write", broken)
    with pytest.raises(ZeroDivisionError):
        router.predict_degraded(RouteRequest(text=QUESTION), LATE, now=NOW)
    assert spent(router) == 0.0


def test_who_decides_late_alone_hears_of_changed_rules_too(
    bundle: Bundle, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an override would not reach a process that is always too late."""
    router, looked = Router(bundle.config, bundle=bundle, log=log), list[bool]()
    monkeypatch.setattr(router.memory.listener, "look", lambda: looked.append(True))
    router.predict_degraded(RouteRequest(text=QUESTION), LATE)
    assert looked == [True]
