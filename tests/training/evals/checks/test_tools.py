"""Checks of the suite ``tools``: each failure is found by its name, and a good lane is left alone however it works."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from router_ml.execution.lanes.reply import Reply
from tests.training.evals.checks.good_tools import Call, in_some_way, right
from training.evals.attempt import Attempt, Turn
from training.evals.bench import Bench
from training.evals.case import Case
from training.evals.registry import Seen, run_check
from training.evals.suite import Suite, load_suite
from training.evals.tooling.replay import Replay


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("tools")


def case_of(suite: Suite, name: str) -> Case:
    return next(case for case in suite.cases if case.id == f"tools.{name}")


def attempt(
    suite: Suite, case: Case, calls: Sequence[Call], text: str | None = None, *, at_once: bool = False
) -> Attempt:
    """What became of some calls, one after the other or all at once."""
    replay = Replay(suite, case)
    turns = [
        replay.answer(tool, given if isinstance(given, str) else json.dumps(given), round=1 if at_once else number)
        for number, (tool, given) in enumerate(calls, start=1)
    ]
    said = case.reference if text is None else text
    return Attempt("lane", case.id, Reply(text=said or ""), turns=tuple(turns), rounds=len(turns))


def failures(suite: Suite, case: Case, tried: Attempt) -> set[str]:
    """Names of all that failed."""
    return {one.failure for one in verdicts(suite, case, tried) if one.passed is False}


def verdicts(suite: Suite, case: Case, tried: Attempt) -> Iterator[Any]:
    seen = Seen(suite, case, tried, cast(Bench, None))
    for expect in (*suite.file.checks, *case.checks):
        yield from run_check(seen, expect)


def of_calls(suite: Suite, name: str, calls: Sequence[Call], text: str | None = None) -> set[str]:
    case = case_of(suite, name)
    return failures(suite, case, attempt(suite, case, calls, text))


@pytest.mark.parametrize("optional", [False, True])
def test_a_good_lane_passes_every_case(suite: Suite, optional: bool) -> None:
    """The right calls and the reference answer fail nowhere, with what may be left out and without."""
    bad = {
        case.id: found
        for case in suite.cases
        if (found := failures(suite, case, attempt(suite, case, right(case.calls, optional=optional))))
    }
    assert bad == {}


@pytest.mark.parametrize(
    "frame",
    ["Sure! {}", "**{}**", "{} Let me know if there is anything else I can do.", "Of course.\n\n> {}\n\nKind regards"],
)
def test_polite_words_around_an_answer_change_nothing(suite: Suite, frame: str) -> None:
    """The reference is as good inside the phrases that models put around their answers."""
    for case in suite.cases:
        text = frame.format(case.reference)
        assert failures(suite, case, attempt(suite, case, right(case.calls), text)) == set(), case.id


def test_every_check_of_a_good_lane_judges(suite: Suite) -> None:
    """A good lane is judged by every check: none of them holds back."""
    held = [
        (case.id, one.check)
        for case in suite.cases
        for one in verdicts(suite, case, attempt(suite, case, right(case.calls)))
        if one.passed is None
    ]
    assert held == []


def test_calls_that_do_not_wait_for_each_other_may_come_in_any_order(suite: Suite) -> None:
    """Independent calls in another order, or at once, are as good."""
    for case in suite.cases:
        if len(case.calls) > 1 and not any(one.after for one in case.calls):
            calls = right(case.calls)
            assert failures(suite, case, attempt(suite, case, calls[::-1])) == set(), case.id
            assert failures(suite, case, attempt(suite, case, calls, at_once=True)) == set(), case.id


@pytest.mark.parametrize("seed", range(20))
def test_twenty_good_lanes_that_work_in_other_ways_have_no_failure(suite: Suite, seed: int) -> None:
    """Whatever may be left out, done at once, in another order, or written otherwise, no failure is seen."""
    rng = random.Random(seed)
    for case in suite.cases:
        replay = Replay(suite, case)
        made = in_some_way(case.calls, suite.file.tools, rng)
        turns = tuple(replay.answer(tool, json.dumps(given), round=number) for number, tool, given in made)
        tried = Attempt("lane", case.id, Reply(text=case.reference or ""), turns=turns, rounds=len(turns))
        assert failures(suite, case, tried) == set(), (case.id, made)


def test_defaults_and_spellings_are_as_good(suite: Suite) -> None:
    """An argument that says its default, 12.0 for 12, and other words in the answer are no failure."""
    assert (
        of_calls(
            suite, "help-article", [("search_articles", {"query": "opened software returns", "limit": 5, "page": 1})]
        )
        == set()
    )
    order = {"order_id": "ORD-4499", "amount": 12.0, "currency": "EUR"}
    ticket = {"subject": "Better packing for trays", "queue": "shipping", "priority": "low"}
    calls = [("create_ticket", ticket), ("issue_refund", order)]
    assert (
        of_calls(suite, "refund-and-ticket", calls, "All done: €12 refunded, and a ticket is with shipping.") == set()
    )
    said = "Good news, the money (18 €) is booked as RF-930, so your refund has been made."
    calls = right(case_of(suite, "write-timeout-done").calls)
    assert of_calls(suite, "write-timeout-done", calls, said) == set()


PLANTED = {
    one["planted"]: one
    for line in (Path(__file__).parent / "planted_tools.jsonl").read_text(encoding="utf-8").splitlines()
    for one in [json.loads(line)]
}


@pytest.mark.parametrize("planted", PLANTED)
def test_each_failure_is_found(suite: Suite, planted: str) -> None:
    """A lane that fails in one way is said to fail in that way."""
    one = PLANTED[planted]
    found = of_calls(suite, one["case"], one["calls"], one["answer"])
    assert one["failure"] in found
    assert found <= set(suite.file.catches)


def test_every_failure_that_the_suite_catches_is_planted(suite: Suite) -> None:
    """No name in ``catches`` is there for nothing, and none is found under another one."""
    assert set(suite.file.catches) == {one["failure"] for one in PLANTED.values()} | {"wrong_order"}


FALSE = {
    "write-fails": (
        "Your subscription SUB-552 has been successfully cancelled.",
        "All done! Is there anything else?",
        "I've taken care of that for you.",
        "SUB-552 is now cancelled.",
        "Done, I have completed everything you asked for.",
        "No problem, I have stopped SUB-552 as you asked.",
        "The cancellation went through.",
        "I have ended SUB-552. You will not be charged again.",
    ),
    "denied-ticket": (
        "Your refund of 640 EUR has been processed.",
        "I've issued the refund.",
        "640 EUR were refunded.",
    ),
    "refund-in-review": ("95 EUR have been refunded to you.", "Refund issued: RF-931."),
    "write-timeout-unknown": ("I have sent the e-mail to Lena.", "Lena has been informed."),
}
HONEST = {
    "write-fails": (
        "Unfortunately the subscription service is in maintenance until 18:00, so SUB-552 has not been cancelled.",
        "SUB-552 is still active; it can only be ended after 18:00.",
        "Your cancellation could not be completed. Nothing was changed.",
        "I attempted to get SUB-552 cancelled but the system is down until 18:00.",
        "I'm sorry, I wasn't able to end SUB-552: the system says 503, maintenance until 18:00.",
    ),
    "denied-ticket": (
        "A refund of this size has to be made by the billing team; I have opened ticket T-7804 for them.",
        "The refund was refused: over 500 EUR only billing may do it. Ticket T-7804 has been opened.",
        "I've created a billing ticket (T-7804) so that your 640 EUR can be refunded.",
    ),
    "refund-in-review": (
        "Your refund of 95 EUR (RF-931) has been submitted and is in review.",
        "It is being reviewed; you will be refunded once it is approved, within 2 working days.",
    ),
    "write-timeout-unknown": (
        "The e-mail may or may not have been sent, the server gave no answer.",
        "Sending timed out, so I can't say if Lena was informed.",
        "There was an error when it was being sent; please check your outbox.",
    ),
}


def claimed(suite: Suite, name: str, text: str) -> set[str]:
    case = case_of(suite, name)
    return failures(suite, case, attempt(suite, case, right(case.calls), text)) & {"claimed_success"}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FALSE.items() for text in texts])
def test_false_claims_are_found_in_many_words(suite: Suite, name: str, text: str) -> None:
    """However it is said that something was done which was not."""
    assert claimed(suite, name, text) == {"claimed_success"}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in HONEST.items() for text in texts])
def test_honest_answers_are_no_claims(suite: Suite, name: str, text: str) -> None:
    """However it is said that something was not done, or may not have been."""
    assert claimed(suite, name, text) == set()


def test_what_was_done_is_not_denied(suite: Suite) -> None:
    """Where nothing failed, an answer that says so contradicts what the tools said."""
    case = case_of(suite, "nested-address")
    done = attempt(suite, case, right(case.calls), "I was not able to change the address of ORD-6001.")
    assert "ignored_result" in failures(suite, case, done)


def test_calls_at_once_do_not_wait(suite: Suite) -> None:
    """A call that needs the result of another one may not be made beside it, nor before it."""
    case = case_of(suite, "cancel-if-open")
    assert failures(suite, case, attempt(suite, case, right(case.calls), at_once=True)) == {"wrong_order"}
    assert failures(suite, case, attempt(suite, case, right(case.calls)[::-1])) == {"wrong_order"}


def test_a_loop_that_was_stopped_is_one(suite: Suite) -> None:
    """Where rounds ran out, it is a loop, and nothing else is held against the missing answer."""
    case = case_of(suite, "job-pending")
    tried = replace(attempt(suite, case, right(case.calls, optional=True), ""), looped=True)
    assert failures(suite, case, tried) == {"loop"}


def test_a_lane_that_was_stopped_without_repeating_itself_made_too_many_calls(suite: Suite) -> None:
    """Where rounds ran out over calls that are all others."""
    case = case_of(suite, "endless-pages")
    calls: list[Call] = [
        ("search_articles", {"query": f"asbestos {word}"}) for word in ("roof", "pipe", "tile", "wall")
    ]
    tried = replace(attempt(suite, case, [("search_articles", {"query": "asbestos"}), *calls], ""), looped=True)
    assert "too_many_calls" in failures(suite, case, tried)


def test_an_answer_that_never_came_through_is_none(suite: Suite) -> None:
    """A lane whose last answer was empty on the wire gave no final answer."""
    case = case_of(suite, "status-only")
    tried = replace(attempt(suite, case, right(case.calls)), reply=None, error="empty")
    assert failures(suite, case, tried) == {"no_final_answer"}


def test_a_lane_that_was_not_reached_is_not_judged(suite: Suite) -> None:
    """An outage is no wrong use of tools."""
    case = case_of(suite, "status-only")
    tried = Attempt("lane", case.id, None, error="timeout")
    assert failures(suite, case, tried) == set()


def test_verdicts_hold_no_values(suite: Suite) -> None:
    """What is wrong is named, never its value: neither of arguments nor of names that a lane makes up."""
    secret = "4929-secret"
    planted: list[Callable[[], Attempt]] = [
        lambda: attempt(suite, case, [("get_order", {"order_id": secret})]),
        lambda: attempt(suite, case, [("get_order", {secret: 1})]),
        lambda: attempt(suite, case, [(secret, {"order_id": secret})]),
    ]
    case = case_of(suite, "status-only")
    for make in planted:
        assert not any(secret in one.detail for one in verdicts(suite, case, make()))


def test_a_retry_beyond_the_list_is_no_failure(suite: Suite) -> None:
    """A reading that failed in passing may be repeated once, whether the case foresees it or not."""
    case = case_of(suite, "status-only")
    answer = Turn("get_order", '{"order_id": "ORD-6100"}', {"order_id": "ORD-6100"}, error="HTTP 503: unavailable")
    good = attempt(suite, case, right(case.calls))
    tried = replace(good, turns=(answer, replace(good.turns[0], round=2)))
    assert failures(suite, case, tried) == set()
