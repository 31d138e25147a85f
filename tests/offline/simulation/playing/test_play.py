"""The loop in time is exact: whatever is done in bulk comes to what one request at a time comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router_ml.config.execution import Breaker
from router_ml.offline.simulation.playing import outlook, play
from router_ml.offline.simulation.playing.calls import Terms
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.playing.flights import Flights
from router_ml.offline.simulation.policies.policy import Moment, Weighed
from router_ml.offline.simulation.scenarios.scenario import Behaviour
from router_ml.offline.simulation.traffic.rows import Rows
from tests.offline.simulation.one_by_one import OneByOne
from tests.offline.simulation.small_worlds import SHIPPED, Setting, Toy, carried, setting

STEADY = Behaviour(spread=0.0)
COLUMNS = ("fate", "first", "final", "exploit", "calls", "failed_calls", "violations")
NUMBERS = ("propensity", "cost_usd", "latency_ms", "quality")


def same(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]], *, exact: bool = True) -> None:
    for name, column in expected.items():
        if exact or name in COLUMNS:
            np.testing.assert_array_equal(found[name], column, err_msg=name)
        else:
            np.testing.assert_allclose(found[name], column, rtol=1e-6, err_msg=name)


def reference(policy: Toy, world: Setting) -> dict[str, NDArray[Any]]:
    found = OneByOne(policy, world).run()
    return {name: np.array([one[name] for one in found]) for name in (*COLUMNS, *NUMBERS)}


WORLDS = {
    "calm": {"trouble": 0.0, "sessions": False},
    "troubled": {"trouble": 0.6, "sessions": False},
    "sessions": {"trouble": 0.6},
    "money": {"budget": 0.25, "trouble": 0.4},
    "limits": {"limits": True, "trouble": 0.3},
    "attempts": {"attempts": 2, "trouble": 0.6},
    "everything": {"budget": 0.3, "limits": True, "attempts": 2, "trouble": 0.6},
}


def compared(kind: str, seed: int, *, learns: bool, probes: bool, batch: int) -> None:
    world = setting(seed, **WORLDS[kind])
    expected = reference(Toy(world, seed, learns=learns, probes=probes), world)
    found = carried(Toy(world, seed, learns=learns, probes=probes), replace(world, batch=batch))
    same({name: found[name] for name in expected}, expected, exact=False)
    assert not found["violations"].any()


@pytest.mark.parametrize("kind", WORLDS)
def test_it_comes_to_what_one_request_at_a_time_comes_to(kind: str) -> None:
    """Breakers, fallbacks, sessions, budgets, limits, probes and ratings, all in one."""
    for seed in (1, 2):
        compared(kind, seed, learns=seed == 2, probes=seed == 1, batch=seed * 70)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORLDS)
@settings(max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10_000), learns=st.booleans(), probes=st.booleans(), batch=st.integers(1, 500))
def test_it_comes_to_that_in_any_world(kind: str, seed: int, learns: bool, probes: bool, batch: int) -> None:
    compared(kind, seed, learns=learns, probes=probes, batch=batch)


@settings(max_examples=6)
@given(
    seed=st.integers(0, 1_000),
    batch=st.integers(1, 300),
    most=st.integers(1, 100),
    least=st.integers(1, 20),
    width=st.integers(1, 100),
)
def test_nothing_depends_on_how_the_time_was_cut(seed: int, batch: int, most: int, least: int, width: int) -> None:
    """Batches of the stream, stretches and looks ahead are a matter of speed; to the last bit."""
    world = setting(seed, requests=120, budget=0.1, limits=True, trouble=0.5)
    expected = carried(Toy(world, seed, learns=True, probes=True), world)
    with pytest.MonkeyPatch.context() as patch:
        for module in (play, outlook):
            patch.setattr(module, "_LEAST", min(least, most))
            patch.setattr(module, "_MOST", most if module is play else max(width, least))
        found = carried(Toy(world, seed, learns=True, probes=True), replace(world, batch=batch))
    same(found, expected)


def calm(seed: int, requests: int, *, error_rate: float = 0.0) -> Setting:
    """A world without troubles, in which calls take as long as expected."""
    world = setting(seed, requests=requests, trouble=0.0, sessions=False)
    rules = world.config.execution.model_copy(
        update={"breaker": Breaker(failures=10**6, least=10**6)}  # it never opens
    )
    weather = replace(world.world.weathers[0], start=0.0, end=world.hours, error_rate=np.full(4, error_rate))
    weather = replace(weather, slow=np.ones(4), hangs=np.zeros(4, bool))
    truth = replace(world.world, phases=world.world.phases[:1], weathers=(weather,), behaviour={"default": STEADY})
    return replace(world, config=world.config.model_copy(update={"execution": rules}), world=truth)


def test_shares_cost_and_quality_are_what_they_are_in_expectation() -> None:
    """A closed form: what the policy's own propensities come to on these requests, within Monte Carlo error."""
    world = calm(3, 20_000)
    policy = Toy(world, 3)
    found = carried(policy, world)
    weighed = policy.weigh(world.rows, at_rest(world))
    phase, kind, share = world.world.phases[0], world.rows.kind, weighed.propensities
    for what, value in (
        *((f"share of {lane}", np.eye(4)[lane][None, :]) for lane in range(4)),
        ("quality", phase.quality[kind]),
        ("cost", np.where(batched(world, weighed.traffic_class)[:, None], 0.5, 1.0) * phase.cost_usd[kind]),
    ):
        expected = (share * value).sum(axis=1)
        error = np.sqrt(((share * value**2).sum(axis=1) - expected**2).sum())
        drawn = np.broadcast_to(value, share.shape)[np.arange(len(share)), np.maximum(found["first"], 0)]
        if what == "cost":
            assert found["cost_usd"].sum() == pytest.approx(drawn[found["first"] >= 0].sum(), rel=1e-12)
        total = drawn[found["first"] >= 0].sum()
        assert abs(total - expected.sum()) <= 4 * error, what
    served = found["first"] >= 0
    np.testing.assert_array_equal(found["quality"][served], phase.quality[kind, found["first"]][served])


def test_success_is_one_less_the_product_of_error_rates() -> None:
    """The plan names two other lanes, and luck of each call is its own."""
    world = calm(4, 1_500, error_rate=0.5)
    found = carried(Toy(world, 4), world)
    weighed = Toy(world, 4)
    weighed.enter(world.world.phases[0])
    ways = weighed.weigh(world.rows, at_rest(world)).eligible.sum(axis=1)
    sent = found["first"] >= 0
    fails = 0.5 ** np.minimum(ways, 3)[sent]
    missed = (found["fate"][sent] == FATES.index("failed")).sum()
    assert abs(missed - fails.sum()) <= 4 * np.sqrt((fails * (1 - fails)).sum())
    assert missed > 0


def test_a_vendor_that_is_dark_is_left_alone_and_hardly_anyone_notices() -> None:
    """No call to lanes that are known to be down; probes and first failures are all that is wasted."""
    world = setting(5, requests=24_000, hours=8.0, trouble=0.0, sessions=False)
    dark = replace(world.world.weathers[0], error_rate=np.array([1.0, 1.0, 0.002, 0.002]), hangs=np.zeros(4, bool))
    well = replace(dark, error_rate=np.full(4, 0.002))
    weathers = (replace(well, start=0.0, end=1.0), replace(dark, start=1.0, end=7.0), replace(well, start=7.0, end=8.0))
    truth = replace(world.world, phases=world.world.phases[:1], weathers=weathers, behaviour={"default": STEADY})
    config = world.config.model_copy(update={"execution": SHIPPED.execution})
    found = carried(Toy(replace(world, config=config), 5, everywhere=True), replace(world, world=truth, config=config))
    hour = world.rows.hour
    during = (hour > 1 + 1 / 60) & (hour < 7) & (found["first"] >= 0)
    assert not found["violations"].any()
    assert found["failed_calls"][during].sum() <= 0.01 * during.sum()
    assert (found["fate"][during] == FATES.index("served")).mean() >= 0.995
    assert (found["final"][during] >= 2).all()
    after = (hour > 7.2) & (found["first"] >= 0)
    assert (found["final"][after] < 2).mean() > 0.2, "what is back is used again"


def test_failures_of_another_hour_do_not_have_every_request_carried_out_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Limits that are far off cost nothing, however many requests fail in a day."""
    world = calm(10, 6_000, error_rate=0.05)
    hours, start, begun = 48.0, Flights.start, list[int]()
    limited = {"default": STEADY, "a": Behaviour(spread=0.0, requests_per_minute=60)}
    weather = replace(world.world.weathers[0], end=hours)
    truth = replace(world.world, behaviour=limited, weathers=(weather,))
    world = replace(world, world=truth, hours=hours, rows=replace(world.rows, hour=world.rows.hour * hours))
    monkeypatch.setattr(Flights, "start", lambda flights, one: (begun.append(one.row), start(flights, one)))
    found = carried(Toy(world, 10), world)
    assert len(begun) <= 1.5 * (found["failed_calls"] > 0).sum()


class Lawless(Toy):
    """Sends everything to lane 0, whether it may or not."""

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        weighed = super().weigh(rows, moment)
        eligible = weighed.eligible.copy()
        eligible[:, 0] = False
        goes = weighed.fate < 0
        share = np.where(goes[:, None], np.eye(4)[0], 0.0)
        return replace(weighed, propensities=share, exploit=np.where(goes, 0, -1), eligible=eligible)


def test_a_call_that_rules_forbid_is_counted() -> None:
    """The count of violations is worth something: it is not 0 where it should not be."""
    world = setting(6, trouble=0.0, sessions=False)
    found = carried(Lawless(world, 6), world)
    assert found["violations"].sum() == (found["first"] == 0).sum() > 0


class Astray(Toy):
    """Sends what it may to lane 2, and what fails there to lane 1, where it may not go."""

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        weighed = super().weigh(rows, moment)
        goes = weighed.fate < 0
        share = np.where(goes[:, None], np.eye(4)[2], 0.0)
        eligible = np.broadcast_to(np.arange(4) == 2, share.shape).copy()
        return replace(weighed, propensities=share, exploit=np.where(goes, 1, -1), eligible=eligible)


@pytest.mark.parametrize("limits", [False, True])
def test_a_fallback_that_rules_forbid_is_counted_even_where_the_first_lane_was_never_called(limits: bool) -> None:
    """A lane that is full turns requests away before any call."""
    world = setting(0, limits=limits, trouble=0.0 if limits else 0.6, sessions=False)
    found = carried(Astray(world, 0, everywhere=True), world)
    forbidden = found["final"] == 1
    assert (found["violations"][forbidden] > 0).all()
    assert (found["calls"][forbidden] == 1).any() or not limits
    expected = reference(Astray(world, 0, everywhere=True), world)
    np.testing.assert_array_equal(found["violations"], expected["violations"])


def test_a_call_that_was_not_made_is_no_violation() -> None:
    """A hop waits for its place, and meanwhile the breaker of its lane opens."""
    for seed in (16, 17, 50):
        world = setting(seed, limits=True, trouble=0.6, attempts=2, sessions=False, requests=300, hours=0.3)
        assert not carried(Toy(world, seed), world)["violations"].any()


class Fixed(Toy):
    """One lane for everything, and none where that is down."""

    def __init__(self, world: Setting, lane: int) -> None:
        super().__init__(world, 7)
        self._lane, self.falls_back = lane, False

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        weighed, n = super().weigh(rows, moment), len(rows)
        share = np.repeat(np.eye(4)[self._lane][None, :], n, axis=0)
        lane, none = np.full(n, self._lane), np.full(n, -1)
        return replace(weighed, propensities=share, exploit=lane, eligible=np.ones((n, 4), bool), fate=none)


def test_all_policies_meet_the_same_luck() -> None:
    """The requests whose call fails on one lane are those whose call fails on another with as many errors."""
    world = calm(8, 1_000, error_rate=0.3)
    one, other = carried(Fixed(world, 0), world), carried(Fixed(world, 2), world)
    np.testing.assert_array_equal(one["failed_calls"], other["failed_calls"])
    assert 200 < one["failed_calls"].sum() < 400


def test_a_session_that_stays_pays_the_cached_price() -> None:
    """What the lane holds of the conversation costs less there, and the full price elsewhere."""
    world = replace(calm(9, 2, error_rate=0.0), batch=1)
    rows = replace(world.rows, kind=np.array([0, 0]), before=np.array([-1, 0]), turn=np.array([0, 1]))
    rows = replace(rows, held=np.array([0, 1_000]), session=np.array([1, 1]), hour=np.array([0.0, 0.01]))
    world = replace(world, rows=rows)
    price, truth = world.world.phases[0].lanes["a"].price, world.world.phases[0].cost_usd[0, 0]
    found = carried(Fixed(world, 0), world)
    held = (100 * price.input_per_mtok + 900 * (price.cached_input_per_mtok or 0.0)) / 1e6
    np.testing.assert_allclose(found["cost_usd"], [truth, truth + held])


def at_rest(world: Setting) -> Moment:
    """Nothing is down and no money is counted."""
    nobody = np.full(len(world.rows), -1)
    return Moment(world.start, 0.0, np.zeros(4, bool), {}, nobody, np.zeros(len(world.rows), np.int64))


def batched(world: Setting, traffic_class: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether batch prices hold for each request."""
    return Terms.of(world.kinds, world.config).batched[world.rows.kind, traffic_class]


def test_a_call_to_a_lane_that_was_taken_out_is_a_violation() -> None:
    """Whatever the policy itself holds to be eligible."""
    world = setting(0, trouble=0.0, sessions=False)
    phases = world.world.phases
    lanes = {**phases[0].lanes, "a": phases[0].lanes["a"].model_copy(update={"enabled": False})}
    gone = replace(world.world, phases=tuple(replace(phase, lanes=lanes) for phase in phases))
    assert gone.before["a"].enabled
    found = carried(Toy(world, 0, everywhere=True), replace(world, world=gone))
    assert found["violations"].sum() == (found["first"] == 0).sum() > 0
