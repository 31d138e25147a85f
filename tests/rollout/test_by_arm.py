"""Deadlines and many at once while several bundles decide: everybody keeps their arm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim, GivenUpError
from router_ml.errors import InvalidRequestError
from router_ml.rollout import Rollout
from router_ml.storage.eventlog import EventLog
from tests.rollout.conftest import Shelf

Serve = Callable[[], Rollout]
TEXT = "Which planet has the strongest winds, and why?"


def with_canary(shelf: Shelf, serve: Serve) -> Rollout:
    shelf.aliases |= {"canary": "2"}
    return serve()


def of(session: int, text: str = TEXT, **more: object) -> RouteRequest:
    return RouteRequest(text=text, metadata={"session": f"s{session}"}, **more)


def test_in_time_it_is_the_decision_of_predict_route(shelf: Shelf, serve: Serve) -> None:
    rollout, now = with_canary(shelf, serve), datetime(2026, 7, 1, tzinfo=UTC)
    shelf.log = None
    for session in range(6):
        theirs = rollout.predict_route(of(session), seed=3, now=now)
        ours = asyncio.run(rollout.apredict_route(of(session), seed=3, now=now, deadline_ms=60_000))
        same = theirs.model_copy(update={"decision_id": ours.decision_id, "trace_id": ours.trace_id})
        assert ours.to_json() == same.to_json()


def test_a_late_decision_is_of_the_sessions_arm_and_the_next_turn_stays_there(
    shelf: Shelf, serve: Serve, log: EventLog
) -> None:
    rollout = with_canary(shelf, serve)
    for session in range(12):
        whole = rollout.predict_route(of(session))
        late = asyncio.run(rollout.apredict_route(of(session), deadline_ms=0))
        assert late.state.degraded is not None
        assert (late.state.arm, late.state.arm_session) == (whole.state.arm, whole.state.arm_session)
        assert late.versions.registry == whole.versions.registry
    nameless = asyncio.run(rollout.apredict_route(TEXT, deadline_ms=0))
    after = rollout.predict_route(TEXT, previous={"decision_id": nameless.decision_id, "turn": 1})
    assert after.state.arm == nameless.state.arm
    assert log.decision(nameless.decision_id) == nameless


def test_many_for_themselves_each_by_its_arm(shelf: Shelf, serve: Serve, log: EventLog) -> None:
    rollout = with_canary(shelf, serve)
    asked = [of(session) for session in range(10)]
    asked[3] = of(3, allowed_tools=("unheard-of",))
    claims = [Claim() for _ in asked]
    claims[5].give_up()
    answers = rollout.predict_each(asked, claims)
    assert isinstance(answers[3], InvalidRequestError)
    assert isinstance(answers[5], GivenUpError)
    made = {number: answer for number, answer in enumerate(answers) if isinstance(answer, RouteDecision)}
    assert len(made) == 8
    assert {answer.state.arm for answer in made.values()} == {"champion", "canary"}
    for session, answer in made.items():
        assert answer.state.arm == rollout.predict_route(of(session)).state.arm
        assert log.decision(answer.decision_id) == answer
