"""Rules change while a router runs: only narrower, never half, and never without a record of who and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import RouteDecision, Router
from router_ml.config import Policy, RouterConfig, policy_sha256
from router_ml.config.rules import Then
from router_ml.errors import ConfigError, InvalidRequestError, LogError
from router_ml.storage.eventlog import EventLog

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = {"who": "on-call", "why": "vendor incident"}
DENY = {
    **{"id": "deny-big", "version": "1", "owner": "o", "rationale": "r"},
    **{"when": {}, "then": {"lanes": {"deny": ["big"]}}},
}
Config = Callable[..., RouterConfig]
Made = Callable[..., dict[str, Any]]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture
def router(config: Config, log: EventLog) -> Router:
    return Router(config(), log=log)


def decide(router: Router, now: datetime = NOON, **fields: Any) -> RouteDecision:
    return router.predict_route("hello there", seed=1, now=now, **fields)


def test_an_override_holds_from_the_next_decision_until_it_is_ended(router: Router, log: EventLog) -> None:
    """A vendor with an incident is left at once, without retraining, and the record says by whose order."""
    before = decide(router)
    begun = router.override(DENY, **WHO, now=NOON)
    during = decide(router)
    assert "policy deny-big" in during.excluded["big"][0]
    assert [fired.id for fired in during.policies] == ["deny-big"]
    later = NOON + timedelta(hours=1)
    ended = router.end_override(begun.event_id, who="lead", why="incident over", now=later)
    after = decide(router)
    assert after.eligible == before.eligible == ("house", "mid", "big", "open")
    assert before.versions == after.versions
    digests = before.versions.policy_sha256, during.versions.policy_sha256
    assert (begun.policy_sha256_before, begun.policy_sha256_after) == digests
    assert (ended.policy_sha256_after, ended.policy_sha256_before) == digests
    laid_over = router.config.model_copy(update={"policies": (Policy.model_validate(DENY),)})
    assert during.versions.policy_sha256 == policy_sha256(laid_over)
    assert log.audit_events() == [begun, ended]
    assert (begun.kind, begun.who, begun.why) == ("override", "on-call", "vendor incident")
    assert begun.detail["policies"][0]["id"] == "deny-big"  # type: ignore[index,call-overload]
    assert ended.detail == {"override": begun.event_id}


def test_it_expires_by_the_clock_of_the_decision_and_nothing_else(policy: Made, router: Router) -> None:
    """A replay with the recorded clock sees what held then."""
    hour = timedelta(hours=1)
    event = router.override(DENY, **WHO, expires_at=(NOON + hour).replace(tzinfo=None), now=NOON)
    assert event.expires_at == NOON + hour
    for now, held in ((NOON, True), (NOON + hour, False), (NOON + hour / 2, True), (NOON + 2 * hour, False)):
        assert ("big" not in decide(router, now).eligible) is held
    with pytest.raises(InvalidRequestError, match="passed already"):
        router.override(policy("late", {}, {"explore": False}), **WHO, expires_at=NOON, now=NOON)


def test_overrides_add_up_and_end_one_by_one(policy: Made, router: Router) -> None:
    first = router.override(DENY, **WHO)
    second = router.override(policy("deny-open", {}, {"lanes": {"deny": ["open"]}}), **WHO)
    assert decide(router).eligible == ("house", "mid")
    router.end_override(first.event_id, **WHO)
    assert decide(router).eligible == ("house", "mid", "big")
    with pytest.raises(InvalidRequestError, match=f"Known: {second.event_id}"):
        router.end_override(first.event_id, **WHO)


def test_an_id_that_is_in_use_is_refused(router: Router) -> None:
    """Else nobody could tell which of two rules fired."""
    router.override(DENY, **WHO)
    with pytest.raises(ConfigError, match="defined twice"):
        router.override(DENY, **WHO)


@pytest.mark.parametrize("said", [{"who": "", "why": "x"}, {"who": "x", "why": "  "}, {"who": None, "why": "x"}])
def test_who_and_why_are_required(config: Config, router: Router, log: EventLog, said: dict[str, Any]) -> None:
    for change in (
        lambda: router.override(DENY, **said),
        lambda: router.replace_policies(config(({}, {"explore": False})), **said),
    ):
        with pytest.raises(InvalidRequestError, match="change of rules is not valid"):
            change()
    assert (log.audit_events(), decide(router).policies) == ([], ())


def test_without_a_log_nothing_changes(config: Config) -> None:
    """An override that nobody can audit is not made."""
    router = Router(config())
    with pytest.raises(LogError, match="no event log"):
        router.override(DENY, **WHO)
    with pytest.raises(LogError, match="no event log"):
        router.replace_policies(config(({}, {"explore": False})), **WHO)
    assert decide(router).policies == ()


def test_an_event_that_cannot_be_written_has_no_effect(
    config: Config, policy: Made, router: Router, log: EventLog
) -> None:
    begun = router.override(DENY, **WHO)
    held = decide(router)
    log.close()
    for change in (
        lambda: router.override(policy("more", {}, {"explore": False}), **WHO),
        lambda: router.end_override(begun.event_id, **WHO),
        lambda: router.replace_policies(config(({}, {"explore": False})), **WHO),
    ):
        with pytest.raises(LogError):
            change()
    after = decide(router)
    assert (after.policies, after.versions) == (held.policies, held.versions)


def test_newer_rules_may_weaken_and_the_event_says_what(config: Config, log: EventLog, tmp_path: Path) -> None:
    strict, weak = ({}, {"boundary": "private"}), ({}, {"boundary": "vendor"})
    router = Router(config(strict, ({}, {"explore": False})), log=log)
    router.override(DENY, **WHO)
    assert decide(router).eligible == ("house",)
    event = router.replace_policies(config(weak), **WHO)
    assert decide(router).eligible == ("house", "mid"), "the override still holds"
    assert event.detail == {"added": [], "removed": ["p1"], "changed": ["p0"]}
    assert router.config.policies == config(weak).policies
    assert log.audit_events()[-1] == event
    assert decide(router).versions.policy_sha256 == event.policy_sha256_after


def test_a_wrong_file_changes_nothing(router: Router, log: EventLog, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    before = decide(router)
    for text in ("policies: [{id: x}]", "policies:\n  - [", "lanes: {}", "nonsense: 1"):
        path.write_text(text)
        with pytest.raises(ConfigError):
            router.replace_policies(path, **WHO)
        with pytest.raises(ConfigError):
            router.override(path, **WHO)
    assert (decide(router).versions, log.audit_events()) == (before.versions, [])


def test_newer_rules_must_not_take_the_id_of_an_override(config: Config, policy: Made, router: Router) -> None:
    router.override(policy("p0", {}, {"explore": False}), **WHO)
    with pytest.raises(ConfigError, match="defined twice"):
        router.replace_policies(config(({}, {"boundary": "vendor"})), **WHO)


def test_every_effect_of_a_policy_is_known_to_narrow() -> None:
    """An effect that could widen must not become possible in an override unnoticed: prove that it narrows first."""
    narrowing = "boundary regions lanes min_grade tools approval human_review refuse output_contract explore log"
    assert set(Then.model_fields) == set(narrowing.split())


def test_a_batch_is_decided_under_one_state(router: Router) -> None:
    router.override(DENY, **WHO)
    decisions = router.predict_routes(["hello there", "how are you"], now=NOON)
    assert len({decision.versions.policy_sha256 for decision in decisions}) == 1
    assert all("big" in decision.excluded for decision in decisions)
