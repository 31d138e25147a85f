"""The good lane of the benchmarks answers every case, in other words with each seed; what is planted into it spoils
what it says it spoils, and the suites hear it. Checks are none of this module's business: it looks at alarms."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evals.lanes.finding import Book
from benchmarks.evals.lanes.played import Asking
from benchmarks.evals.lanes.player import Player, good
from benchmarks.evals.lanes.shaping import as_json, cited
from benchmarks.evals.measure import four_lanes, needed
from benchmarks.evals.planted.known import BY_NAME, FAILURES, LANES
from benchmarks.evals.second import known
from benchmarks.evals.second.styles import STYLES, Styled
from benchmarks.evals.setting import stage
from router_ml.faults.asked import read_openai
from training.evals.asking.prompts import conversation
from training.evals.suite import NAMES, Suite, load_suite


@cache
def suites() -> dict[str, Suite]:
    """All suites, read once."""
    return {name: load_suite(name) for name in NAMES}


@cache
def book() -> Book:
    """All cases."""
    return Book(suites().values())


def asking(suite: str, case: str) -> Asking:
    """One case."""
    return Asking(suites()[suite], next(one for one in suites()[suite].cases if one.id == case))


def asked_of(one: Asking, *results: str) -> dict[str, object]:
    """The body of a request for a case, after some results of tools."""
    messages: list[dict[str, object]] = [dict(message) for message in conversation(one.suite, one.case)]
    for at, result in enumerate(results):
        call = {"id": f"c{at}", "type": "function", "function": {"name": "any", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{at}", "content": result})
    return {"model": "healthy", "messages": messages}


def test_every_case_is_found_by_what_is_sent() -> None:
    """Else the lane would answer another case, and the measurement would be about nothing."""
    for one in book().all:
        found = book().find(read_openai(asked_of(one)))
        assert found is not None
        assert found.key == one.key


def test_same_seed_same_answer_other_seed_other_words() -> None:
    """A measurement can be made again, and twenty of them are not one."""
    said = {seed: [good(one, seed=seed) for one in book().all] for seed in (1, 1, 2)}
    assert said[1] == [good(one, seed=1) for one in book().all]
    assert sum(one != other for one, other in zip(said[1], said[2], strict=True)) > len(said[1]) // 2


def test_json_keeps_its_value() -> None:
    """Spaces and the order of keys are all that is varied: a good lane stays right."""
    for one in book().all:
        if one.is_json:
            for seed in range(5):
                assert json.loads(as_json(one.reference, random.Random(seed))) == json.loads(one.reference)


@settings(max_examples=30)
@given(st.integers(0, 200))
def test_citations_are_moved_and_not_lost(seed: int) -> None:
    """Behind the full stop or before it, but there."""
    moved = cited("It is 5 per cent [a#1]. It is not [b#2, c#3].", random.Random(seed))
    assert "[a#1]" in moved
    assert "[b#2, c#3]" in moved


def test_calls_come_before_the_answer() -> None:
    """A lane that looks up, waits for what it is told, and then says it."""
    one = asking("tools", "tools.cancel-if-open")
    player = Player(book(), seed=3)
    told: list[str] = []
    called: list[str] = []
    for _ in range(4):
        fault, said = player.play(read_openai(asked_of(one, *told)))
        if fault.kind != "good" or said is None:
            continue
        if not said.calls:
            assert "ORD-5333" in said.text
            break
        called += [name for name, _ in said.calls]
        told += ["{}" for _ in said.calls]
    assert called == ["get_order", "cancel_order"]


def test_failures_spoil_cases_of_their_suite_only() -> None:
    """Each some, by names that the suite knows, and none of another suite: the others must not ring."""
    for suite in (one for name, one in suites().items() if name != "groundedness"):
        first = Asking(suite, next(case for case in suite.cases if case.decided is None))
        other = asking("groundedness", "g001")
        for one in FAILURES:
            if one.suite == suite.name:
                assert one.spoilt(first, seed=0), one.name
                assert set(one.catches) <= set(suite.file.catches), one.name
                assert one.bent(other, good(other, seed=0), seed=0) == good(other, seed=0)


def test_an_alarm_needs_more_where_more_is_tested() -> None:
    """What is said to be needed is what rings: by all tests of a lane together."""
    groundedness = suites()["groundedness"]
    assert [needed(groundedness, ["unsupported"], tests=tests) for tests in (1, 7, 19)] == [26, 27, 29]
    assert needed(suites()["safety"], ["complied"], tests=0) == 1, "what is not tolerated needs one"


@pytest.mark.slow
def test_the_second_author_s_failures_spoil_what_they_say() -> None:
    """Each some cases, under names of its suite; a weaker one spoils no more than a stronger one."""
    for name, suite in suites().items():
        first = Asking(suite, next(case for case in suite.cases if case.decided is None))
        spoilt: dict[str, int] = {}
        for one in (failure for failure in known.FAILURES if failure.suite == name):
            kind, found = one.name.rpartition(" ")[0], len(one.spoilt(first, seed=0))
            assert 0 < found <= spoilt.get(kind, len(suite.cases)), one.name
            assert set(one.catches) <= set(suite.file.catches), one.name
            spoilt[kind] = found


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_the_good_lane_in_other_words(style: str) -> None:
    """It makes the same calls and keeps the value of JSON; most answers that are free to are put in its own way."""
    changed = 0
    for one in book().all:
        plain, said = good(one, seed=0), Styled(book(), style).played(one)
        changed += said.text != plain.text
        assert said.batches == plain.batches
        assert not one.is_json or set(json.loads(said.text)) == set(json.loads(plain.text))
    assert changed > 50


def test_one_failure_at_most_spoils_a_case() -> None:
    """Else nobody could say which of them was heard."""
    planted = [BY_NAME["contract: declines"], BY_NAME["contract: says nothing"]]
    player = Player(book(), planted=planted)
    for one in book().all:
        if one.suite.name == "contract":
            name = player.failure_in(one)
            played = player.played(one)
            assert (played == good(one, seed=0)) == (name is None)
            assert name != "contract: declines" or "can't help" in played.text


@pytest.mark.slow
def test_four_lanes() -> None:
    """The good lane is quiet on all suites; of what is planted into the three others nearly all is heard, by name."""
    with stage() as there:
        seen, false = four_lanes(there, seed=2)
    assert [one for one in false if one.lane == "healthy"] == []
    assert len(seen) == sum(map(len, LANES.values())) >= 30
    unheard = {one.failure for one in seen if not one.named}
    assert len(unheard) <= 3, unheard
    assert all(any(one.named for one in seen if one.suite == name) for name in NAMES)
