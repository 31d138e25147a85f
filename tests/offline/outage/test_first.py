"""What is expected of the first seconds is what the breakers of ``execution`` do."""

from __future__ import annotations

import random
import threading

import pytest

from router_ml.config import RouterConfig, load_config
from router_ml.config.execution import Breaker
from router_ml.execution.lanes.breaker import BreakerState, allow, record
from router_ml.execution.lanes.watch import Watch
from router_ml.offline.outage.capacity import overflow
from router_ml.offline.outage.first import all_seconds, first_seconds, needed, probes
from tests.state.test_drills import lane


def met(rules: Breaker, *, rate: float, hang_s: float, hours: float, seed: int) -> tuple[int, int, float]:
    """Requests that meet a dead lane before its breaker opens, later ones that probe it, and seconds until it opens;
    by the real breaker, after ten windows in which all went well."""
    rng, now = random.Random(seed), 0.0
    state, calls = BreakerState(), []
    while now < rules.window_ms * 10:
        now += rng.expovariate(rate) * 1000
        state = record(state, True, now, rules=rules)
    start, opened, before, later = now, None, 0, 0
    end = start + hours * 3_600_000
    while True:
        now += rng.expovariate(rate) * 1000
        while calls and calls[0][0] <= now:
            ends, turn = calls.pop(0)
            state = record(state, False, ends, rules=rules, turn=turn)
            if opened is None and state.phase == "open":
                opened = ends
        if now > end:
            break
        may, state = allow(state, now, rules=rules)
        if may:
            before, later = (before + 1, later) if opened is None else (before, later + 1)
            calls.append((now + hang_s * 1000, state.turn))
    return before, later, ((opened or end) - start) / 1000


@pytest.mark.parametrize(
    ("rate", "hang_s", "rules"),
    [(2.0, 0.0, Breaker()), (2.0, 30.0, Breaker()), (0.5, 10.0, Breaker(failures=3)), (1.5, 0.0, Breaker(failures=40))],
)
def test_the_formula_is_the_mean_of_the_real_breaker(rate: float, hang_s: float, rules: Breaker) -> None:
    runs = [met(rules, rate=rate, hang_s=hang_s, hours=0.2, seed=seed) for seed in range(150)]
    count = needed(rules, rate=rate)
    requests = sum(before for before, *_ in runs) / len(runs)
    seconds = sum(opened for *_, opened in runs) / len(runs)
    assert requests == pytest.approx(count + rate * hang_s, rel=0.15)
    assert seconds == pytest.approx(count / rate + hang_s, rel=0.15)


def test_probes_are_counted_as_the_real_breaker_makes_them() -> None:
    rules = Breaker(open_ms=2000, max_open_ms=60_000)
    runs = [met(rules, rate=5.0, hang_s=0.0, hours=1.0, seed=seed) for seed in range(20)]
    later = sum(probing for _, probing, _ in runs) / len(runs)
    assert later == pytest.approx(probes(rules, hours=1.0 - 1 / 3600, rate=5.0), abs=1.5)


def test_each_process_has_breakers_of_its_own() -> None:
    config = load_config("models/default/router.yaml")
    asked = {"per_minute": 600.0, "hours": 48.0, "rescued": 1.0}
    one = first_seconds(config, ("balanced",), processes=1, **asked)  # type: ignore[arg-type]
    four = first_seconds(config, ("balanced",), processes=4, **asked)  # type: ignore[arg-type]
    assert (one.requests, four.requests) == (5, 20)
    assert four.seconds == pytest.approx(4 * one.seconds)
    assert four.requests_hanging == pytest.approx(20 + 10 * 30)
    assert four.probes == pytest.approx(4 * one.probes, rel=0.02)
    nobody = first_seconds(config, ("balanced",), per_minute=0.0, hours=48, processes=1, rescued=1.0)
    assert (nobody.requests, nobody.probes) == (0, 0)
    few = first_seconds(config, ("balanced",), per_minute=0.01, hours=1, processes=1, rescued=1.0)
    assert few.requests == pytest.approx(0.6)


def left_alone(config: RouterConfig, per_minute: dict[str, float], seed: int) -> tuple[int, float]:
    """Requests that meet a dead lane until all of these are left alone, and seconds to the last; by the real breakers
    of the executor, which never try again here."""
    rng, now, told = random.Random(seed), [0.0], set()
    names, rate = list(per_minute), sum(per_minute.values()) / 60

    def report(name: str, state: str) -> None:
        told.add(name) if state == "down" else told.discard(name)

    watch = Watch(
        config.lanes, config.execution, report=report, clock=lambda: now[0], after=lambda _, __: threading.Timer(9, int)
    )
    met_so_far, last = 0, 0.0
    for _ in range(10_000):
        open_ = [one for one in names if not told.isdisjoint({one, config.lanes[one].provider})]
        if len(open_) == len(names):
            return met_so_far, last
        now[0] += rng.expovariate(rate)
        drawn = rng.choices(names, list(per_minute.values()))[0]
        if drawn not in open_:
            watch.leave(watch.enter(drawn), False)
            met_so_far, last = met_so_far + 1, now[0]
    raise AssertionError("some lane was never left alone")


@pytest.mark.parametrize(
    ("providers", "per_minute", "breakers"),
    [
        ({"a": "acme", "z": "zeta", "u": "acme"}, {"a": 60.0, "z": 6.0}, 2),  # a region: two vendors
        ({"a": "acme", "z": "acme", "u": "zeta"}, {"a": 36.0, "z": 24.0}, 1),  # a vendor
        ({"a": "acme", "z": "acme", "u": "acme"}, {"a": 60.0}, 1),  # one lane of a vendor
    ],
)
def test_each_vendor_of_a_region_has_breakers_of_its_own(
    providers: dict[str, str], per_minute: dict[str, float], breakers: int
) -> None:
    lanes = {name: lane(provider) for name, provider in providers.items()}
    classes = {"default": {"floor": 0.4, "quality_per_usd": 1}}
    pauses = {"breaker": {"open_ms": 1e9, "max_open_ms": 1e9}}
    config = RouterConfig.model_validate(
        {"version": 1, "lanes": lanes, "traffic_classes": classes, "execution": pauses}
    )
    found = all_seconds(config, per_minute, hours=48, processes=1, rescued=1.0)
    runs = [left_alone(config, per_minute, seed) for seed in range(100)]
    assert found.breakers == breakers
    assert found.requests == pytest.approx(sum(count for count, _ in runs) / len(runs), rel=0.25)
    assert found.seconds == pytest.approx(sum(last for _, last in runs) / len(runs), rel=0.25)


def test_what_finds_no_room_is_what_no_spreading_can_place() -> None:
    """Against every way to spread whole requests over two lanes."""
    rng = random.Random(3)
    for _ in range(200):
        room = {"a": rng.randint(0, 6), "b": rng.randint(0, 6)}
        demand = {lanes: rng.randint(0, 6) for lanes in ("a", "b", "ab")}
        only = {lane: min(demand[lane], room[lane]) for lane in room}
        left = sum(room[lane] - only[lane] for lane in room)
        least = sum(demand[lane] - only[lane] for lane in room) + max(demand["ab"] - left, 0)
        groups = [(frozenset(lanes), float(count)) for lanes, count in demand.items()]
        assert overflow(groups, {lane: float(count) for lane, count in room.items()}) == pytest.approx(least)
