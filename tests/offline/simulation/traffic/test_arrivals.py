"""Requests come as often as the scenario says, in order, exactly so many, and the same each time."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.scenarios.scenario import Scenario
from router_ml.offline.simulation.traffic.arrivals import MOST_ROWS, Arrivals, arrivals
from router_ml.offline.simulation.traffic.rows import Rows


def everything(stream: Arrivals) -> Rows:
    """All batches as one."""
    parts = list(stream.batches())
    return Rows(**{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Rows)})


def usual(deviations: Any) -> bool:
    """Whether standardised deviations look like chance: five of them in a million would be as far out."""
    return bool(np.abs(deviations).max() < 5)


@settings(max_examples=40)
@given(
    requests=st.integers(1, 150_000),
    days=st.sampled_from([0.01, 0.5, 1.0, 8.3]),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    turns=st.sampled_from([1.0, 3.0, 20.0]),
    gap=st.sampled_from([0.1, 90.0]),
    seed=st.integers(0, 2**40),
)
def test_counts_order_and_sizes_hold_for_any_traffic(
    make_kinds, make_scenario, requests: int, days: float, share: float, turns: float, gap: float, seed: int
) -> None:
    sessions = {"share": share, "turns": turns, "gap_minutes": gap}
    scenario = make_scenario(requests=requests, days=days, daily="office", sessions=sessions)
    stream = arrivals(scenario, make_kinds(), seed=seed)
    sizes = [len(rows) for rows in stream.batches()]
    assert sum(sizes) == requests
    assert max(sizes) <= MOST_ROWS
    assert min(sizes) > 0
    rows = everything(stream)
    assert np.array_equal(rows.number, np.arange(requests))
    assert (np.diff(rows.hour) >= 0).all()
    assert rows.hour[0] >= 0
    assert rows.hour[-1] < stream.hours
    assert rows.kind.min() >= 0
    assert rows.kind.max() < len(stream.kinds)
    assert rows.luck.min() >= 0
    assert rows.luck.max() < 1
    assert int((rows.session >= 0).sum()) == round(share * requests)
    later = rows.turn > 0
    before = rows.before[later]
    assert (before >= 0).all()
    assert (before < rows.number[later]).all()
    assert np.array_equal(rows.session[before], rows.session[later])
    assert np.array_equal(rows.turn[before] + 1, rows.turn[later])
    assert (rows.before[~later] == -1).all()


def test_a_crowd_in_no_time_still_comes_in_bounded_batches(make_kinds, make_scenario) -> None:
    burst = {"at_hour": 0.5, "hours": 0.001, "times": 1e9}
    stream = arrivals(make_scenario(requests=300_000, days=1, bursts=[burst]), make_kinds(), seed=3)
    assert max(len(rows) for rows in stream.batches()) <= MOST_ROWS
    hour = everything(stream).hour
    assert ((hour >= 0.5) & (hour < 0.501)).mean() > 0.99


def test_a_stream_may_be_played_again_and_another_seed_is_another_stream(make_kinds, make_scenario) -> None:
    scenario = make_scenario(requests=100_000, sessions={"share": 0.5})
    stream = arrivals(scenario, make_kinds(), seed=5)
    first, again = everything(stream), everything(stream)
    other = everything(arrivals(scenario, make_kinds(), seed=6))
    for item in fields(Rows):
        assert np.array_equal(getattr(first, item.name), getattr(again, item.name)), item.name
    assert not np.array_equal(first.hour, other.hour)
    assert not np.array_equal(first.luck, other.luck)


def test_hours_and_days_weigh_what_the_scenario_says(make_kinds, make_scenario) -> None:
    """A run that starts on a Wednesday at 6:30 has the weights of those hours of those days."""
    daily, weekly = tuple(float(1 + hour % 7) for hour in range(24)), (1.0, 0.5, 2.0, 0.0, 1.0, 3.0, 0.2)
    scenario = make_scenario(requests=200_000, start="2026-03-04T06:30:00Z", daily=daily, weekly=weekly, days=7)
    hour = everything(arrivals(scenario, make_kinds(), seed=1)).hour + 2 * 24 + 6.5
    found = np.bincount((hour // 1).astype(int) % 168, minlength=168)
    expected = np.repeat(weekly, 24) * np.tile(daily, 7)  # the half hour at the start comes back at the end
    expected *= 200_000 / expected.sum()
    assert (found[expected == 0] == 0).all()
    some = expected > 0
    assert usual((found[some] - expected[some]) / np.sqrt(expected[some]))


def test_a_burst_is_as_many_times_the_usual(make_kinds, make_scenario) -> None:
    burst = {"at_hour": 10.25, "hours": 2.5, "times": 6}
    hour = everything(arrivals(make_scenario(requests=100_000, days=2, bursts=[burst]), make_kinds(), seed=2)).hour
    inside = ((hour >= 10.25) & (hour < 12.75)).sum()
    share = 6 * 2.5 / (48 + 5 * 2.5)
    assert usual((inside - 100_000 * share) / np.sqrt(100_000 * share * (1 - share)))


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_kinds_come_by_their_weight(make_kinds, make_scenario, share: float) -> None:
    kinds = make_kinds()
    rows = everything(arrivals(make_scenario(requests=200_000, sessions={"share": share}), kinds, seed=4))
    found, expected = np.bincount(rows.kind, minlength=len(kinds)), 200_000 * kinds.weight
    spread = 1.0 if share == 0 else 3.0  # turns of a session are alike
    assert usual((found - expected) / np.sqrt(expected) / spread)


def test_a_wave_raises_what_it_says_and_nothing_else(make_kinds, make_scenario) -> None:
    wave = {"kind": "wave", "of": {"risk": "pii", "region": "eu"}, "at_hour": 24, "hours": 24, "times": 5}
    kinds = make_kinds()
    rows = everything(arrivals(make_scenario(events=(wave,), requests=300_000, days=3), kinds, seed=7))
    of = np.array(["pii" in facts.risks and facts.region == "eu" for facts in kinds.facts])
    inside, theirs = (rows.hour >= 24) & (rows.hour < 48), of[rows.kind]
    for mask, times in ((theirs, 5.0), (~theirs, 1.0)):
        before, during = (mask & ~inside).sum() / 2, (mask & inside).sum()
        error = times * np.sqrt(during) + np.sqrt(before)
        assert usual((during - times * before) / error)
    among = np.bincount(rows.kind[inside & theirs], minlength=len(kinds))[of]
    assert usual((among - (expected := among.sum() * kinds.weight[of] / kinds.weight[of].sum())) / np.sqrt(expected))


def test_a_wave_of_what_nobody_asks_is_refused(make_kinds, make_scenario) -> None:
    wave = {"kind": "wave", "of": {"domain": "medical"}, "at_hour": 1, "hours": 2, "times": 5}
    with pytest.raises(OfflineDataError, match="domain medical"):
        arrivals(make_scenario(events=(wave,)), make_kinds(), seed=0)


def test_sessions_have_turns_gaps_and_places_of_their_own(make_kinds, make_scenario) -> None:
    sessions = {"share": 0.8, "turns": 5.0, "gap_minutes": 3.0}
    kinds = make_kinds()
    rows = everything(arrivals(make_scenario(requests=200_000, sessions=sessions), kinds, seed=8))
    turns = np.bincount(rows.session[rows.session >= 0])
    assert turns.mean() == pytest.approx(5.0, rel=0.02)
    assert turns.std() == pytest.approx(np.sqrt(5.0 * 4.0), rel=0.05)
    later = rows.turn > 0
    gaps = 60 * (rows.hour[later] - rows.hour[rows.before[later]])
    assert gaps.mean() == pytest.approx(3.0, rel=0.02)
    place = np.array([hash((facts.channel, facts.org, facts.region)) for facts in kinds.facts])
    assert np.array_equal(place[rows.kind[later]], place[rows.kind[rows.before[later]]])
    assert len(np.unique(rows.session[rows.session >= 0])) == len(turns)


def test_a_turn_carries_what_was_asked_and_answered_before(make_kinds, make_scenario) -> None:
    kinds = make_kinds()
    rows = everything(arrivals(make_scenario(requests=20_000, sessions={"share": 0.5}), kinds, seed=9))
    said = kinds.contexts.tokens_in + np.ceil(kinds.tokens_out.mean(axis=1)).astype(int)
    later = rows.turn > 0
    before = rows.before[later]
    assert np.array_equal(rows.held[later], rows.held[before] + said[rows.kind[before]])
    assert (rows.held[~later] == 0).all()


def test_a_scenario_without_an_hour_of_requests_is_refused(make_kinds) -> None:
    """A Sunday alone, in a week that has none."""
    traffic = {"days": 1, "start": "2026-03-01T00:00:00Z", "weekly": (1, 1, 1, 1, 1, 1, 0)}
    scenario = Scenario.model_validate({"name": "sunday", "traffic": traffic})
    with pytest.raises(OfflineDataError, match="no hour"):
        arrivals(scenario, make_kinds(), seed=0)


def test_more_days_than_can_be_counted_are_refused(make_kinds, make_scenario) -> None:
    scenario = make_scenario()
    long = scenario.model_copy(update={"traffic": scenario.traffic.model_copy(update={"days": 1e9})})
    with pytest.raises(OfflineDataError, match="at most 3660"):
        arrivals(long, make_kinds(), seed=0)


def test_an_organisation_is_meant_in_any_spelling(make_kinds, make_scenario) -> None:
    kinds = make_kinds()
    named = replace(
        kinds, facts=tuple(replace(facts, org="pilot" if facts.tier == "high" else None) for facts in kinds.facts)
    )
    wave = {"kind": "wave", "of": {"org": "Pilot"}, "at_hour": 0, "hours": 168, "times": 1e9}
    rows = everything(arrivals(make_scenario(events=(wave,)), named, seed=0))
    assert {named.facts[kind].org for kind in rows.kind.tolist()} == {"pilot"}


def test_memory_does_not_grow_with_the_number_of_requests(make_kinds, make_scenario) -> None:
    peaks = []
    for requests in (200_000, 1_000_000):
        stream = arrivals(make_scenario(requests=requests, sessions={"share": 0.5}), make_kinds(), seed=0)
        tracemalloc.start()
        try:
            assert sum(len(rows) for rows in stream.batches()) == requests
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
