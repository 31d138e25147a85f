"""The story of a request is complete or says what is missing, and each audience reads what is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.contract import (
    Approval,
    Execution,
    Hop,
    Lookup,
    Outcome,
    OutputCheck,
    RouteDecision,
    ToolCall,
    Validation,
)
from router_ml.errors import InvalidRequestError, LogError, LogRefusedError
from router_ml.execution.reviews.reviews import Reviews
from router_ml.execution.story.evidence import evidence, evidence_frame
from router_ml.execution.story.story import COLUMNS, Story, story
from router_ml.execution.story.words import explain_request, told
from tests.execution.reviewing import PRIVATE, asked, executed, opened, suspended

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
Make = Callable[..., RouteDecision]
PLACE = {"provider": "vllm", "region": "eu", "boundary": "private"}


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    with opened(tmp_path) as router:
        yield router


def finished(router: Router, first: Execution, approval_id: str) -> Execution:
    """The execution that went on after a grant: a lane that failed, one that answered, a tool, a look, a check."""
    decision_id = first.decision_id
    check = router.check_output(decision_id, "Done, see doc#1.")
    return Execution(
        execution_id=f"exe_2_{approval_id}",
        at=datetime.now(UTC),
        decision_id=decision_id,
        status="answered",
        hops=(
            Hop(lane="fast", **PLACE, kind="timeout", error="litellm.Timeout", latency_ms=30_000, attempt=1),
            Hop(lane="own", **PLACE, served_model="llama-4", latency_ms=800, tokens_in=120, tokens_out=30,
                cost_usd=0.0002, attempt=2),
        ),
        lookups=(Lookup(index="help", strategy="light", context_ids=("doc#1", "doc#2"), latency_ms=12),),
        context_ids=("doc#1", "doc#2"),
        citations=("doc#1",),
        tool_calls=(
            ToolCall(name="refund", version="1", effect="write", status="done", approval_id=approval_id,
                     arguments={"order": "XYZZY-1"}, result={"ok": True}, attempts=2),
        ),
        validation=Validation(status="repaired"),
        output_checks=(check.check_id,),
        approvals=(approval_id,),
        final_lane="own",
        latency_ms=31_000.0,
        cost_usd=0.0002,
        resumes=first.execution_id,
    )  # fmt: skip


def whole(router: Router, **request: Any) -> str:
    """A request that waited, was granted, went on and was rated; its id."""
    stopped, reviews = suspended(router, asked(**request)), Reviews(router)
    step = reviews.ask(stopped, subject="tool", reason="It changes something.", queue="support")
    reviews.decide(step.approval_id, True, who="ada", why="The customer is right.")
    reviews.take(step.approval_id)
    router.log_execution(finished(router, stopped.execution, step.approval_id))
    router.log_outcome(stopped.decision.decision_id, quality=1.0, source="user")
    return stopped.decision.decision_id


def log_of(router: Router) -> Any:
    assert router.log is not None
    return router.log


def test_everything_about_a_request_comes_together(router: Router) -> None:
    decision_id = whole(router)
    found = story(log_of(router), decision_id)
    assert found.decision.decision_id == decision_id
    assert [run.status for run in found.executions] == ["human_review", "answered"]
    assert [step.state for step in found.approvals] == ["requested", "granted"]
    assert [check.action for check in found.checks] == ["pass"]
    assert [outcome.quality for outcome in found.outcomes] == [1.0]
    assert (found.missing, found.final_lane) == ((), "own")
    assert found.cost_usd == pytest.approx(0.0012)
    assert found.latency_ms == 31_900


def test_an_operator_reads_each_step_and_what_followed_by_which_rule(router: Router) -> None:
    text = explain_request(log_of(router), whole(router))
    for said in (
        "Smallest change that would have moved it elsewhere",
        "stopped for a person",
        "as exe_2_apr_",
        "going on from exe_apr_",
        "answered by own",
        "1. fast: timeout (litellm.Timeout), 30000 ms; then by on_timeout own.",
        "2. own: answered, 800 ms, 120 -> 30 tokens, $0.000200.",
        "Looked up help (light) in 12 ms: doc#1, doc#2.",
        "Cited: doc#1.",
        'Tool refund (version 1, write): done after 2 tries; granted by ada: "The customer is right."',
        "Output contract text (text): kept after a repair.",
        ": pass.",
        "A person of queue support was asked at",
        "ada granted tool refund at",
        "Outcome by user: quality 1.00.",
        "In all $0.001200 and 31900 ms against $",
        "Nothing is missing.",
    ):
        assert said in text
    assert "llama-4" not in text


def test_an_auditor_also_reads_places_ids_and_arguments(router: Router) -> None:
    text = explain_request(log_of(router), whole(router), "auditor")
    for said in (
        "[vllm, eu, private, llama-4]",
        "[chk_",
        "[apr_",
        "arguments {'order': 'XYZZY-1'}",
        "Every lane that was",
    ):
        assert said in text


def test_a_user_reads_what_became_of_it_and_nothing_internal(router: Router) -> None:
    text = explain_request(log_of(router), whole(router), "user")
    assert text.splitlines()[0] == "Your request was answered by llama-4."
    for said in (
        "2 passages of our documents",
        "Done for you: refund.",
        "A person looked at it and agreed.",
        "Feedback",
    ):
        assert said in text
    for internal in (
        "own",
        "fast",
        "$",
        "0.0",
        "quality_per_usd",
        "people-first",
        "pii-private",
        "XYZZY",
        "ada",
        "exe_",
    ):
        assert internal not in text


def test_no_audience_reads_a_value_of_a_private_request(router: Router) -> None:
    decision_id = whole(router, text=PRIVATE)
    for audience in ("user", "operator", "auditor"):
        text = explain_request(log_of(router), decision_id, audience)  # type: ignore[arg-type]
        for value in ("ann.smith", "DE8937", "XYZZY"):
            assert value not in text
    assert "fast" in explain_request(log_of(router), decision_id), "which is not eligible here, and was called"
    assert "Called and not eligible" in explain_request(log_of(router), decision_id, "auditor")


def test_what_should_be_there_and_is_not_is_said(router: Router) -> None:
    decision = router.predict_route(asked())
    assert story(log_of(router), decision.decision_id).missing == ("Nobody has reported what was done.",)
    unpriced = Hop(lane="own", **PLACE)
    run = executed(
        decision, status="answered", hops=(unpriced,), final_lane="own", output_checks=("chk_1",), resumes="exe_0"
    )
    router.log_execution(run)
    missing = story(log_of(router), decision.decision_id).missing
    for said in ("Check chk_1", f"Approval {run.approvals[0]}", "goes on from exe_0", "1 of its calls", "how good"):
        assert any(said in one for one in missing)
    router.log_execution(executed(decision, status="answered", final_lane="own"))
    assert any(one.startswith("No check of the answer") for one in story(log_of(router), decision.decision_id).missing)


def test_approvals_with_an_open_end_are_said(router: Router) -> None:
    stopped, reviews = suspended(router), Reviews(router)
    step = reviews.ask(stopped, subject="tool", reason="x")
    decision_id = stopped.decision.decision_id
    assert f"Nobody has decided approval {step.approval_id} yet." in story(log_of(router), decision_id).missing
    reviews.decide(step.approval_id, True, who="ada", why="Fine.")
    assert any("nothing that went on" in one for one in story(log_of(router), decision_id).missing)


def test_events_are_in_order_and_a_table_has_each(router: Router) -> None:
    pytest.importorskip("pandas")
    found = story(log_of(router), whole(router))
    frame = found.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert frame["what"].iloc[0] == "decision"
    assert frame["what"].iloc[-1] == "outcome"
    assert sorted(frame["what"].unique()) == sorted(
        ["decision", "execution", "lookup", "hop", "tool", "check", "approval", "outcome"]
    )
    assert frame["at"].is_monotonic_increasing
    assert found.to_dict()["missing"] == []


def test_an_execution_is_written_once(router: Router) -> None:
    """Whoever is not sure whether a report arrived repeats it; another one under its id is refused."""
    run = executed(router.predict_route(asked()))
    for _ in range(2):
        router.log_execution(run)
    assert len(story(log_of(router), run.decision_id).executions) == 1
    with pytest.raises(LogRefusedError, match="already logged"):
        router.log_execution(run.model_copy(update={"refusal": True}))


def test_a_story_goes_on_in_the_archive(router: Router, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow writes archives")
    from router_ml.storage.archives.archive import compact

    log, decision_id = log_of(router), whole(router)
    before = story(log, decision_id)
    archive, later = str(tmp_path / "archive"), datetime.now(UTC) + timedelta(days=99)
    compact(log, before=later - timedelta(days=40), to=archive, now=later, who="ops", why="age")
    with pytest.raises(LogError, match=r"was compacted.*--archive"):
        story(log, decision_id)
    assert story(log, decision_id, archive=archive) == before
    router.log_outcome(decision_id, quality=0.0, source="judge")
    assert len(story(log, decision_id, archive=archive).outcomes) == 2


def test_what_was_erased_has_no_story(router: Router) -> None:
    decision_id, log = whole(router, metadata={"user": "ann"}), log_of(router)
    log.erase(user="ann", who="privacy", why="request 1", now=NOW)
    with pytest.raises(LogError, match="was erased or has expired"):
        story(log, decision_id)
    with pytest.raises(LogError, match="no decision with this id"):
        story(log, "dec_unknown")


HOPS = {
    "timeout": "did not answer in time",
    "rate_limit": "was too busy",
    "server_error": "could not answer",
    "not_allowed": "may not see what had come up",
}


@pytest.mark.parametrize("kind", HOPS)
def test_a_user_reads_why_another_model_answered(make_decision: Make, kind: Any) -> None:
    hops = (Hop(lane="balanced", **PLACE, kind=kind), Hop(lane="private", **PLACE, served_model="llama-4"))
    run = Execution(decision_id="dec-1", status="answered", hops=hops, final_lane="private")
    text = told(Story(make_decision(), (run,)), "user")
    assert "answered by llama-4." in text
    verb = "asked" if hops[0].called else "chosen"
    assert f"Another model was {verb} first, and {HOPS[kind]}." in text


def test_a_grant_that_was_not_used_in_time_is_told_so(make_decision: Make) -> None:
    """Whoever agreed must not read that nobody did."""
    fields = {"approval_id": "apr_1", "decision_id": "dec-1", "subject": "request", "at": make_decision().created_at}
    steps = (
        Approval(**fields, state="requested"),
        Approval(**fields, state="granted", who="ada", why="Fine."),
        Approval(**fields, state="expired"),
    )
    found = Story(make_decision(action="human_review", lane=None), (), approvals=steps)
    assert "agreed, but it did not go on in time" in told(found, "user")
    assert "What was agreed to was not used" in told(found, "operator")
    assert any("expired, and nothing that ended the request" in one for one in found.missing)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("static_answer", "a standard reply"),
        ("failed", "No model could answer it."),
        ("cancelled", "was stopped before"),
        ("human_review", "A person has to look at it."),
    ],
)
def test_a_user_reads_how_it_ended(make_decision: Make, status: Any, said: str) -> None:
    assert said in told(Story(make_decision(), (Execution(decision_id="dec-1", status=status),)), "user")


def test_a_user_is_promised_privacy_only_where_no_call_broke_it(make_decision: Make) -> None:
    iban = {"type": "iban", "part": "text", "start": 0, "end": 9, "view": "raw"}
    decision = make_decision(findings=[iban], policies=[{"id": "local", "version": "1", "effect": "boundary private"}])
    inside = Hop(lane="balanced", **PLACE)
    outside = Hop(lane="fast", provider="x", region="us", boundary="vendor", kind="timeout")

    def said(*hops: Hop) -> str:
        return told(Story(decision, (Execution(decision_id="dec-1", hops=hops, final_lane="balanced"),)), "user")

    assert "own machines" in said(inside)
    assert "own machines" not in said(outside, inside)
    assert "own machines" in said(outside.model_copy(update={"kind": "not_allowed"}), inside)


def test_a_request_for_a_person_names_no_rule_to_a_user(router: Router) -> None:
    decision = router.predict_route(asked(metadata={"org": "acme"}))
    assert decision.action == "human_review"
    text = explain_request(log_of(router), decision.decision_id, "user")
    assert text.startswith("A person has to look at it before it is answered.")
    assert "people-first" not in text
    router.log_execution(Execution(decision_id=decision.decision_id, execution_id="exe_9", status="refused"))
    assert explain_request(log_of(router), decision.decision_id, "user").startswith("It was not answered.")
    assert "without policy people-first (to " in explain_request(log_of(router), decision.decision_id)


def test_an_unknown_audience_is_an_error(make_decision: Make) -> None:
    with pytest.raises(InvalidRequestError, match="user, operator or auditor"):
        told(Story(make_decision()), "users")  # type: ignore[arg-type]


def test_calls_that_were_not_made_are_said_to_be_none(make_decision: Make) -> None:
    hops = (Hop(lane="fast", **PLACE, kind="not_allowed"), Hop(lane="own", **PLACE, kind="schema", purpose="answer"))
    more = (Hop(lane="own", **PLACE, purpose="repair", kind="over_budget"),)
    run = Execution(decision_id="dec-1", status="failed", error="over_budget", hops=(*hops, *more))
    text = told(Story(make_decision(), (run,)))
    assert "1. fast: not called, not_allowed; then by on_error own." in text
    assert "it was asked to repair it" in text
    assert "3. own to repair its answer: not called, over_budget; nothing followed." in text
    assert "failed: nothing was left to try (over_budget)" in text


def test_an_outcome_that_was_overtaken_is_still_an_event(make_decision: Make) -> None:
    old = Outcome(decision_id="dec-1", quality=0.2, at=NOW)
    new = old.model_copy(update={"quality": 0.9, "at": NOW + timedelta(hours=1)})
    events = Story(make_decision(), outcomes=(new,), overtaken=(old,)).events()
    assert [event["quality"] for event in events] == [None, 0.2, 0.9]


def test_a_check_that_withheld_an_answer_is_told(make_decision: Make) -> None:
    decision = make_decision()
    check = OutputCheck(
        check_id="chk_1",
        decision_id="dec-1",
        at=NOW,
        action="withhold",
        reason="It holds a credential.",
        guard_state="hit",
        versions=decision.versions,
        policies=[{"id": "no-secrets", "version": "2", "effect": "withhold"}],
    )
    found = Story(decision, checks=(check,))
    assert "withhold. It holds a credential." in told(found)
    assert "policies no-secrets 2" in told(found, "auditor")


def test_the_evidence_of_many_is_the_story_of_each(router: Router) -> None:
    """One row per request, so that a whole day can be asked whether anything is missing."""
    pytest.importorskip("pandas")
    ids = [whole(router), router.predict_route(asked()).decision_id, whole(router)]
    found = list(evidence(log_of(router)))
    assert found == [story(log_of(router), decision_id) for decision_id in ids]
    frame = evidence_frame(log_of(router))
    assert frame["decision_id"].tolist() == ids
    assert frame["missing"].tolist() == [0, 1, 0]
    first = frame.iloc[0]
    assert (first["status"], first["final_lane"], first["executions"], first["calls"]) == ("answered", "own", 2, 3)
    assert (first["failed_calls"], first["writes"], first["approvals"], first["quality"]) == (1, 1, 1, 1.0)
    assert first["context_ids"] == ("doc#1", "doc#2")
    assert (first["tokens_in"], first["tokens_out"]) == (120, 30)
    assert list(evidence(log_of(router), since=datetime.now(UTC) + timedelta(days=1))) == []
