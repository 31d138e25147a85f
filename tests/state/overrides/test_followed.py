"""An override holds in every router of its log until it is ended, also after a restart, and never for less."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import RouteDecision, Router
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.replay import replay
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog

WHO = {"who": "on-call", "why": "vendor incident"}
Config = Callable[..., RouterConfig]
Made = Callable[..., dict[str, Any]]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def decide(router: Router, **more: Any) -> RouteDecision:
    return router.predict_route("hello there", seed=1, **more)


def told(router: Router) -> Router:
    """A router that has just looked into its log."""
    router.memory.listener.refresh()
    return router


def deny(policy: Made, *lanes: str, name: str = "deny") -> dict[str, Any]:
    return policy(name, {}, {"lanes": {"deny": list(lanes)}})


def test_another_process_follows_and_can_end_it(config: Config, policy: Made, log: EventLog) -> None:
    one, two = Router(config(), log=log), Router(config(), log=log)
    two.memory.listener.poll_seconds = 0.0
    begun = one.override(deny(policy, "big"), **WHO)
    until = time.monotonic() + 30
    while "big" in decide(two).eligible:
        assert time.monotonic() < until
    here, there = decide(one), decide(two)
    assert here.versions == there.versions
    assert here.policies == there.policies
    assert here.versions.policy_sha256 == begun.policy_sha256_after
    two.end_override(begun.event_id, **WHO)
    assert "big" in decide(two).eligible
    assert "big" in decide(told(one)).eligible
    assert [event.kind for event in log.audit_events()] == ["override", "override_ended"], "following writes nothing"
    assert replay(log, config()).differences == ()


def test_a_restart_picks_up_what_still_holds(config: Config, policy: Made, log: EventLog) -> None:
    one = Router(config(), log=log)
    lasting = one.override(deny(policy, "big"), **WHO)
    ended = one.override(deny(policy, "mid", name="other"), **WHO)
    soon = datetime.now(UTC) + timedelta(hours=1)
    one.override(deny(policy, "open", name="brief"), expires_at=soon, **WHO)
    one.end_override(ended.event_id, **WHO)
    again = Router(config(), log=log)
    assert decide(again).eligible == ("house", "mid")
    assert decide(again, now=soon).eligible == ("house", "mid", "open")
    assert decide(again).versions == decide(one).versions
    again.end_override(lasting.event_id, **WHO)
    assert decide(again).eligible == ("house", "mid", "big")
    report = replay(log, config())
    assert (report.differences, report.not_replayed) == ((), {})


def test_what_ended_with_its_process_in_an_earlier_release_stays_ended(
    config: Config, policy: Made, log: EventLog
) -> None:
    """Nobody ended it in the log, since a restart did."""
    at = datetime.now(UTC) - timedelta(days=200)
    old = {"event_id": "aud_old", "at": at.isoformat(), "kind": "override", "who": "x", "why": "y"}
    record = json.dumps({**old, "detail": {"policies": [deny(policy, "big")]}})
    log.write([Entry("audit_event", "aud_old", None, at, record)])
    assert "big" in decide(Router(config(), log=log)).eligible


def test_one_that_was_ended_here_does_not_come_back_from_an_older_look(
    config: Config, policy: Made, log: EventLog
) -> None:
    one = Router(config(), log=log)
    begun = one.override(deny(policy, "big"), **WHO)
    before = log.changes(["override", "override_ended"])
    one.end_override(begun.event_id, **WHO)
    one.memory.overrides.take(before)
    assert "big" in decide(one).eligible
    with pytest.raises(InvalidRequestError, match="Known: none"):
        one.end_override(begun.event_id, **WHO)


def without(config: RouterConfig, *lanes: str) -> RouterConfig:
    return config.model_copy(update={"lanes": {name: one for name, one in config.lanes.items() if name not in lanes}})


@pytest.mark.parametrize(
    ("then", "left"),
    [
        ({"lanes": {"deny": ["big", "mid"]}}, ("house", "open")),
        ({"lanes": {"allow": ["big", "mid"]}}, ("mid",)),
        ({"lanes": {"allow": ["big"]}}, ()),
    ],
)
def test_lanes_that_are_not_here_need_no_rule(
    config: Config, policy: Made, log: EventLog, then: dict[str, Any], left: tuple[str, ...]
) -> None:
    Router(config(), log=log).override(policy("p", {}, then), **WHO)
    other = Router(without(config(), "big"), log=log)
    if not left:
        assert decide(other).lane is None
        return
    assert decide(other).eligible == tuple(lane for lane in left if lane != "mid" or "allow" in str(then))


def test_denying_lanes_that_are_not_here_does_nothing_here(config: Config, policy: Made, log: EventLog) -> None:
    """Whatever its condition; a rule that asks for more holds for that."""
    one = Router(config(), log=log)
    one.override(deny(policy, "big"), **WHO)
    other = Router(without(config(), "big"), log=log)
    assert (decide(other).policies, decide(other).eligible) == ((), ("house", "mid", "open"))
    one.override(policy("more", {}, {"lanes": {"deny": ["big"]}, "boundary": "private"}), **WHO)
    assert decide(told(other)).eligible == ("house",)


def test_a_condition_that_cannot_be_judged_counts_as_met(
    config: Config, policy: Made, log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    labels = config().taxonomy
    known, wider = (
        config().model_copy(update={"taxonomy": labels.model_copy(update={"intents": intents})})
        for intents in (("qa",), ("qa", "gossip"))
    )
    Router(wider, log=log).override(policy("p", {"intent": ["gossip"]}, {"boundary": "private"}), **WHO)
    assert decide(Router(wider, log=log)).eligible == ("house", "mid", "big", "open")
    assert decide(Router(known, log=log)).eligible == ("house",)
    assert "as narrowly as it can" in caplog.text


def test_what_cannot_be_carried_out_refuses(config: Config, policy: Made, log: EventLog) -> None:
    begun = Router(config(), log=log).override(policy("p", {}, {"explore": False}), **WHO)
    at = datetime.now(UTC)
    event = begun.model_copy(update={"event_id": "aud_later", "at": at})
    event = event.model_copy(update={"detail": {"until_ended": True, "policies": [{"id": "p", "colour": "red"}]}})
    log.log_audit_event(event)
    assert decide(Router(config(), log=log)).action == "refuse"


def test_one_that_was_put_into_router_yaml_since_holds_once(config: Config, policy: Made, log: EventLog) -> None:
    rule = ({}, {"lanes": {"deny": ["big"]}})
    Router(config(), log=log).override(policy("p0", *rule), **WHO)
    router = Router(config(rule), log=log)
    assert [fired.id for fired in decide(router).policies] == ["p0"]
    router.replace_policies(config(rule, ({}, {"explore": False})), **WHO)
    assert [fired.id for fired in decide(router).policies] == ["p0", "p1"]
    changed = Router(config(({}, {"lanes": {"deny": ["mid"]}})), log=log)
    assert decide(changed).eligible == ("house", "open"), "another rule of its name stands beside it"


def test_overrides_of_two_processes_that_did_not_know_of_each_other_can_be_replayed(
    config: Config, policy: Made, log: EventLog
) -> None:
    """Neither event names the rules that both of them led to."""
    one, two = Router(config(), log=log), Router(config(), log=log)
    two.memory.overrides.refresh = lambda: None  # as if both had looked before either wrote
    one.override(deny(policy, "big", name="a"), **WHO)
    two.override(deny(policy, "mid", name="b"), **WHO)
    assert decide(told(one)).eligible == decide(told(two)).eligible == ("house", "open")
    assert decide(one).versions == decide(two).versions
    report = replay(log, config())
    assert (report.differences, report.identical, report.inputs) == ((), 4, {})
