"""An approval is used up by what it was given for, and what people decided is carried out, whoever they told."""

from __future__ import annotations

import asyncio
import logging
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.contract import Approval
from router_ml.errors import InvalidRequestError, LogError, ReviewError
from router_ml.execution.completion import Completion
from router_ml.execution.reviews.reviews import Reviews
from router_ml.storage.eventlog import EventLog
from tests.execution.acting import ActingTools, Scene, config, failed, scene, wants

SAID = {"who": "ada", "why": "It is right."}
PEOPLE = {"id": "people", "version": "1", "owner": "o", "rationale": "r", "when": {"org": ["acme"]}}
CHANGES = {"policies": [{**PEOPLE, "then": {"human_review": "desk"}}]}


def pays(order: int) -> Any:
    return wants("pay", arguments=f'{{"order": {order}}}')


def waiting(it: Scene) -> Completion:
    """A request that waits for a person to let it pay."""
    done = it.executor.complete("What is new?", decision=it.decide(allowed_tools=("pay",)))
    assert done.review_id is not None
    return done


def paying(acts: dict[str, Any] | None = None, **more: Any) -> Scene:
    return scene(acts or {"a": [pays(1), "Paid."]}, tools=ActingTools(approval=True), **more)


@pytest.mark.parametrize("seen", ["requested", "expired"])
def test_a_grant_in_the_last_moment_counts(monkeypatch: pytest.MonkeyPatch, seen: str) -> None:
    """It came after the state was read, also where a clock is ahead: nothing is ended or lost by that."""
    it = paying()
    name, state = waiting(it).review_id or "", it.executor.reviews.state

    def late(approval_id: str, *_: Any) -> Approval:
        monkeypatch.undo()
        read = state(approval_id).model_copy(update={"state": seen})
        it.executor.reviews.decide(approval_id, True, **SAID)
        return read

    monkeypatch.setattr(it.executor.reviews, "state", late)
    with pytest.raises(ReviewError, match="was granted by ada"):
        it.executor.resume(name)
    assert (it.executor.resume(name).text, len(it.tools.made)) == ("Paid.", 1)


def test_a_grant_is_not_used_up_where_the_request_cannot_be_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    it = scene(changes=CHANGES)
    waits = it.executor.complete("What is new?", metadata={"org": "acme"})
    it.executor.reviews.decide(waits.review_id or "", True, **SAID)

    def broken(*_: Any, **__: Any) -> None:
        raise InvalidRequestError("A lane is gone.")

    monkeypatch.setattr(it.router, "decide_reviewed", broken)
    with pytest.raises(InvalidRequestError):
        it.executor.resume(waits.review_id or "")
    monkeypatch.undo()
    assert it.executor.resume(waits.review_id or "").answered


def test_all_that_is_ready_goes_on_or_ends_once() -> None:
    acts = {"a": [pays(1), pays(2), pays(3), "Paid."]}
    it = paying(acts, changes=CHANGES)
    one, two, three = (waiting(it).review_id or "" for _ in range(3))
    whole = it.executor.complete("What is new?", metadata={"org": "acme"}).review_id or ""
    assert it.executor.resume_ready() == []
    for name, granted in ((one, True), (two, False), (whole, True)):
        it.executor.reviews.decide(name, granted, **SAID)
    done = it.executor.resume_ready()
    assert sorted(each.status for each in done) == ["answered", "answered", "refused"]
    assert it.tools.made == [("pay", '{"order": 1}')]
    assert it.executor.resume_ready() == []
    assert [step.approval_id for step in it.executor.reviews.pending()] == [three]


def test_what_nobody_decided_in_time_is_ended_as_configured() -> None:
    it = paying(changes={"execution": {"review": {"on_expiry": "static_answer", "expires_minutes": 1e-6}}})
    waiting(it)
    done = asyncio.run(it.executor.aresume_ready())
    assert [each.status for each in done] == ["static_answer"]
    assert it.kept[-1].resumes == it.kept[0].execution_id


def test_one_that_cannot_go_on_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """No lane answers the first; another release wrote the second."""
    hopeless = [pays(1), pays(2), pays(3), failed("server_error"), "Paid."]
    it = paying({"a": hopeless, "b": [failed("server_error")], "own": [failed("server_error")]})
    names = [waiting(it).review_id or "" for _ in range(3)]
    for name in names:
        it.executor.reviews.decide(name, True, **SAID)
    rows = it.executor.reviews._memory.rows
    rows[names[1]] = replace(rows[names[1]], kept=zlib.compress(b"{}"))
    with caplog.at_level(logging.WARNING):
        done = it.executor.resume_ready()
    assert sorted(each.status for each in done) == ["answered", "failed"]
    assert f"{names[1]} was not gone on with" in caplog.text


def test_a_grant_at_the_command_line_is_carried_out_by_whoever_carries_out(tmp_path: Path) -> None:
    keep = {"keep": {"low": {"level": "text"}, "medium": {"level": "text"}}}
    with EventLog(tmp_path / "log.db") as log, EventLog(tmp_path / "log.db") as elsewhere:
        it = paying(router=Router(config(logging=keep), log=log))
        Reviews(log=elsewhere).decide(waiting(it).review_id or "", True, **SAID)
        assert [each.text for each in it.executor.resume_ready()] == ["Paid."]


def test_what_another_release_denied_is_no_fault_of_ours() -> None:
    it = paying()
    name = waiting(it).review_id or ""
    it.executor.reviews.decide(name, False, **SAID)
    rows = it.executor.reviews._memory.rows
    rows[name] = replace(rows[name], kept=zlib.compress(b"[]"))
    with pytest.raises(ReviewError, match="another release"):
        it.executor.resume(name)


def test_where_too_much_waits_a_further_request_fails_and_nothing_of_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory has an end. Who is told an error can come back; who was promised a person and forgotten cannot."""
    it = paying({"a": [pays(1), pays(2), pays(3)]})
    first = waiting(it).review_id
    monkeypatch.setattr("router_ml.execution.reviews.memory.MOST_BYTES", 0)
    with pytest.raises(LogError, match="keep_private"):
        waiting(it)
    assert [step.approval_id for step in it.executor.reviews.pending()] == [first]
    monkeypatch.undo()
    assert waiting(it).status == "human_review", "and it goes on once there is room"
