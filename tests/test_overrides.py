"""Rules change while a router runs: only narrower, never half, and never without a record of who and why."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from router_ml import RouteDecision, Router
from router_ml.config import Policy, RouterConfig, policy_sha256
from router_ml.config.rules import Then
from router_ml.errors import ConfigError, InvalidRequestError, LogError
from router_ml.storage.eventlog import EventLog

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = {"who": "on-call", "why": "vendor incident"}
LANES = {"house": ("private", "eu"), "mid": ("vendor", "eu"), "big": ("vendor", "us"), "open": ("public", "us")}
PLACES = {"here": {"boundary": "private"}, "there": {"boundary": "vendor", "region": "us"}, "anywhere": {}}


def lane(boundary: str, region: str, grade: int) -> dict[str, Any]:
    return {
        **{"model": "m", "provider": "p", "failure_domain": "f", "region": region, "boundary": boundary},
        **{"price": {"input_per_mtok": 1, "output_per_mtok": 1}, "latency": {"base_ms": 1, "ms_per_output_token": 1}},
        **{"prior": {"quality": 0.5}, "context_window": 10_000, "max_output_tokens": 100, "grade": grade},
        "capabilities": ["tools"],
    }


def policy(name: str, when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "version": "1", "owner": "o", "rationale": "r", "when": when, "then": then}


def config(*rules: tuple[dict[str, Any], dict[str, Any]]) -> RouterConfig:
    return RouterConfig.model_validate(
        {
            "version": 1,
            "regions": ["eu", "us"],
            "lanes": {name: lane(*place, grade=number % 3 + 1) for number, (name, place) in enumerate(LANES.items())},
            "tools": {
                "search": {"version": "1", "effect": "read"},
                "refund": {"version": "1", "effect": "write", "boundary": "private"},
                "crm": {"version": "1", "effect": "write", "boundary": "vendor", "region": "us"},
            },
            "indexes": PLACES,
            "rerankers": PLACES,
            "judges": PLACES,
            "trace_sinks": PLACES,
            "policies": [policy(f"p{number}", *rule) for number, rule in enumerate(rules)],
            "traffic_classes": {"default": {"floor": 0.5, "quality_per_usd": 1}},
        }
    )


DENY = policy("deny-big", {}, {"lanes": {"deny": ["big"]}})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture
def router(log: EventLog) -> Router:
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
    assert after.eligible == before.eligible == tuple(LANES)
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


def test_it_expires_by_the_clock_of_the_decision_and_nothing_else(router: Router) -> None:
    """A replay with the recorded clock sees what held then."""
    hour = timedelta(hours=1)
    event = router.override(DENY, **WHO, expires_at=(NOON + hour).replace(tzinfo=None), now=NOON)
    assert event.expires_at == NOON + hour
    for now, held in ((NOON, True), (NOON + hour, False), (NOON + hour / 2, True), (NOON + 2 * hour, False)):
        assert ("big" not in decide(router, now).eligible) is held
    with pytest.raises(InvalidRequestError, match="passed already"):
        router.override(policy("late", {}, {"explore": False}), **WHO, expires_at=NOON, now=NOON)


def test_overrides_add_up_and_end_one_by_one(router: Router) -> None:
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
def test_who_and_why_are_required(router: Router, log: EventLog, said: dict[str, Any]) -> None:
    for change in (
        lambda: router.override(DENY, **said),
        lambda: router.replace_policies(config(({}, {"explore": False})), **said),
    ):
        with pytest.raises(InvalidRequestError, match="change of rules is not valid"):
            change()
    assert (log.audit_events(), decide(router).policies) == ([], ())


def test_without_a_log_nothing_changes() -> None:
    """An override that nobody can audit is not made."""
    router = Router(config())
    with pytest.raises(LogError, match="no event log"):
        router.override(DENY, **WHO)
    with pytest.raises(LogError, match="no event log"):
        router.replace_policies(config(({}, {"explore": False})), **WHO)
    assert decide(router).policies == ()


def test_an_event_that_cannot_be_written_has_no_effect(router: Router, log: EventLog) -> None:
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


def test_newer_rules_may_weaken_and_the_event_says_what(log: EventLog, tmp_path: Path) -> None:
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


def test_newer_rules_must_not_take_the_id_of_an_override(router: Router) -> None:
    router.override(policy("p0", {}, {"explore": False}), **WHO)
    with pytest.raises(ConfigError, match="defined twice"):
        router.replace_policies(config(({}, {"boundary": "vendor"})), **WHO)


def test_every_effect_of_a_policy_is_known_to_narrow() -> None:
    """An effect that could widen must not become possible in an override unnoticed: prove that it narrows first."""
    narrowing = "boundary regions lanes min_grade tools approval human_review refuse output_contract explore log"
    assert set(Then.model_fields) == set(narrowing.split())


def some(values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(list(values)), unique=True, min_size=1, max_size=3)


WHEN = st.fixed_dictionaries(
    {},
    optional={
        "guard_state": some(("clean", "hit", "unknown")),
        "risk": some(("pii", "secrets")),
        "region": some(("eu", "us")),
        "tool": some(("search", "refund", "crm")),
        "write_tool": st.booleans(),
        "tier": some(("low", "medium", "high")),
    },
)
THEN = st.fixed_dictionaries(
    {},
    optional={
        "boundary": st.sampled_from(("private", "vendor", "public")),
        "regions": some(("eu", "us")),
        "lanes": st.fixed_dictionaries({}, optional={"allow": some(LANES), "deny": some(LANES)}),
        "min_grade": st.integers(1, 3),
        "tools": st.sampled_from(("read_only", "none")),
        "approval": st.booleans(),
        "human_review": st.just("people"),
        "refuse": st.just("No."),
        "explore": st.just(False),
        "log": st.sampled_from(("features", "decision")),
    },
)
RULES = st.lists(st.tuples(WHEN, THEN), max_size=4)
ASKED = st.fixed_dictionaries(
    {
        "text": st.sampled_from(("hello there", "call +46 70 174 06 18", "so \ud800 it is")),
        "allowed_tools": st.lists(st.sampled_from(("search", "refund", "crm")), unique=True),
        "metadata": st.sampled_from(({}, {"region": "eu"}, {"region": "mars"})),
    }
)
MAY_WRITE = {"text": "hello there", "allowed_tools": ["refund"], "metadata": {}}
SHARED = EventLog("sqlite://")


@given(RULES, st.tuples(WHEN, THEN), ASKED)
@example([({"write_tool": True}, {"boundary": "private"})], ({}, {"tools": "read_only"}), MAY_WRITE)
def test_no_override_widens_anything(rules: list[Any], added: tuple[Any, Any], asked: dict[str, Any]) -> None:
    """Whoever is on call may lay any rule over any others, without knowing them."""
    router = Router(config(*rules), log=SHARED)
    before = router.predict_route(asked, seed=1, now=NOON)
    try:
        event = router.override(policy("extra", *added), **WHO, now=NOON)
    except ConfigError:
        reject()
    after = router.predict_route(asked, seed=1, now=NOON)
    assert set(after.eligible) <= set(before.eligible)
    approved = {tool.name: tool.approval for tool in before.tools}
    assert all(tool.approval >= approved[tool.name] for tool in after.tools)
    for place in ("indexes", "rerankers", "judges", "trace_sinks"):
        assert set(getattr(after.destinations, place)) <= set(getattr(before.destinations, place))
    levels = ("decision", "features", "embedding")
    assert levels.index(after.log_level) <= levels.index(before.log_level)
    assert (before.action == "route") >= (after.action == "route")
    fired = {each.id for each in after.policies}
    assert fired - {"extra"} >= {each.id for each in before.policies}
    assert after.versions.policy_sha256 == event.policy_sha256_after
    router.end_override(event.event_id, **WHO, now=NOON)
    again = router.predict_route(asked, seed=1, now=NOON)
    assert again.model_copy(update={"decision_id": "", "trace_id": ""}) == before.model_copy(
        update={"decision_id": "", "trace_id": ""}
    )


def test_threads_see_whole_states_while_overrides_come_and_go() -> None:
    """The digest in a decision names the rules that fired in it, whatever is changed meanwhile."""
    router, stop = Router(config(), log=SHARED), Event()
    names = [f"o{number}" for number in range(3)]
    held: dict[str, set[str]] = {decide(router).versions.policy_sha256: set()}

    def keep_deciding() -> list[RouteDecision]:
        seen = []
        while not stop.is_set() or not seen:
            seen.append(router.predict_route("hello there", now=NOON))
        return seen

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(keep_deciding) for _ in range(3)]
        active: dict[str, str] = {}
        for step in range(30):
            name = names[step % 3]
            if name in active:
                event = router.end_override(active.pop(name), **WHO, now=NOON)
            else:
                event = router.override(policy(name, {}, {"explore": False}), **WHO, now=NOON)
                active[name] = event.event_id
            held[event.policy_sha256_after] = set(active)
        stop.set()
        decisions = [decision for each in running for decision in each.result()]
    for decision in decisions:
        assert {fired.id for fired in decision.policies} == held[decision.versions.policy_sha256]


def test_a_batch_is_decided_under_one_state(router: Router) -> None:
    router.override(DENY, **WHO)
    decisions = router.predict_routes(["hello there", "how are you"], now=NOON)
    assert len({decision.versions.policy_sha256 for decision in decisions}) == 1
    assert all("big" in decision.excluded for decision in decisions)
