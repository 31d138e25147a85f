"""What was counted is not counted again before it may have changed, and what was not is said to be missing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from router_ml.serve.console.traffic.watching import Answers, Slices

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_slices_that_may_have_changed_are_counted_again() -> None:
    clock, loaded = Clock(), []
    slices = Slices(clock=clock)

    def load(start: datetime, _: datetime) -> int:
        loaded.append(start)
        return start.hour

    def count(end: datetime) -> tuple[int, ...]:
        return slices.count("q", load, start=end - 5 * HOUR, end=end, step=HOUR, seconds=1.0).found

    assert count(NOON) == (12, 11, 10, 9, 8, 7)
    loaded.clear()
    clock.now = 5.0
    assert count(NOON + timedelta(seconds=5)) == (12, 11, 10, 9, 8, 7)
    assert loaded == [NOON, NOON - HOUR]
    loaded.clear()
    clock.now = 3 * 3600.0
    count(NOON)
    assert len(loaded) == 6, "what came late is seen in the end"


def test_what_the_time_did_not_allow_comes_with_the_next_look() -> None:
    clock = Clock()
    slices = Slices(clock=clock)

    def slow(start: datetime, _: datetime) -> int:
        clock.now += 0.6
        return start.hour

    def count() -> tuple[tuple[int, ...], bool]:
        found = slices.count("q", slow, start=NOON - 5 * HOUR, end=NOON, step=HOUR, seconds=1.0)
        assert found.since == NOON - (len(found.found) - 1) * HOUR
        return found.found, found.whole

    assert count() == ((12, 11, 10), False)
    seen = [count() for _ in range(8)]
    assert seen[-1] == ((12, 11, 10, 9, 8, 7), True)
    assert [len(found) for found, _ in seen] == sorted(len(found) for found, _ in seen)


def test_an_answer_rests_for_as_long_as_it_took_many_times_over() -> None:
    clock, asked = Clock(), []
    answers = Answers(clock=clock)

    def ask() -> int:
        asked.append(clock.now)
        clock.now += 1.0
        return len(asked)

    assert answers.of("q", ask) == 1
    clock.now += 9.0
    assert answers.of("q", ask) == 1
    clock.now += 2.0
    assert answers.of("q", ask) == 2
    assert answers.of("other", ask) == 3


def test_whoever_asks_meanwhile_gets_the_last_answer_at_once() -> None:
    clock = Clock()
    answers = Answers(clock=clock)
    assert answers.of("q", lambda: "old") == "old"
    clock.now = 100.0
    began, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        assert may_end.wait(10)
        return "new"

    thread = threading.Thread(target=lambda: answers.of("q", slow))
    thread.start()
    assert began.wait(10)
    assert answers.of("q", lambda: "never") == "old"
    may_end.set()
    thread.join(10)
    assert answers.of("q", lambda: "never") == "new"
