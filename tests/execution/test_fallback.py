"""The walk along a fallback ends, stays among eligible lanes, and never tries a lane more often than it may."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml import Router
from router_ml.contract import FailureKind, RouteDecision, Step
from router_ml.errors import ExecutionError
from router_ml.execution.fallback import Tried, next_step, substitute
from router_ml.execution.lanes.failures import RULE_OF
from router_ml.planning.plan import fallback
from tests.execution.acting import LANES, config, failed, scene

KINDS: tuple[FailureKind, ...] = get_args(FailureKind)
RULES = ("on_timeout", "on_rate_limit", "on_schema_failure", "on_refusal", "on_error")
STEPS = st.lists(
    st.builds(
        Step, lane=st.sampled_from(list(LANES)), attempts=st.integers(1, 4), backoff_ms=st.sampled_from([0, 50, 400])
    ),
    max_size=4,
)
MADE = Router(config()).predict_route("What is new?", seed=1)


def decided(steps: dict[str, list[Step]], lane: str = "a") -> RouteDecision:
    plan = MADE.fallback.model_copy(update={rule: tuple(steps.get(rule, ())) for rule in RULES})
    return MADE.model_copy(update={"lane": lane, "fallback": plan})


@given(steps=st.dictionaries(st.sampled_from(RULES), STEPS), kinds=st.lists(st.sampled_from(KINDS), min_size=60))
@settings(max_examples=100)
def test_the_walk_ends_whatever_fails(steps: dict[str, list[Step]], kinds: list[FailureKind]) -> None:
    decision, tried = decided(steps), []
    left = list(decision.eligible)
    for kind in kinds:
        step = next_step(decision, tried) or substitute(decision, tried, left)
        if step is None:
            break
        assert step.lane in decision.eligible
        tried.append(Tried(step.lane, kind))
    else:
        pytest.fail("it goes on and on")
    most = {
        lane: max((step.attempts for rule in steps.values() for step in rule if step.lane == lane), default=0)
        for lane in LANES
    }
    stood_in = {lane for lane in LANES if most[lane] == 0}
    for lane, count in Counter(one.lane for one in tried[1:]).items():
        assert count <= (1 if lane in stood_in else most[lane])


@given(
    steps=st.dictionaries(st.sampled_from(RULES), STEPS),
    acts=st.dictionaries(st.sampled_from(list(LANES)), st.lists(st.sampled_from([*KINDS, "ok"]), min_size=1)),
    gone=st.sets(st.sampled_from(list(LANES))),
    denied=st.sets(st.sampled_from(["b", "c", "own"])),
)
@settings(max_examples=40)
def test_no_lane_outside_eligible_is_called(
    steps: dict[str, list[Step]], acts: dict[str, list[Any]], gone: set[str], denied: set[str]
) -> None:
    """Nor one that is down, and each request ends in an answer of an eligible lane or in a typed error."""
    router = Router(config())
    plan = decided(steps)
    made = router.predict_route("What is new?", seed=1, constraints={"deny_lanes": sorted(denied)})
    made = made.model_copy(update={"lane": "a", "fallback": plan.fallback})
    for lane in gone:
        router.report_health(lane, "down")
    said = {
        lane: ["All is well." if kind in ("ok", "cancelled") else failed(kind) for kind in kinds]
        for lane, kinds in acts.items()
    }
    it = scene(said, router=router)
    with contextlib.suppress(ExecutionError):
        done = it.executor.complete("What is new?", decision=made)
        assert done.execution.final_lane in set(made.eligible) - gone
    assert set(it.lanes.lanes) <= set(made.eligible) - gone
    assert len(it.kept) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in RULE_OF])
def test_each_kind_of_failure_follows_its_rule(kind: FailureKind) -> None:
    decision = decided(
        {rule: [Step(lane=lane)] for rule, lane in zip(RULES, ("b", "c", "own", "home", "a"), strict=True)}
    )
    step = next_step(decision, [Tried("a", kind)])
    transient = kind in ("timeout", "rate_limit", "server_error", "connection", "malformed", "empty")
    wanted: str | None = {
        "on_timeout": "b",
        "on_rate_limit": "c",
        "on_schema_failure": "own",
        "on_refusal": "home",
    }.get(RULE_OF[kind], "a" if transient else None)
    assert (step.lane if step else None) == wanted


@pytest.mark.parametrize("kind", ["deadline", "cancelled"])
def test_what_has_no_rule_ends_it(kind: FailureKind) -> None:
    decision = decided({rule: [Step(lane="b", attempts=3)] for rule in RULES})
    assert next_step(decision, [Tried("a", kind)]) is None
    assert substitute(decision, [Tried("a", "not_allowed"), Tried("b", kind)], ("own",)) is None


def test_a_lane_too_dear_is_followed_by_another_one() -> None:
    decision = decided({"on_error": [Step(lane="a"), Step(lane="b")]})
    step = next_step(decision, [Tried("a", "over_budget")])
    assert step is not None
    assert step.lane == "b"


def test_pauses_double_and_respect_what_the_lane_asked_for() -> None:
    decision = decided({"on_rate_limit": [Step(lane="a", attempts=4, backoff_ms=100), Step(lane="b")]})
    once = [Tried("a", "rate_limit")]
    asked = [*once, Tried("a", "rate_limit", 900)]
    assert next_step(decision, once) == Step(lane="a", backoff_ms=100)
    assert next_step(decision, [*once, *once]) == Step(lane="a", backoff_ms=200)
    assert next_step(decision, asked) == Step(lane="a", backoff_ms=900)
    assert next_step(decision, asked, max_retry_after_ms=500) == Step(lane="b")
    assert next_step(decision, asked, left_ms=900) == Step(lane="b")


def test_only_steps_that_could_not_be_made_are_made_up_for() -> None:
    decision = decided({"on_error": [Step(lane="b")]})
    lanes = ("own", "home")
    failed_twice = [Tried("a", "server_error"), Tried("b", "server_error")]
    assert substitute(decision, failed_twice, lanes) is None
    down = [Tried("a", "server_error"), Tried("b", "unavailable")]
    stands_in = substitute(decision, down, lanes)
    assert stands_in is not None
    assert stands_in.lane == "home", "the best utility first"
    assert substitute(decision, [*down, Tried("home", "server_error")], lanes) is None


def test_more_attempts_are_the_first_lane_s_too_where_it_may_pass() -> None:
    steps = fallback(config(fallback={"lanes": 2, "attempts": 3, "backoff_ms": 50}), ["a", "b", "own", "home"])
    again = Step(lane="a", attempts=2, backoff_ms=50)
    others = (Step(lane="b", attempts=3, backoff_ms=50), Step(lane="own", attempts=3, backoff_ms=50))
    assert steps.on_timeout == steps.on_rate_limit == steps.on_error == (again, *others)
    assert steps.on_refusal == steps.on_schema_failure == others


@given(
    ranking=st.permutations(list(LANES)),
    lanes=st.integers(0, 4),
    attempts=st.integers(1, 3),
    domains=st.lists(st.sampled_from("xy"), min_size=5, max_size=5),
)
def test_the_last_step_is_in_another_failure_domain_where_there_is_one(
    ranking: list[str], lanes: int, attempts: int, domains: list[str]
) -> None:
    raw = config(fallback={"lanes": lanes, "attempts": attempts}).model_dump(mode="json", by_alias=True)
    for lane, domain in zip(LANES, domains, strict=True):
        raw["lanes"][lane]["failure_domain"] = domain
    settings_ = config().model_validate(raw)
    steps, home = fallback(settings_, ranking), settings_.lanes[ranking[0]].failure_domain
    for rule in RULES:
        found = getattr(steps, rule)
        assert len({step.lane for step in found} - {ranking[0]}) <= lanes
        if lanes and len(set(domains)) > 1:
            assert settings_.lanes[found[-1].lane].failure_domain != home
