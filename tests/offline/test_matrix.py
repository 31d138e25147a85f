"""A simulated week must be what the router would have done: wrong here means a wrong promise about money or outages."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.select import draw
from router_ml.config import RouterConfig, load_config
from router_ml.errors import OfflineDataError
from router_ml.offline.matrix import (
    Outage,
    Traffic,
    class_rule,
    compare,
    draw_rows,
    play,
    simulate,
    traffic_from_matrix,
)
from router_ml.offline.traffic import lanes_of
from router_ml.storage.bundle import load_allocation
from training.outcomes import load_pack
from training.pack_outcomes import from_pack

ROOT = Path(__file__).parents[2]
LANES = ("private", "balanced", "fast", "premium")
PROVIDERS = {"private": "vllm", "balanced": "mistral", "fast": "google", "premium": "google"}


@pytest.fixture(scope="module")
def config() -> RouterConfig:
    return load_config(ROOT / "models" / "default" / "router.yaml")


def contexts(prompts: int) -> Contexts:
    rng = np.random.default_rng(0)
    wide = rng.random((prompts, 6)).astype(np.float32)
    share = np.full((prompts, 2), 0.5, dtype=np.float32)
    return Contexts(wide, wide, share, share, np.full(prompts, 100))


def traffic(*, prompts: int = 40, requests: int | None = None, seed: int = 0) -> Traffic:
    rng = np.random.default_rng(1)
    quality, cost = rng.random((prompts, 4)), rng.random((prompts, 4)) * [1e-4, 1e-3, 1e-3, 1e-2]
    return traffic_from_matrix(contexts(prompts), quality, cost, LANES, requests=requests, seed=seed)


@given(
    rows=st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(any), min_size=1, max_size=5),
    seed=st.integers(0, 2**53),
)
def test_draws_are_those_of_the_router(rows: list[list[float]], seed: int) -> None:
    """Otherwise simulated shares drift from served shares, silently."""
    propensities = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    point = random.Random(seed).random()
    drawn = draw_rows(propensities, np.arange(len(rows)), np.full(len(rows), point))
    assert drawn.tolist() == [draw(row, seed) for row in propensities]


def test_a_prompt_without_a_lane_draws_none() -> None:
    drawn = draw_rows(np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 0]), np.array([0.0, 0.999, 0.5]))
    assert drawn.tolist() == [-1, 1, -1]


outages = st.lists(
    st.builds(Outage, st.sampled_from(["google", "mistral", "vllm-a", "fast"]), st.floats(0, 170), st.floats(1e-3, 90)),
    max_size=4,
)


def dark(lane: str, outage: Outage) -> bool:
    return outage.provider in (lane, PROVIDERS[lane]) or (outage.provider == "vllm-a" and lane == "private")


@given(outages=outages, seed=st.integers(0, 5))
def test_no_request_goes_to_a_dark_lane(outages: list[Outage], seed: int) -> None:
    """The whole point of an outage simulation: a dark lane serves nothing, and nothing else goes unserved."""
    config = load_config(ROOT / "models" / "default" / "router.yaml")
    week = traffic(requests=300, seed=seed)
    rule = class_rule(config, "default")
    for lane in LANES:
        mine = [outage for outage in outages if dark(lane, outage)]
        struck = sum(any(o.start_hour <= hour < o.start_hour + o.hours for o in mine) for hour in week.hour.tolist())
        result = simulate(config, None, week, rule=rule, outages=outages, fixed_lane=lane, seed=seed)
        assert result.total.requests_without_lane == struck
        assert result.total.lane_requests[lane] == len(week) - struck
    champion = simulate(config, None, week, rule=rule, outages=outages, seed=seed)
    assert champion.violations == 0
    assert sum(champion.total.lane_requests.values()) + champion.total.requests_without_lane == len(week)
    if len(outages) == 1 and champion.in_outage:
        assert all(champion.in_outage.lane_requests[lane] == 0 for lane in LANES if dark(lane, outages[0]))
        assert champion.total.requests_without_lane == 0


def test_a_disabled_lane_serves_nothing(config: RouterConfig) -> None:
    off = {**config.lanes, "premium": config.lanes["premium"].model_copy(update={"enabled": False})}
    changed = config.model_copy(update={"lanes": off})
    result = simulate(changed, None, traffic(requests=2000), rule=class_rule(config, "default"))
    assert result.total.lane_requests["premium"] == 0
    assert result.total.requests_without_lane == 0


def test_replaying_a_fixed_lane_gives_the_matrix_back(config: RouterConfig) -> None:
    """Totals of a replay in order are those of the recorded outcomes, to the cent."""
    week = traffic()
    result = simulate(config, None, week, rule=class_rule(config, "default"), fixed_lane="fast")
    assert result.total.spend_usd == pytest.approx(week.cost_usd[:, 2].sum(), rel=1e-12)
    assert result.total.quality == pytest.approx(week.quality[:, 2].mean(), rel=1e-12)
    assert result.timeline.sum() == len(week) == 40
    assert result.in_outage is None


def test_simulated_money_and_shares_match_their_expectation(config: RouterConfig) -> None:
    """Against a closed form: known propensities, so that expected spend, quality and shares are plain sums."""
    week = traffic(requests=200_000)
    propensities = np.random.default_rng(2).dirichlet(np.ones(4), 40)
    result = play("given", lambda eligible: propensities, lanes_of(config, week), week, seed=3)
    chosen = propensities[week.prompt]
    for measured, value in (
        (result.total.spend_usd / len(week), week.cost_usd[week.prompt]),
        (result.total.quality, week.quality[week.prompt]),
        (result.total.lane_shares["balanced"], np.eye(4)[np.ones(len(week), dtype=int)]),
    ):
        expected = (chosen * value).sum(axis=1)
        variance = (chosen * value**2).sum(axis=1) - expected**2
        assert measured == pytest.approx(expected.mean(), abs=5 * np.sqrt(variance.sum()) / len(week))


def test_policies_meet_the_same_luck(config: RouterConfig) -> None:
    """Before an outage nothing differs, so that what differs later is the outage and not the dice."""
    week, rule = traffic(requests=5000), class_rule(config, "default")
    calm = simulate(config, None, week, rule=rule, seed=4)
    struck = simulate(config, None, week, rule=rule, outages=[Outage("google", 84, 24)], seed=4)
    before = calm.edges[1:] <= 84
    assert (calm.timeline[before] == struck.timeline[before]).all()
    after = calm.edges[:-1] >= 108
    assert (calm.timeline[after] == struck.timeline[after]).all()
    assert (calm.timeline != struck.timeline).any()
    assert simulate(config, None, week, rule=rule, seed=4).row() == calm.row()
    assert simulate(config, None, week, rule=rule, seed=5).row() != calm.row()


def test_playing_a_prompt_often_is_no_evidence(config: RouterConfig) -> None:
    """A million requests over forty prompts must not look like a million evaluations."""
    rule = class_rule(config, "default")
    widths = {}
    for requests in (None, 200_000):
        total = simulate(config, None, traffic(requests=requests), rule=rule, fixed_lane="fast").total
        widths[requests] = total.quality_high - total.quality_low
    assert widths[200_000] == pytest.approx(widths[None], rel=0.15)
    quality, pair = np.random.default_rng(1).random((30, 4)), np.arange(30).repeat(2)
    alone = traffic_from_matrix(contexts(30), quality, np.ones((30, 4)), LANES)
    twice = traffic_from_matrix(contexts(60), quality[pair], np.ones((60, 4)), LANES, cluster=pair)
    first, second = (simulate(config, None, each, rule=rule, fixed_lane="fast").total for each in (alone, twice))
    assert (first.quality_low, first.quality_high) == pytest.approx((second.quality_low, second.quality_high))
    one = traffic_from_matrix(
        contexts(9), np.full((9, 4), 0.5), np.ones((9, 4)), LANES, cluster=np.zeros(9, dtype=np.int64)
    )
    total = simulate(config, None, one, rule=rule, fixed_lane="fast").total
    assert (total.quality_low, total.quality_high) == (0.0, 1.0)


def test_the_shipped_champion_survives_its_main_vendor() -> None:
    """What the demo shows: with google dark for 48 hours every request still gets a lane, and none gets a dark one."""
    config, pack = load_config(ROOT / "models" / "default" / "router.yaml"), load_pack()
    columns = from_pack(pack, config)[1]
    index = list(columns.values())
    week = traffic_from_matrix(
        pack.contexts, pack.quality[:, index], pack.cost_usd[:, index], list(columns), cluster=pack.group
    )
    allocation = load_allocation(ROOT / "models" / "default")
    rule = class_rule(config, "default")
    results = compare(config, allocation, week, rule=rule, outages=[Outage("google", 60, 48)])
    assert [result.policy for result in results] == [
        "champion",
        *(f"always {lane}" for lane in columns),
        "champion, google dark 48 h",
        *(f"always {lane}, google dark 48 h" for lane in columns if PROVIDERS[lane] == "google"),
    ]
    rows = {result.policy: result for result in results}
    survived = rows["champion, google dark 48 h"]
    assert survived.in_outage is not None
    assert survived.in_outage.requests == pytest.approx(len(week) * 48 / 168, abs=2)
    assert survived.in_outage.requests_without_lane == survived.violations == 0
    assert survived.in_outage.lane_shares["fast"] == survived.in_outage.lane_shares["premium"] == 0
    assert rows["champion"].total.lane_shares["fast"] > 0
    stopped = rows["always fast, google dark 48 h"]
    assert stopped.in_outage is not None
    assert stopped.in_outage.requests_without_lane == stopped.in_outage.requests
    assert stopped.row()["outage_quality"] is None


def test_errors_name_what_is_known(config: RouterConfig) -> None:
    week, rule = traffic(), class_rule(config, "default")
    with pytest.raises(OfflineDataError, match=r"'azure'.*vllm, mistral, google, vllm-a, private"):
        simulate(config, None, week, rule=rule, outages=[Outage("azure", 0, 1)])
    with pytest.raises(OfflineDataError, match=r"'openai' has no outcomes.*private, balanced"):
        simulate(config, None, week, rule=rule, fixed_lane="openai")
    strange = traffic_from_matrix(contexts(3), np.ones((3, 1)), np.ones((3, 1)), ["gpt-9"])
    with pytest.raises(OfflineDataError, match="not configured: gpt-9"):
        simulate(config, None, strange, rule=rule)


@pytest.mark.parametrize(
    ("quality", "cost", "more"),
    [
        (np.full((3, 4), 1.2), np.ones((3, 4)), {}),
        (np.full((3, 4), np.nan), np.ones((3, 4)), {}),
        (np.ones((3, 4)), np.full((3, 4), np.inf), {}),
        (np.ones((3, 3)), np.ones((3, 4)), {}),
        (np.ones((3, 4)), np.ones((3, 4)), {"requests": 0}),
        (np.ones((3, 4)), np.ones((3, 4)), {"hours": 0.0}),
        (np.ones((3, 4)), np.ones((3, 4)), {"cluster": np.zeros(2, dtype=np.int64)}),
    ],
)
def test_what_cannot_be_played_is_refused(quality: np.ndarray, cost: np.ndarray, more: dict) -> None:
    """A NaN that slipped in would turn up as a missing bill."""
    with pytest.raises(OfflineDataError):
        traffic_from_matrix(contexts(3), quality, cost, LANES, **more)


@pytest.mark.parametrize(("start", "hours"), [(-1.0, 5.0), (0.0, 0.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_an_outage_has_a_beginning_and_an_end(start: float, hours: float) -> None:
    with pytest.raises(OfflineDataError, match="Outage of google"):
        Outage("google", start, hours)
