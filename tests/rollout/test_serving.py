"""What a product relies on while a release goes on: answers keep coming, each from one bundle, under the same rules."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from inspect import signature

import pytest

from router_ml import front_door
from router_ml.contract import Previous, RouteDecision, RouteRequest
from router_ml.errors import BundleIntegrityError, InvalidRequestError, LogError, RegistryError
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.state.draws import shadow_id
from router_ml.storage.eventlog import EventLog
from tests.rollout.conftest import Shelf

Serve = Callable[[], Rollout]
SECRET = "my key is AKIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TEXT = "Which planet has the strongest winds, and why?"


def by(decision: RouteDecision) -> str | None:
    return decision.versions.registry


def test_it_has_the_methods_of_a_router() -> None:
    """Code that holds one may be given the other; what is not there is about one bundle alone."""
    deciding = "decide decide_many decide_each decide_degraded"
    inner = set(f"load {deciding} conclude certified estimate follow made_beside rehearse shadow".split())
    public = {name for name in dir(Router) if not name.startswith("_")}
    assert public - set(dir(Rollout)) == inner
    for name in public - inner - {"config", "keeps", "log", "rules"}:
        assert signature(getattr(Rollout, name)).parameters.keys() == signature(getattr(Router, name)).parameters.keys()


def test_alone_a_champion_decides_as_a_router_does(shelf: Shelf, serve: Serve, router: Router) -> None:
    stamp = {"seed": 5, "now": datetime(2026, 7, 1, tzinfo=UTC), "decision_id": "dec-1"}
    shelf.log = None
    ours, theirs = serve().predict_route(TEXT, **stamp), router.predict_route(TEXT, **stamp)
    assert (ours.lane, ours.propensities, ours.state.arm_share) == (theirs.lane, theirs.propensities, 1.0)
    assert (ours.state.arm, ours.state.rollout, ours.state.arm_session) == ("champion", None, None)


def test_a_session_stays_on_its_arm_and_the_log_says_with_which_probability(
    shelf: Shelf, serve: Serve, log: EventLog
) -> None:
    shelf.aliases |= {"canary": "2", "holdback": "3"}
    shelf.holdback = 0.2
    rollout = serve()
    requests = [
        RouteRequest(text=text, metadata={"session": f"s{number}"}) for number in range(40) for text in (TEXT, "Hello!")
    ]
    decisions = rollout.predict_routes(requests)
    assert [d.state.arm for d in decisions[::2]] == [d.state.arm for d in decisions[1::2]]
    share = {"champion": 0.8 * 0.7, "canary": 0.8 * 0.3, "holdback": 0.2}
    version = {"champion": "router/1", "canary": "router/2", "holdback": "router/3"}
    for decision in decisions:
        assert decision.state.arm_share == pytest.approx(share[decision.state.arm])
        assert by(decision) == version[decision.state.arm]
        assert log.decision(decision.decision_id) == decision
    assert {d.state.arm for d in decisions} == set(share)
    assert {d.state.rollout for d in decisions} == {"router/1+canary/2:a+holdback/3"}
    canary = next(d for d in decisions if d.state.arm == "canary")
    assert "Decided by the canary, which its session was given with p 0.240." in canary.explain()
    single = rollout.predict_route(TEXT, metadata={"session": "s0"})
    assert (single.state.arm, single.state.arm_session) == (decisions[0].state.arm, decisions[0].state.arm_session)


def test_without_a_name_a_session_goes_on_where_its_last_turn_was(shelf: Shelf, serve: Serve) -> None:
    """In this process, and in another one that reads the log; when the arms change, it is drawn anew."""
    shelf.aliases["canary"] = "2"
    rollout, other = serve(), serve()
    first = [rollout.predict_route(TEXT) for _ in range(12)]
    assert {d.state.arm for d in first} == {"champion", "canary"}
    for decision in first:
        follow = RouteRequest(text="And why?", previous=Previous(decision_id=decision.decision_id))
        for process in (rollout, other):
            assert (
                process.predict_route(follow).state
                == decision.state.model_copy(update={"selection": process.predict_route(follow).state.selection})
                or process.predict_route(follow).state.arm == decision.state.arm
            )
    shelf.draw = "b"
    rollout.refresh()
    follow = RouteRequest(text="And why?", previous=Previous(decision_id=first[0].decision_id))
    assert rollout.predict_route(follow).state.rollout == "router/1+canary/2:b"


def test_a_request_is_no_shadow_by_what_it_refers_to(shelf: Shelf, serve: Serve, log: EventLog) -> None:
    """Or a client could take its requests out of what is learned from, paid for and audited."""
    shelf.aliases |= {"canary": "2", "shadow": "3"}
    rollout = serve()
    decision = rollout.predict_route(TEXT)
    while decision.state.arm != "champion":
        decision = rollout.predict_route(TEXT)
    rollout.drain()
    shadow = log.decision(shadow_id(decision.decision_id))
    assert shadow is not None
    with pytest.raises(InvalidRequestError, match="only shadows have"):
        rollout.predict_route(TEXT, previous={"decision_id": shadow.decision_id})
    log.log_decision(shadow.model_copy(update={"decision_id": "under-another-name"}))
    assert rollout.predict_route(TEXT, previous={"decision_id": "under-another-name"}).state.arm != "shadow"


def test_what_is_asked_does_not_move_the_arm(shelf: Shelf, serve: Serve) -> None:
    """A text that drew its own arm would make every comparison of arms worthless."""
    shelf.aliases["canary"] = "2"
    rollout = serve()
    same = [RouteRequest(text=f"{TEXT} {number}", metadata={"user": "u"}) for number in range(10)]
    assert len({d.state.arm for d in rollout.predict_routes(same)}) == 1
    fresh = Counter(d.state.arm for d in rollout.predict_routes([TEXT] * 60))
    assert set(fresh) == {"champion", "canary"}


def test_the_shadow_is_logged_and_nothing_else(shelf: Shelf, serve: Serve, log: EventLog) -> None:
    """It spends no money, is no traffic, and its propensities are of nothing that happened."""
    shelf.aliases["shadow"] = "2"
    rollout = serve()
    decisions = rollout.predict_routes([TEXT, "Hello!", TEXT])
    rollout.drain()
    assert rollout.status().shadow == {"decided": 3, "dropped": 0, "failed": 0}
    for decision in decisions:
        assert (by(decision), decision.state.arm) == ("router/1", "champion")
        shadow = log.decision(shadow_id(decision.decision_id))
        assert shadow is not None
        assert (by(shadow), shadow.state.arm, shadow.seed) == ("router/2", "shadow", decision.seed)
        assert shadow.created_at == decision.created_at
    assert set(log.logged().decision_ids.tolist()) == {d.decision_id for d in decisions}
    assert log.counts()["randomised"] == sum(len(d.propensities) > 1 for d in decisions)
    with pytest.raises(InvalidRequestError, match="only shadows have"):
        rollout.predict_route(TEXT, decision_id="mine.shadow")
    costs = log.costs(
        datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2100, 1, 1, tzinfo=UTC), traffic_classes=["default"]
    )
    assert {cost.decision_id for cost in costs} == {d.decision_id for d in decisions if d.traffic_class == "default"}


def test_a_shadow_that_fails_or_is_slow_changes_nothing(
    shelf: Shelf, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.aliases["shadow"] = "2"
    rollout = serve()
    waiting = threading.Event()

    def broken(*_: object, **__: object) -> None:
        waiting.wait(10)
        raise RuntimeError("the shadow fell over")

    monkeypatch.setattr(Router, "shadow", broken)
    rollout._shadows._jobs.maxsize = 2
    assert all(by(d) == "router/1" for d in rollout.predict_routes([TEXT] * 8))
    assert rollout.status().shadow["dropped"] >= 5
    waiting.set()
    rollout.drain()
    assert rollout.status().shadow["failed"] + rollout.status().shadow["dropped"] == 8


def test_a_new_champion_takes_over_and_what_runs_is_finished(shelf: Shelf, serve: Serve) -> None:
    """Under load from four threads: none is lost, none is decided by halves of two bundles."""
    rollout = serve()
    stop, failures = threading.Event(), []
    seen: list[list[RouteDecision]] = [[] for _ in range(4)]

    def load(mine: list[RouteDecision]) -> None:
        while not stop.is_set():
            try:
                mine.append(rollout.predict_route(TEXT))
            except Exception as error:  # noqa: BLE001 - the test counts whatever it is
                failures.append(error)

    threads = [threading.Thread(target=load, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for version in ("2", "3", "4"):
        while not all(mine and by(mine[-1]) == f"router/{int(version) - 1}" for mine in seen):
            time.sleep(0.005)
        shelf.aliases = {"champion": version, "previous": "1"}
        assert rollout.refresh()
    while not all(by(mine[-1]) == "router/4" for mine in seen):
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    for mine in seen:
        order = [by(decision) for decision in mine]
        assert order == sorted(order, key=str)  # never back to an older one
    assert rollout.status().swaps == 3


def test_a_canary_that_is_promoted_is_not_opened_again(shelf: Shelf, serve: Serve) -> None:
    shelf.aliases["canary"] = "2"
    rollout = serve()
    shelf.aliases = {"champion": "2", "canary": "2", "previous": "1"}  # what a reader sees in the midst of the step
    rollout.refresh()
    assert rollout.status().versions == {"champion": "2", "canary": None, "holdback": None, "shadow": None}
    assert by(rollout.predict_route(TEXT)) == "router/2"
    assert shelf.opened == ["1", "2"]


def test_the_last_good_one_stays_while_the_registry_is_down(
    shelf: Shelf, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """And says so once, not every two seconds."""
    rollout = serve()
    shelf.down = RegistryError("the disk is gone")
    with caplog.at_level(logging.INFO):
        assert [rollout.refresh() for _ in range(3)] == [False] * 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rollout.status().registry == "the disk is gone"
    assert by(rollout.predict_route(TEXT)) == "router/1"
    shelf.down, shelf.aliases = None, {"champion": "2"}
    assert rollout.refresh()
    assert rollout.status().registry is None


def test_a_bundle_that_does_not_open_is_not_served(
    shelf: Shelf, serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it; it is tried again later, not at every look."""
    rollout = serve()
    shelf.aliases = {"champion": "2", "canary": "3"}
    shelf.broken = {"2": BundleIntegrityError("a byte was flipped"), "3": ValueError("from a library")}
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            rollout.refresh()
    assert len(caplog.records) == 2
    assert shelf.opened == ["1", "2", "3"]
    assert rollout.status().broken == {"2": "a byte was flipped", "3": "ValueError('from a library')"}
    assert rollout.status().versions["champion"] == "1"
    assert by(rollout.predict_route(TEXT)) == "router/1"
    shelf.broken = {}
    rollout._swapper.retry_seconds = 0.0
    for known in rollout._swapper.broken.values():
        monkeypatch.setattr(time, "monotonic", lambda now=known.retry_at: now + 1)
    rollout.refresh()
    assert (rollout.status().broken, rollout.status().versions["champion"]) == ({}, "2")


def test_a_release_without_a_champion_does_not_open(shelf: Shelf, serve: Serve) -> None:
    shelf.aliases = {"challenger": "1"}
    with pytest.raises(RegistryError, match=r"router has no champion\. Promote a version"):
        serve()


def test_what_is_down_stays_down_whoever_decides(shelf: Shelf, serve: Serve) -> None:
    """A dead vendor is not asked again because a new bundle took over; not by the canary either."""
    shelf.aliases["canary"] = "2"
    rollout = serve()
    rollout.report_health("balanced", "down")
    for decision in rollout.predict_routes([TEXT] * 20):
        assert "balanced" not in decision.eligible
    shelf.aliases = {"champion": "3"}
    rollout.refresh()
    assert rollout.predict_route(TEXT).state.lane_health == {"balanced": "down"}
    with pytest.raises(InvalidRequestError):
        rollout.report_health("no such lane", "down")


def test_rules_hold_for_every_arm_and_for_the_next_champion(shelf: Shelf, serve: Serve, log: EventLog) -> None:
    """An emergency rule must not end with the next promotion, and is one event however many arms there are."""
    shelf.aliases |= {"canary": "2", "shadow": "4"}
    rollout = serve()
    policy = {
        "id": "stop",
        "version": "1",
        "owner": "ops",
        "rationale": "incident",
        "when": {},
        "then": {"lanes": {"deny": ["balanced"]}},
    }
    event = rollout.override(policy, who="ada", why="incident")
    assert all("balanced" not in d.eligible for d in rollout.predict_routes([TEXT] * 20))
    shelf.aliases = {"champion": "3"}
    rollout.refresh()
    after = rollout.predict_route(TEXT)
    assert (by(after), "balanced" in after.eligible) == ("router/3", False)
    assert [found.event_id for found in log.audit_events()] == [event.event_id]
    rollout.end_override(event.event_id, who="ada", why="over")
    assert "balanced" in rollout.predict_route(TEXT).eligible


def test_an_override_of_another_process_outlives_the_champion_as_it_was_meant(
    shelf: Shelf, serve: Serve, log: EventLog
) -> None:
    """Nobody decides between the news and the promotion, and the new champion has a lane that the old one lacked."""
    shelf.without = {"1": "code"}
    rollout = serve()
    elsewhere = shelf.open("2", memory=None)
    deny = {"lanes": {"deny": ["balanced", "code"]}}
    policy = {"id": "stop", "version": "1", "owner": "ops", "rationale": "incident", "when": {}, "then": deny}
    event = elsewhere.override(policy, who="ada", why="incident")
    rollout.memory.listener.refresh()
    shelf.aliases = {"champion": "3"}
    assert rollout.refresh()
    after = rollout.predict_route(TEXT)
    assert by(after) == "router/3"
    assert {"balanced", "code"}.isdisjoint(after.eligible)
    assert after.versions.policy_sha256 == elsewhere.predict_route(TEXT).versions.policy_sha256
    rollout.end_override(event.event_id, who="ada", why="over")
    assert {"balanced", "code"} <= set(rollout.predict_route(TEXT).eligible)


def test_a_bundle_that_does_not_take_the_rules_in_force_is_not_served(shelf: Shelf, serve: Serve) -> None:
    """A new champion that does not know the lane that a rule names would be free of the rule."""
    shelf.aliases["canary"] = "2"
    shelf.without = {"2": "code", "3": "code"}
    rollout = serve()
    assert rollout.status().versions["canary"] == "2"
    policy = {
        "id": "stop",
        "version": "1",
        "owner": "ops",
        "rationale": "incident",
        "when": {},
        "then": {"lanes": {"deny": ["code"]}},
    }
    event = rollout.override(policy, who="ada", why="incident")
    assert rollout.status().versions["canary"] is None
    shelf.aliases = {"champion": "3"}
    rollout.refresh()
    assert rollout.status().versions["champion"] == "1"
    assert "rules that are in force" in rollout.status().broken["3"]
    rollout.end_override(event.event_id, who="ada", why="over")
    rollout._swapper.broken.clear()
    rollout.refresh()
    assert rollout.status().versions["champion"] == "3"


def test_newer_rules_outlive_the_champion(shelf: Shelf, serve: Serve) -> None:
    shelf.aliases["canary"] = "2"
    rollout = serve()
    config = rollout.config
    fewer = config.model_copy(update={"policies": config.policies[1:]})
    rollout.replace_policies(fewer, who="ada", why="the first was too strict")
    shelf.aliases = {"champion": "3"}
    rollout.refresh()
    assert rollout.config.policies == fewer.policies
    assert (
        rollout.predict_route(TEXT).versions.policy_sha256
        != shelf.open("9", memory=None).predict_route(TEXT).versions.policy_sha256
    )


def test_arms_spend_from_one_purse(shelf: Shelf, serve: Serve) -> None:
    """Or every canary would double the budget."""
    classes = shelf.bundle.config.traffic_classes
    tight = classes["default"].model_copy(update={"budget_usd_per_day": 1.0})
    config = shelf.bundle.config.model_copy(update={"traffic_classes": {**classes, "default": tight}})
    shelf.bundle = replace(shelf.bundle, config=config)
    shelf.aliases |= {"canary": "2", "shadow": "3"}
    rollout = serve()
    decisions = rollout.predict_routes([TEXT] * 20)
    rollout.drain()
    spent = sum(d.estimates[d.lane].cost_usd for d in decisions if d.lane)
    left = rollout.predict_route(TEXT).state.budget_left
    assert left == pytest.approx(1.0 - spent)
    shelf.aliases = {"champion": "4"}
    rollout.refresh()
    after = rollout.predict_route(TEXT).state.budget_left
    assert after is not None
    assert after < 1.0 - spent


def test_probes_go_on_and_what_was_learned_stays_with_its_bundle(shelf: Shelf, serve: Serve) -> None:
    shelf.online = True
    rollout = serve()
    decision = rollout.predict_route(TEXT)
    rollout.log_outcome(decision.decision_id, quality=1.0)
    learned = rollout.learned_state()
    shelf.aliases = {"champion": "2"}  # the same bundle under another number
    rollout.refresh()
    found = rollout.learned_state()
    assert by(rollout.predict_route(TEXT)) == "router/2"
    assert (found["arms"], found["online"]["posterior"]) == (learned["arms"], learned["online"]["posterior"])
    assert found["online"]["bandit_steps"] == learned["online"]["bandit_steps"]


def test_an_outcome_teaches_the_arm_that_decided(shelf: Shelf, serve: Serve) -> None:
    shelf.online = True
    shelf.aliases["canary"] = "2"
    rollout = serve()
    arm = ""
    while arm != "canary":
        decision = rollout.predict_route(TEXT)
        arm = decision.state.arm
    before = rollout.learned_state()["online"]["posterior"]
    assert rollout.log_outcome(decision.decision_id, quality=0.0)
    assert rollout.learned_state()["online"]["posterior"] == before


def test_errors_name_the_request_whatever_its_arm(shelf: Shelf, serve: Serve) -> None:
    shelf.aliases["canary"] = "2"
    rollout = serve()
    requests = [{"text": "x"}] * 20 + [{"text": "x", "traffic_class": "no such class"}]
    with pytest.raises(InvalidRequestError, match="Request 20: "):
        rollout.predict_routes(requests)
    with pytest.raises(InvalidRequestError, match="Found 1 seeds for 2 requests"):
        rollout.predict_routes([TEXT, TEXT], seeds=[1])


def test_it_follows_by_itself_and_stops_when_closed(shelf: Shelf) -> None:
    with Rollout(shelf, poll_seconds=0.01) as rollout:
        shelf.aliases = {"champion": "2"}
        give_up = time.monotonic() + 20
        while rollout.status().versions["champion"] != "2" and time.monotonic() < give_up:
            time.sleep(0.01)
        assert rollout.status().versions["champion"] == "2"
    assert not rollout._thread.is_alive()
    assert by(rollout.predict_route(TEXT)) == "router/2"


def test_the_front_door_opens_a_whole_model(shelf: Shelf, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = serve()
    monkeypatch.setenv("ROUTER_ML_MODEL", "models:/router")
    monkeypatch.setattr(front_door, "_shared", [])
    monkeypatch.setattr(Rollout, "open", lambda model: opened if model == "models:/router" else None)
    assert front_door.default_router() is opened
    assert by(front_door.predict_route(TEXT)) == "router/1"


def test_the_restricted_tier_needs_a_log_on_every_arm(shelf: Shelf, serve: Serve, log: EventLog) -> None:
    shelf.aliases["canary"] = "2"
    rollout = serve()
    log.close()
    with pytest.raises(LogError):
        rollout.predict_routes([SECRET] * 20)
