"""A summary says of each suite and lane what passed, what failed, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.training.evals.reporting.conftest import NOON
from training.evals.attempt import Attempt
from training.evals.reporting.summary import Summary, summarise
from training.evals.reporting.words import notes, verdict
from training.evals.result import Result, Verdict
from training.evals.running.record import RunRecord, RunSettings

MakeResult = Callable[..., Result]
Make = Callable[..., Any]


def test_failures_have_their_sentence_and_their_alarm(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """What is tolerated does not alarm, what is not does, and each says what it means."""
    suite = make_suite([make_case(number) for number in range(40)], tolerated={"slow": 0.2})
    results = [make_result(number, failure="slow" if number < 4 else None) for number in range(39)]
    results.append(make_result(39, failure="wrong_shape"))
    (row,) = summarise(results, [suite]).rows
    by_name = {one.name: one for one in row.failures}
    assert (row.share.n, row.share.passed) == (40, 35)
    assert by_name["slow"].means == "It took too long."
    assert [one.name for one in row.alarms] == ["wrong_shape"]
    assert by_name["wrong_shape"].cases == ("case-39",)


def test_what_could_not_be_judged_or_was_not_asked_is_told(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """Neither counts as passed or failed; both are counted."""
    suite = make_suite([make_case(number) for number in range(10)])
    results = [make_result(number, judged=number > 0) for number in range(6)]
    (row,) = summarise(results, [suite]).rows
    assert (row.share.n, row.not_judged, row.left_out) == (5, 1, 4)


def test_routes_are_told_apart(make_result: MakeResult, make_case: Make, make_suite: Make) -> None:
    """A share per route shows the one that fails, and its failures by name."""
    cases = [make_case(number, domain="hr" if number % 2 else "legal") for number in range(8)]
    results = [make_result(case=case, failure="wrong_shape" if case.domain == "legal" else None) for case in cases]
    (row,) = summarise(results, [make_suite(cases)]).rows
    routes = {part.name: part for part in row.parts if part.by == "route"}
    assert routes["hr_qa_low"].share.value == 1.0
    assert routes["legal_qa_low"].share.value == 0.0
    assert routes["legal_qa_low"].failures == {"wrong_shape": 4}


def test_money_time_and_missing_answers_are_added_up(make_result: MakeResult) -> None:
    """An answer whose cost nobody said is counted apart, not as free; a lane that gave none says why."""
    silent = Attempt("balanced", "case-9", None, error="timeout", latency_ms=900.0, retries=2)
    results = [make_result(number) for number in range(3)]
    results.append(make_result(9, attempt=silent, failure="no_answer"))
    (row,) = summarise(results, []).rows
    assert row.costs.usd == pytest.approx(0.006)
    assert row.costs.judges_usd == pytest.approx(0.004)
    assert (row.costs.unpriced, row.costs.retries, row.errors) == (1, 2, {"timeout": 1})
    assert row.costs.p50_ms is not None
    assert row.costs.p95_ms is not None
    assert row.costs.p50_ms < row.costs.p95_ms


def test_what_shows_in_many_results_only_alarms_for_its_lane(make_result: MakeResult) -> None:
    """A check across results has weighed chance itself: where it fails, its lane has an alarm, and no other."""
    results = [make_result(0), make_result(0, lane="fast")]
    verdict = Verdict("p95", False, failure="slow", detail="p95 of 9 s", lane="fast")
    found = summarise(results, [], across={"contract": [verdict]})
    assert [(row.lane, one.name) for row, one in found.alarms] == [("fast", "slow")]


def test_a_suite_that_says_nothing_of_quality_has_none(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """A slow answer is not a worse one."""
    suite = make_suite([make_case(0)], quality=False)
    (row,) = summarise([make_result(0, failure="slow")], [suite]).rows
    assert row.quality is None


def test_alarms_are_of_all_tests_of_a_lane(make_result: MakeResult, make_case: Make, make_suite: Make) -> None:
    """What rings where it is the only test may be chance among many; other lanes change nothing, and how many tests
    there were is said."""
    cases = [make_case(number) for number in range(65)]

    def found(tests: int, lanes: int = 1) -> Summary:
        tolerated = {"slow": 0.01} | {f"other-{at}": 0.01 for at in range(1, tests)}
        results = [
            make_result(number, lane=f"lane-{lane}", failure="slow" if lane == 0 and number < 4 else None)
            for number in range(65)
            for lane in range(lanes)
        ]
        catches = dict.fromkeys(tolerated, "It fails.")
        return summarise(results, [make_suite(cases, catches=catches, tolerated=tolerated)])

    assert [(one.tests, len(one.alarms)) for one in (found(1), found(1, lanes=3), found(12))] == [
        (1, 1),
        (3, 1),
        (12, 0),
    ]


def test_a_lane_of_which_nothing_was_heard_is_no_good_news(make_result: MakeResult) -> None:
    """Down all the time, or never asked since its key was refused: neither is an alarm, both are said first. What the
    rules keep from a lane is as it should be."""

    def silent(lane: str, error: str) -> Result:
        attempt = Attempt(lane, "case-0", None, error=error)  # type: ignore[arg-type]
        return make_result(0, lane=lane, judged=False, attempt=attempt)

    record = RunRecord(
        run="run-1",
        started=NOON,
        status="partial",
        suites=(),
        arms=(),
        settings=RunSettings(),
        left_out={"contract": {"locked": {"authentication": 9}, "fast": {"budget": 2}}},
        put_off={"over_budget": 3},
        broken={"similar": 4},
    )
    results = [make_result(0, lane="fast"), silent("down", "connection"), silent("kept", "not_allowed")]
    found = summarise(results, [], record=record)
    assert found.unheard == (("contract", "down"), ("contract", "locked"))
    assert "contract on down, contract on locked" in verdict(found)
    said = " ".join(notes(found))
    for part in ("9 (authentication)", "2 (budget)", "3 answers wait to be judged", "similar broke 4 times"):
        assert part in said
    assert found.undone
    plain = record.model_copy(update={"left_out": {}, "broken": {}})
    assert not summarise([make_result(0)], [], record=plain).undone, "money that ran out is no failure"
    unasked = summarise([make_result(0)], [], record=plain.model_copy(update={"put_off": {"authentication": 1}}))
    assert unasked.undone, "a judge that cannot be called judges nothing, whatever other checks say"
    assert "(authentication): the same command goes on with them." in " ".join(notes(unasked))
