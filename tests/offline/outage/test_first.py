"""What is expected of the first seconds is what the breakers of ``execution`` do."""

from __future__ import annotations

import random

import pytest

from router_ml.config import load_config
from router_ml.config.execution import Breaker
from router_ml.execution.lanes.breaker import BreakerState, allow, record
from router_ml.offline.outage.capacity import overflow
from router_ml.offline.outage.first import first_seconds, needed, probes


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
