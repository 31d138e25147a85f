"""What was carried out is counted once, however it was cut, and intervals hold the truth as often as they say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.config import TrafficClass
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.counted import difference_of
from router_ml.offline.simulation.counting.results import Interval
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.scenarios.scenario import Reviewers
from tests.offline.simulation.made import Scene, pieces

TWO = {"default": TrafficClass(floor=0.7, quality_per_usd=30), "regulated": TrafficClass(floor=0.9, quality_per_usd=10)}


def anything(count: int, seed: int, scene: Scene) -> Carried:
    random = np.random.default_rng(seed)
    fate = random.choice(len(FATES), count, p=[0.6, 0.05, 0.05, 0.1, 0.05, 0.05, 0.05, 0.05])
    served = fate == 0
    lane = np.where(served, random.integers(0, 2, count), -1)
    return scene.carried(
        random.integers(0, 40, count),
        np.sort(random.random(count) * scene.hours),
        fate=[FATES[one] for one in fate],
        traffic_class=random.integers(0, len(scene.classes), count),
        first=np.where(served, random.integers(0, 2, count), -1),
        final=lane,
        cost_usd=random.random(count) * served,
        latency_ms=np.where(served, 1000 * random.random(count) + 1, np.nan),
        quality=np.where(served, random.random(count), np.nan),
        calls=random.integers(0, 3, count),
        approval=random.random(count) < 0.2,
    )


def test_every_request_is_counted_under_what_became_of_it() -> None:
    scene = Scene(classes=TWO)
    tally = scene.tally()
    tally.add(
        scene.carried(
            range(9),
            fate=["served", "served", *FATES[1:]],
            traffic_class=[0, 1, 0, 0, 0, 0, 1, 1, 0],
            final=[0, 1] + [-1] * 7,
            first=[0, 0] + [-1] * 7,
            calls=[1, 2, 0, 0, 0, 0, 3, 0, 0],
            failed_calls=[0, 1, 0, 0, 0, 0, 3, 0, 0],
            cost_usd=[0.001, 0.004, 0, 0, 0, 0, 0.002, 0, 0],
            explored_usd=[0, 0.003, 0, 0, 0, 0, 0, 0, 0],
            explored_quality=[0, -0.08, 0, 0, 0, 0, 0, 0, 0],
            exploit=[0, 1] + [-1] * 7,
        )
    )
    found = tally.result()
    assert (found.requests, found.due, found.served) == (9, 6, 2), "what is refused for want of money was due"
    assert found.success == 2 / 6
    assert found.no_lane == dict.fromkeys(FATES[1:], 1)
    assert (found.refused, found.asked_back) == (1, 1)
    assert (found.calls, found.failed_calls, found.violations) == (6, 4, 0)
    assert found.lane_requests == {"cheap": 1, "dear": 1}
    assert found.spend_usd == pytest.approx(0.007)
    assert found.usd_per_1000 == pytest.approx(1000 * 0.007 / 6)
    assert found.cost.value == pytest.approx(0.007 / 6)
    assert (found.exploration.requests, found.exploration.usd) == (1, 0.003)
    assert found.exploration.quality == pytest.approx(0.08 / 9)
    first, second = found.classes
    assert (first.requests, first.due, first.served) == (6, 3, 1)
    assert (second.requests, second.due, second.served) == (3, 3, 1)
    assert second.no_lane == {"failed": 1, "no_lane": 1}


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 400), seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_pieces_and_shards_add_up_to_the_same(count: int, seed: int, cuts: list[int]) -> None:
    """Results must not depend on how the loop cut time, nor on how many machines shared the work."""
    scene = Scene(classes=TWO)
    carried = anything(count, seed, scene)
    whole, parts, shards = scene.tally(), scene.tally(), [scene.tally(), scene.tally()]
    whole.add(carried)
    for number, piece in enumerate(pieces(carried, cuts)):
        parts.add(piece)
        parts.flush()
        shards[number % 2].add(piece)
    shards[0].merge(shards[1])
    for tally in (parts, shards[0]):
        whole.flush()
        for name, expected in whole.sums.items():
            np.testing.assert_allclose(tally.sums[name], expected, rtol=1e-12, atol=1e-12, err_msg=name)
    assert whole.result().requests == count


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 400), seed=st.integers(0, 99))
def test_the_series_and_the_classes_are_parts_of_the_totals(count: int, seed: int) -> None:
    scene = Scene(classes=TWO, hours=50.5)
    tally = scene.tally()
    tally.add(anything(count, seed, scene))
    found = tally.result()
    series = found.series
    assert series.requests.sum() == found.requests == sum(one.requests for one in found.classes)
    assert series.due.sum() == found.due == series.classes_due.sum()
    assert series.served.sum() == found.served == series.classes_served.sum() == series.by_lane.sum()
    assert series.spend_usd.sum() == pytest.approx(found.spend_usd)
    assert sum(one.spend_usd for one in found.classes) == pytest.approx(found.spend_usd)
    assert (series.edges[0], series.edges[-1]) == (0, 50.5)
    assert len(series.edges) == len(series.requests) + 1
    known = series.served > 0
    assert np.isnan(series.quality[~known]).all()
    if found.served:
        weighted = (series.quality[known] * series.served[known]).sum() / found.served
        assert weighted == pytest.approx(found.quality.value)


def test_memory_does_not_grow_with_the_requests() -> None:
    scene = Scene()
    tally = scene.tally()
    tally.add(anything(1000, 0, scene))
    tally.flush()
    before = {name: one.nbytes for name, one in tally.sums.items()}
    for seed in range(80):
        tally.add(anything(1000, seed, scene))
        assert sum(len(piece.rows) for piece in tally._held) <= 32_768
    tally.flush()
    assert {name: one.nbytes for name, one in tally.sums.items()} == before


@pytest.mark.parametrize(("hours", "buckets"), [(1, 12), (48, 192), (168, 168), (24 * 365, 183)])
def test_a_series_stays_short_enough_to_draw(hours: float, buckets: int) -> None:
    scene = Scene(hours=hours)
    tally = scene.tally()
    tally.add(scene.carried([0]))
    assert len(tally.result().series.requests) == buckets


def test_dark_minutes_are_stretches_with_requests_of_which_none_was_served() -> None:
    scene = Scene(hours=1, classes=TWO)
    tally = scene.tally()
    tally.add(
        scene.carried(
            range(6),
            [0.01, 0.02, 0.1, 0.11, 0.5, 0.9],
            fate=["failed", "served", "failed", "no_lane", "refused", "served"],
            traffic_class=[0, 1, 0, 0, 0, 1],
        )
    )
    found = tally.result()
    assert found.dark_minutes == 5  # the second five minutes; the first are dark for one class alone
    assert [one.dark_minutes for one in found.classes] == [10, 0]


def test_budgets_are_of_days_in_utc() -> None:
    """A run that starts in the evening has the rest of that day's money first."""
    budget = {"default": TrafficClass(floor=0.7, quality_per_usd=30, budget_usd_per_day=1.0)}
    scene = Scene(hours=48, start=Scene().start.replace(hour=18), classes=budget)
    tally = scene.tally()
    tally.add(scene.carried([0] * 5, [1, 5, 7, 30.5, 40], cost_usd=[0.6, 0.6, 0.6, 0.404, 0.3]))
    (found,) = tally.result().classes
    assert (found.budget_usd, found.over_budget_days) == (1.0, 1)  # 1.2 and 1.004, of which little is the last request


@pytest.mark.parametrize(("quality", "verdict"), [(0.8, "kept"), (0.6, "missed"), (0.7, "not shown")], ids=str)
def test_a_floor_is_kept_or_missed_only_where_that_is_sure(quality: float, verdict: str) -> None:
    scene, random = Scene(), np.random.default_rng(1)
    tally = scene.tally()
    noise = random.normal(0, 0.1, 400)
    tally.add(scene.carried(np.arange(400) % 40, quality=quality + noise - noise.mean()))
    (found,) = tally.result().classes
    assert found.floor_verdict == verdict


def test_a_few_prompts_show_nothing_however_often_they_come() -> None:
    scene = Scene(clusters=np.arange(40) % 4)
    tally = scene.tally()
    tally.add(scene.carried(np.arange(4000) % 40, quality=0.99))
    (found,) = tally.result().classes
    assert found.floor_verdict == "not shown"


def test_one_cluster_says_nothing_about_the_spread() -> None:
    scene = Scene(clusters=np.zeros(40))
    tally = scene.tally()
    tally.add(scene.carried(range(40)))
    found = tally.result()
    assert found.quality == Interval(pytest.approx(0.8), 0.0, 1.0)
    assert np.isnan(found.cost.low)


def test_nothing_served_is_not_known_rather_than_zero() -> None:
    scene = Scene()
    tally = scene.tally()
    tally.add(scene.carried(range(10), fate="no_lane"))
    found = tally.result()
    assert np.isnan([found.quality.value, found.latency.p50, *found.series.quality, *found.series.p95_ms]).all()
    assert (found.success, found.cost.value, found.dark_minutes) == (0.0, 0.0, 50.0)
    nobody = scene.tally().result()
    assert (nobody.success, nobody.requests, nobody.classes) == (1.0, 0, ())


def test_tallies_of_other_things_are_not_added() -> None:
    scene = Scene()
    with pytest.raises(OfflineDataError, match="one policy on one scenario"):
        scene.tally().merge(scene.tally("other"))
    with pytest.raises(OfflineDataError, match="one policy on one scenario"):
        scene.tally().merge(Scene(hours=5).tally())
    for name, other in {
        "start": Scene(start=scene.start + timedelta(days=3)),
        "scenario": Scene(reviewers=Reviewers(per_hour=1)),
        "promises": Scene(classes={"default": TrafficClass(floor=0.1, quality_per_usd=30)}),
        "prompts": Scene(clusters=tuple(range(39, -1, -1))),
    }.items():
        with pytest.raises(OfflineDataError, match=f"differ in {name}"):
            scene.tally().merge(other.tally(), run=True)
    with pytest.raises(OfflineDataError, match="regulated"):
        scene.tally().add(Scene(classes=TWO).carried([0]))


def test_each_of_several_runs_has_its_own_people_outages_and_budgets() -> None:
    """Two runs of four hours: one waits, is dark and overspends at the beginning of it, the other at the end."""
    promise = TrafficClass(floor=0.7, quality_per_usd=30, budget_usd_per_day=1.0)
    people = Reviewers(per_hour=12, start=0, end=24, days=tuple(range(7)))
    scene = Scene(hours=48, classes={"default": promise}, reviewers=people)
    runs = []
    for first, second, many in ((1.0, 30.0, 30), (30.0, 1.0, 60)):
        tally = scene.tally()
        hours = np.sort([*np.full(many, first), second])
        tally.add(scene.carried([0] * len(hours), hours, cost_usd=np.where(hours == first, 3 / many, 0), approval=True))
        tally.add(scene.carried([0], [first + 1], fate="failed"))
        runs.append(tally)
    one, other = (tally.result() for tally in runs)
    assert (one.reviews.longest, other.reviews.longest) == (29, 59)
    assert (one.dark_minutes, one.classes[0].over_budget_days) == (5, 1)
    runs[0].merge(runs[1], run=True)
    both = runs[0].result()
    assert (both.runs, both.requests, both.spend_usd) == (2, 94, pytest.approx(6.0))
    assert both.reviews.longest == 44
    assert both.reviews.granted == one.reviews.granted + other.reviews.granted
    assert one.reviews.p95_hours < both.reviews.p95_hours < other.reviews.p95_hours
    assert both.series.waiting.tolist() == ((one.series.waiting + other.series.waiting) / 2).tolist()
    assert (both.dark_minutes, both.classes[0].dark_minutes, both.classes[0].over_budget_days) == (5, 5, 2)
    with pytest.raises(OfflineDataError, match="2 runs were added up"):
        runs[0].add(scene.carried([0]))
    with pytest.raises(OfflineDataError, match="2 runs were added up"):
        scene.tally().merge(runs[0])
    third = scene.tally()
    third.merge(runs[0], run=True)
    assert third.result().runs == 3


def world(seed: int) -> tuple[Scene, Carried, Carried]:
    """Two policies on 600 requests of 60 clusters that are drawn from a population: cluster quality .6 +- .1, and a
    lane drawn at random that is worth .1 more; the second policy draws it more often, with the same luck."""
    random = np.random.default_rng(seed)
    own = random.normal(0.6, 0.1, 60)
    kind = random.integers(0, 120, 600)
    luck, noise = random.random(600), random.normal(0, 0.1, 600)
    scene = Scene(clusters=np.arange(120) // 2)
    made = [
        scene.carried(
            kind,
            quality=own[kind // 2] + noise + 0.1 * (luck < share),
            cost_usd=0.001 + 0.002 * (luck < share),
            fate=["served" if one < 0.97 else "failed" for one in random.random(600)] if share == 0.3 else "served",
        )
        for share in (0.3, 0.6)
    ]
    return scene, made[0], made[1]


def test_intervals_hold_the_truth_as_often_as_they_say_and_pairing_narrows_them() -> None:
    """300 worlds: 95% intervals miss in 5% of them, give or take what 300 draws allow (3 standard errors)."""
    covered, paired_half, alone_half = np.zeros(4), 0.0, 0.0
    for seed in range(300):
        scene, first, second = world(seed)
        tallies = [scene.tally("first"), scene.tally("second")]
        for tally, carried in zip(tallies, (first, second), strict=True):
            tally.add(carried)
        mine, other = (tally.result() for tally in tallies)
        less = difference_of(tallies[1], tallies[0])
        truths = ((mine.quality, 0.63), (other.cost, 0.0022), (less.quality, 0.03), (less.success, 0.03))
        covered += [found.low <= truth <= found.high for found, truth in truths]
        paired_half += less.quality.high - less.quality.low
        alone_half += float(np.hypot(mine.quality.high - mine.quality.low, other.quality.high - other.quality.low))
    error = 3 * np.sqrt(0.95 * 0.05 / 300)
    assert (np.abs(covered / 300 - 0.95) <= error).all(), covered / 300
    assert paired_half < 0.5 * alone_half


def test_a_policy_less_itself_is_nothing() -> None:
    scene, first, _ = world(0)
    tallies = [scene.tally("first"), scene.tally("again")]
    for tally in tallies:
        tally.add(first)
    less = difference_of(tallies[1], tallies[0])
    assert (less.policy, less.against) == ("again", "first")
    for found in (less.quality, less.usd_per_1000, less.success):
        assert (found.value, found.low, found.high) == (0, 0, 0)
