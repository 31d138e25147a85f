"""What somebody types is a search or a plain word of what is wrong; the axis of a run holds all of its calls."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jinja2", reason="needs the extra 'serve'")

from router_ml.contract import Execution, Hop
from router_ml.errors import InvalidRequestError
from router_ml.serve.background import Background
from router_ml.serve.console.records.approvals import shown_whole
from router_ml.serve.console.records.search import looked_for
from router_ml.serve.console.records.timeline import run_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.text(max_size=200), st.sampled_from([None, "acme"]))
def test_no_query_leads_beyond_the_own_organisation(query: str, org: str | None) -> None:
    with suppress(InvalidRequestError):
        assert org is None or looked_for(query, org=org, now=NOW).org == org


@given(st.sampled_from(["org:globex", "ORG:globex", "'org:globex'", "org:'globex'", "org:acme org:globex"]))
def test_another_organisation_cannot_be_named(query: str) -> None:
    with pytest.raises(InvalidRequestError):
        looked_for(query, org="acme", now=NOW)


@pytest.mark.parametrize("query", ["class:", "org:", "tier:high lane:", "since:''", "id: ", "'org: '"])
def test_a_name_without_a_value_is_not_left_out_in_silence(query: str) -> None:
    with pytest.raises(InvalidRequestError, match="needs a value"):
        looked_for(query, org=None, now=NOW)


hops = st.lists(st.tuples(st.none() | st.integers(-5000, 100_000), st.floats(0, 1e5)), max_size=8)


@given(hops)
def test_calls_lie_on_the_axis_of_theirrun_of(said: list[tuple[int | None, float]]) -> None:
    made = tuple(
        Hop(
            lane="fast",
            provider="p",
            region="eu",
            boundary="vendor",
            at=None if at is None else NOW + timedelta(milliseconds=at),
            latency_ms=took,
        )
        for at, took in said
    )
    run = run_of(Execution(decision_id="dec-1", hops=made))
    assert len(run.calls) == len(made)
    assert all(one.start >= 0 and one.width > 0 and one.start + one.width <= 1 + 1e-9 for one in run.calls)


@given(st.text())
def test_nothing_hides_in_what_a_person_decides_on(text: str) -> None:
    shown = shown_whole(text)
    assert len(shown) == len(text)
    assert not set(shown) & {"\x1b", "\x00", "\u202e", "\u2066", "\u200f"}


def test_one_job_runs_at_a_time_and_failures_are_told_without_their_words() -> None:
    background, going = Background(), [True]

    def wait() -> int:
        while going:
            time.sleep(0.005)
        return 7

    def fail() -> None:
        raise ZeroDivisionError("a secret")

    assert background.start("one", "first", wait)
    assert not background.start("two", "second", fail)
    going.clear()
    assert _ended(background, "one") == (7, None)
    assert background.start("two", "second", fail)
    result, error = _ended(background, "two")
    assert result is None
    assert "secret" not in str(error)


def _ended(background: Background, name: str) -> tuple[object, str | None]:
    until = time.monotonic() + 10
    while (job := background.last(name)) is None or job.ended is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    return job.result, job.error
