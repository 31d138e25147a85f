"""Traces become cases that a lane which does the same again passes, and faults change what is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from typer.testing import CliRunner

from router_ml.contract import Execution, ToolCall
from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.reply import Reply
from router_ml.storage.database import entries
from router_ml.storage.eventlog import EventLog
from training.evals.__main__ import build
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.case import Case
from training.evals.registry import Seen, run_check
from training.evals.suite import Suite, load_suite
from training.evals.tooling.from_trace import Cell, of_conversation, of_execution, with_fault
from training.evals.tooling.replay import Replay

AT = datetime(2026, 11, 12, tzinfo=UTC)
CELL = Cell("trace.one", "action", "support")


def asked(tool: str, identifier: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": identifier, "type": "function", "function": function}],
    }


CONVERSATION: list[dict[str, Any]] = [
    {"role": "user", "content": "Refund what Mira paid for her last order."},
    asked("find_user", "a", name="Mira"),
    {"role": "tool", "tool_call_id": "a", "content": '{"customer_id": "CUS-204", "last": "ORD-6620"}'},
    asked("issue_refund", "b", order_id="ORD-6620", amount=40, currency="EUR"),
    {"role": "tool", "tool_call_id": "b", "content": '{"status": "accepted"}'},
    {"role": "assistant", "content": "40 EUR have been refunded."},
]


def failures(suite: Suite, case: Case, *, without: int | None = None, answer: str | None = None) -> set[str]:
    """What is wrong with a lane that makes the right calls, but for one."""
    replay = Replay(suite, case)
    calls = [one for place, one in enumerate(case.calls) if place != without and not one.optional]
    turns = tuple(
        replay.answer(one.tool, json.dumps(one.arguments), round=number) for number, one in enumerate(calls, start=1)
    )
    text = answer or case.reference or "I do not know."
    seen = Seen(suite, case, Attempt("lane", case.id, Reply(text=text), turns=turns), cast(Bench, None))
    return {one.failure for expect in suite.file.checks for one in run_check(seen, expect) if one.passed is False}


def test_a_conversation_is_replayed() -> None:
    """What was asked, what tools said, what was answered; the id that came from a result has to be waited for."""
    case = of_conversation(CONVERSATION, cell=CELL)
    assert case.messages[0].text == "Refund what Mira paid for her last order."
    assert [step.result for step in case.script] == [
        {"customer_id": "CUS-204", "last": "ORD-6620"},
        {"status": "accepted"},
    ]
    assert [call.after for call in case.calls] == [(), (0,)]
    assert case.reference == "40 EUR have been refunded."
    assert failures(load_suite("tools"), case) == set()


def test_only_what_follows_the_last_question_is_replayed() -> None:
    """Earlier rounds stay what they were: messages before the question."""
    later = [
        *CONVERSATION,
        {"role": "user", "content": "And end SUB-310."},
        asked("cancel_subscription", "c", subscription_id="SUB-310"),
        {"role": "tool", "tool_call_id": "c", "content": '{"error": "HTTP 503; nothing was done"}'},
    ]
    case = of_conversation(later, cell=CELL)
    assert len(case.messages) == 7
    assert [(step.tool, step.error) for step in case.script] == [("cancel_subscription", "HTTP 503; nothing was done")]
    assert case.reference is None


def test_a_reading_that_fails_in_passing_has_to_be_repeated() -> None:
    """With such a fault a lane that reads again passes, and one that stops does not."""
    case = of_conversation(CONVERSATION, cell=CELL)
    broken = with_fault(case, step=1, error="no answer within 10000 ms", effects={"find_user": "read"})
    assert (broken.id, broken.cluster) == ("trace.one.fault1", "trace.one")
    suite = load_suite("tools")
    assert [call.after for call in broken.calls] == [(), (0,), (1,)]
    assert failures(suite, broken) == set()
    assert failures(suite, broken, without=1) == {"no_retry"}


def test_a_write_that_fails_may_not_be_claimed() -> None:
    """After a fault in a write no answer is known to be right, but one that claims success is wrong."""
    case = of_conversation(CONVERSATION, cell=CELL)
    broken = with_fault(case, step=2, error="permission denied", effects={"issue_refund": "write"})
    assert broken.reference is None
    suite = load_suite("tools")
    assert failures(suite, broken) == set()
    assert failures(suite, broken, answer="I have refunded 40 EUR.") == {"claimed_success"}


def test_an_execution_is_replayed_without_what_was_never_made() -> None:
    """Calls that were refused or wrong are no part of what is right."""
    done = ToolCall(name="get_order", version="1", arguments={"order_id": "ORD-6100"}, result={"status": "open"})
    refused = ToolCall(name="issue_refund", version="2", status="refused", error="called 1 times")
    case = of_execution(Execution(decision_id="d-1", tool_calls=(refused, done)), ask="Where is ORD-6100?", cell=CELL)
    assert [call.tool for call in case.calls] == ["get_order"]
    assert failures(load_suite("tools"), case) == set()


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ([{"role": "nobody", "content": "x"}], "OpenAI shape"),
        ([{"role": "assistant", "content": "x"}], "message of a user"),
        (CONVERSATION[:1], "no call of a tool"),
        (CONVERSATION[:2], "no message of role tool"),
    ],
)
def test_what_is_no_trace_says_why(said: list[dict[str, Any]], names: str) -> None:
    """An error says what a conversation lacks."""
    with pytest.raises(OfflineDataError, match=names):
        of_conversation(said, cell=CELL)


def test_a_log_without_words_cannot_be_replayed() -> None:
    """Digests in the place of arguments are found out, not replayed."""
    call = ToolCall(name="get_order", version="1", arguments={"digest": "ab"}, result={"digest": "cd"})
    with pytest.raises(OfflineDataError, match="only digests"):
        of_execution(Execution(decision_id="d-1", tool_calls=(call,)), ask="?", cell=CELL)


def test_the_command_writes_a_suite_that_can_be_run(tmp_path: Path) -> None:
    """A conversation and its twin with a fault, in a suite that loads; the same trace again takes its place."""
    names = ("find_user", "issue_refund")
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    path = tmp_path / "mira.json"
    path.write_text(json.dumps({"messages": CONVERSATION, "tools": tools}), encoding="utf-8")
    out = tmp_path / "traces"
    given = ["trace", str(path), "--out", str(out), "--intent", "action", "--domain", "support"]
    for more in ([], [], ["--fail", "2", "--error", "HTTP 500"]):
        ran = CliRunner().invoke(build(), [*given, *more])
        assert ran.exit_code == 0, ran.output
    suite = load_suite(out)
    assert [case.id for case in suite.cases] == ["trace.mira", "trace.mira.fault2"]
    assert set(suite.file.tools) == {"find_user", "issue_refund"}
    assert failures(suite, suite.cases[0]) == set()


def test_the_command_takes_an_execution_from_the_log(tmp_path: Path) -> None:
    """By the id of its decision, with what was asked given beside it; without that, or without one, it says why."""
    call = ToolCall(name="get_order", version="1", arguments={"order_id": "ORD-6100"}, result={"status": "open"})
    log, out = tmp_path / "log.db", tmp_path / "logged"
    with EventLog(log) as events:
        events.write([entries.of_execution(Execution(execution_id="e-1", decision_id="d-1", tool_calls=(call,)), AT)])
    suite = yaml.safe_load((load_suite("tools").folder / "suite.yaml").read_text(encoding="utf-8"))
    (out / "suite.yaml").parent.mkdir()
    kept = {**suite, "name": "logged", "cases": ["cases.jsonl"]}
    (out / "suite.yaml").write_text(yaml.safe_dump(kept), encoding="utf-8")
    given = ["trace", "d-1", "--log", str(log), "--out", str(out), "--intent", "qa", "--domain", "support"]
    ran = CliRunner().invoke(build(), [*given, "--ask", "Where is ORD-6100?"])
    assert ran.exit_code == 0, ran.output
    assert [step.result for step in load_suite(out).cases[0].script] == [{"status": "open"}]
    assert "--ask" in str(CliRunner().invoke(build(), given).exception)
    other = CliRunner().invoke(build(), ["trace", "d-2", *given[2:], "--ask", "x"])
    assert "no execution of d-2" in str(other.exception)
