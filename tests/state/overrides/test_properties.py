"""Properties of overrides, over arbitrary rules, requests and moments."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from router_ml import RouteDecision, Router
from router_ml.config import RouterConfig
from router_ml.errors import ConfigError
from router_ml.storage.eventlog import EventLog

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = {"who": "on-call", "why": "vendor incident"}
LANES = ("house", "mid", "big", "open")
Config = Callable[..., RouterConfig]
Made = Callable[..., dict[str, Any]]


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


@pytest.mark.slow
@given(RULES, st.tuples(WHEN, THEN), ASKED)
@example([({"write_tool": True}, {"boundary": "private"})], ({}, {"tools": "read_only"}), MAY_WRITE)
def test_no_override_widens_anything(
    config: Config, policy: Made, rules: list[Any], added: tuple[Any, Any], asked: dict[str, Any]
) -> None:
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


def test_threads_see_whole_states_while_overrides_come_and_go(config: Config, policy: Made) -> None:
    """The digest in a decision names the rules that fired in it, whatever is changed meanwhile."""
    router, stop = Router(config(), log=SHARED), Event()
    names = [f"o{number}" for number in range(3)]
    held: dict[str, set[str]] = {router.predict_route("hello there", now=NOON).versions.policy_sha256: set()}

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
