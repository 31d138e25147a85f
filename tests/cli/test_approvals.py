"""What waits for a person can be listed, seen, granted, denied and let expire from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.cli.approvals import decide, expired, seen, waiting
from router_ml.execution.lanes.reply import ToolRequest
from router_ml.execution.reviews.reviews import Reviews, Suspended
from tests.execution.reviewing import PRIVATE, asked, opened, suspended

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    with opened(tmp_path) as router:
        yield router


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of ``router``."""
    return tmp_path / "log.sqlite"


def waits(router: Router, text: str = "Refund order 8812.") -> tuple[Suspended, str]:
    stopped = suspended(router, asked(text))
    step = Reviews(router).ask(stopped, subject="tool", reason="It changes something.", queue="support")
    return stopped, step.approval_id


def test_what_waits_is_listed_with_queue_age_and_expiry(run: Run, router: Router, log: Path) -> None:
    assert run("approvals", "--log", log) == (0, "Nothing waits for a person.\n", "")
    _, name = waits(router)
    code, shown, _ = run("approvals", "--log", log)
    assert code == 0
    for said in (name, "tool refund", "support", "0 min", "60 min", "It changes something."):
        assert said in shown
    (record,) = json.loads(run("approvals", "--log", log, "--json")[1])
    assert (record["approval_id"], record["queue"], record["state"]) == (name, "support", "requested")
    assert [step.approval_id for step in waiting(log=str(log))] == [name]


def test_whoever_decides_sees_what_it_is_about(run: Run, router: Router, log: Path) -> None:
    stopped, name = waits(router)
    shown = run("approvals", "show", name, "--log", log)[1]
    for said in ("Refund order 8812.", "Wants to call refund with:", 'order = "XYZZY-1"', "Expires", "then: deny"):
        assert said in shown
    record = json.loads(run("approvals", "show", name, "--log", log, "--json")[1])
    assert Suspended.from_json(json.dumps(record["waits"])) == stopped


def test_nothing_of_a_call_is_cut_off_and_nothing_repaints_the_terminal(run: Run, router: Router, log: Path) -> None:
    """Whoever agrees to a call has seen all of it."""
    arguments = json.dumps({"note": "x" * 5000, "usd": 1_000_000})
    stopped = replace(
        suspended(router, asked("Refund \x1b[2J order 8812.")), tool_request=ToolRequest("c", "refund", arguments)
    )
    name = Reviews(router).ask(stopped, subject="tool", reason="It changes something.").approval_id
    shown = run("approvals", "show", name, "--log", log)[1]
    assert "usd = 1000000" in shown
    assert shown.count("x") >= 5000
    assert "\x1b" not in shown


def test_a_grant_is_written_and_a_second_decision_is_refused(run: Run, router: Router, log: Path) -> None:
    stopped, name = waits(router)
    said = ("--who", "ada", "--why", "The customer is right.", "--log", log)
    assert run("approvals", "grant", name, *said) == (0, f"{name}: granted by ada.\n", "")
    code, _, errors = run("approvals", "deny", name, *said)
    assert code == 2
    assert f"{name} was granted by ada" in errors
    assert "ada: The customer is right." in run("approvals", "show", name, "--log", log)[1]
    assert Reviews(router).take(name) == stopped
    assert "is over, and was deleted" in run("approvals", "show", name, "--log", log)[1]


def test_a_denial_is_json_where_that_is_asked_for(run: Run, router: Router, log: Path) -> None:
    _, name = waits(router)
    record = json.loads(run("approvals", "deny", name, "--who", "bob", "--why", "No.", "--log", log, "--json")[1])
    assert (record["state"], record["who"], record["why"]) == ("denied", "bob", "No.")


def test_who_and_why_are_required(run: Run, router: Router, log: Path) -> None:
    _, name = waits(router)
    assert run("approvals", "grant", name, "--who", "ada", "--log", log)[0] == 2
    code, _, errors = run("approvals", "grant", name, "--who", "ada", "--why", " ", "--log", log)
    assert code == 2
    assert "why of 0 characters" in errors


def test_private_words_are_not_shown_and_not_granted_from_here(run: Run, router: Router, log: Path) -> None:
    _, name = waits(router, PRIVATE)
    shown = run("approvals", "show", name, "--log", log)[1]
    assert "Its words are private" in shown
    assert "ann.smith" not in shown
    code, _, errors = run("approvals", "grant", name, "--who", "ada", "--why", "Fine.", "--log", log)
    assert code == 2
    assert "Grant it there" in errors
    assert decide(name, False, who="ada", why="Not seen.", log=str(log)).state == "denied"


def test_what_nobody_looked_at_expires(run: Run, router: Router, log: Path) -> None:
    _, name = waits(router)
    assert run("approvals", "expire", "--log", log) == (0, "Nothing has expired.\n", "")
    late = datetime.now(UTC) + timedelta(hours=2)
    assert [step.state for step in expired(log=str(log), now=late)] == ["expired"]
    assert json.loads(run("approvals", "expire", "--log", log, "--json")[1]) == []
    assert seen(name, log=str(log)).approval.state == "expired"
    _, other = waits(router)
    Reviews(router).decide(other, False, who="ada", why="No.")


def test_an_id_that_is_not_known_is_an_error(run: Run, router: Router, log: Path) -> None:
    router.predict_route(asked())
    code, _, errors = run("approvals", "show", "apr_unknown", "--log", log)
    assert code == 2
    assert "No approval apr_unknown is known" in errors
