"""What others say is believed for as long as they said, tried again by one at a time, and never over one's own eyes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config import parse_config
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.trouble import Trouble
from router_ml.execution.lanes.watch import Watch
from router_ml.state.health import Health, Word
from router_ml.state.sharing.hearsay import LEASE_S, Hearsay, Said, Telling
from tests.state.sharing.conftest import CONFIG


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hearsay(clock: Clock) -> Hearsay:
    return Hearsay(clock, random.Random(3))


def believed(hearsay: Hearsay, *said: Said | None, well: float = 0.0) -> dict[str, Word]:
    """What is believed of ``acme`` when processes a, b, ... say this of it just now."""
    found = {name: (0.0, {} if one is None else {"acme": one}) for name, one in zip("abcd", said, strict=False)}
    return hearsay.believed(found, well={"acme": well})


def test_a_pause_is_kept_to_its_end_and_a_little_longer(hearsay: Hearsay, clock: Clock) -> None:
    """Longer, so that whoever opened the breaker tries first and the others hear how that went."""
    until = believed(hearsay, Said("open", 5.0))["acme"].until
    assert until is not None
    assert 1006 < until < 1010
    clock.now += 2
    assert believed(hearsay, Said("open", 3.0, 2.0))["acme"].until == until, "told again, it is the same pause"
    clock.now += 4
    assert believed(hearsay, Said("waiting", 0.0, 6.0))["acme"].until == until
    clock.now = until
    assert believed(hearsay, Said("waiting", 0.0, 12.0)) == {}, "nobody tries there, so others may"


def test_while_one_tries_the_others_wait_and_what_it_finds_holds_at_once(hearsay: Hearsay, clock: Clock) -> None:
    believed(hearsay, Said("open", 5.0))
    clock.now += 9
    assert believed(hearsay, Said("probing", 0.0, 9.0))["acme"].until == clock.now + LEASE_S
    clock.now += 1
    again = believed(hearsay, Said("open", 10.0, 0.0))["acme"].until
    assert again is not None
    assert again > clock.now + 11
    assert believed(hearsay, None) == {}, "it is well again"


def test_replicas_do_not_all_try_at_once() -> None:
    """Each waits for another time."""
    clock = Clock()
    ends = [believed(Hearsay(clock, random.Random(seed)), Said("open", 5.0))["acme"].until or 0.0 for seed in range(20)]
    assert max(ends) - min(ends) > 1.0


def test_own_eyes_count_more(hearsay: Hearsay, clock: Clock) -> None:
    """A success since then; one from before says nothing."""
    assert believed(hearsay, Said("open", 5.0, 2.0), well=clock.now - 3) != {}
    assert believed(hearsay, Said("open", 5.0, 2.0), well=clock.now - 1) == {}
    clock.now += 20
    assert believed(hearsay, Said("open", 5.0, 0.0), well=clock.now - 21) != {}, "it failed once more since"


def test_what_callers_report_holds_while_it_is_said(hearsay: Hearsay, clock: Clock) -> None:
    assert believed(hearsay, Said("reported", 0.0, 60.0))["acme"].until == clock.now + LEASE_S
    assert believed(hearsay, None) == {}


def test_of_several_the_longest_pause_counts(hearsay: Hearsay) -> None:
    found = believed(hearsay, Said("open", 5.0), Said("open", 60.0), Said("probing"))
    assert found["acme"].why == "heard from b"


@given(st.lists(st.tuples(st.sampled_from(["open", "probing", "waiting", "reported"]), st.floats(0, 60)), max_size=30))
def test_nothing_is_believed_for_ever(steps: list[tuple[str, float]]) -> None:
    """Whatever was said, once nobody says anything it is over, and never later than was said and a little."""
    clock, hearsay = Clock(), Hearsay(Clock(), random.Random(1))
    hearsay._clock = clock
    for phase, left in steps:
        found = believed(hearsay, Said(phase, left if phase == "open" else 0.0))
        said = max(left for _, left in steps)
        assert all(
            word.until is not None and word.until <= clock.now + max(said, LEASE_S) + 5 for word in found.values()
        )
        clock.now += 0.7
    assert believed(hearsay, None) == {}


def test_a_word_ends_without_anybody_looking(clock: Clock) -> None:
    """The thread that listens may be stuck at a database that is away."""
    health = Health(CONFIG.lanes, clock=clock)
    health.hear({"acme": Word("heard from a", clock.now + 5), "nobody's": Word("heard from a", clock.now + 5)})
    assert health.snapshot == {"acme": "down: heard from a"}
    clock.now += 5
    assert health.snapshot == {}


def test_one_word_does_not_take_back_another(clock: Clock) -> None:
    health = Health(CONFIG.lanes, clock=clock)
    health.report("acme", "down")
    health.hear({"acme": Word("heard from a", clock.now + 5)})
    health.switch({"acme": Word("switched off, aud_1")})
    assert health.snapshot == {"acme": "down: switched off, aud_1"}
    health.report("acme", "up")
    assert health.snapshot == {"acme": "down: switched off, aud_1"}
    health.switch({})
    assert health.snapshot == {"acme": "down: heard from a"}
    with pytest.raises(InvalidRequestError, match="acme-1"):
        health.report("nobody's", "down")


def test_it_is_told_since_when(clock: Clock) -> None:
    telling = Telling(clock)
    assert telling.now({"acme": Trouble("open", 5.0)}, ["acme", "best"])["acme"] == Said("open", 5.0, 0.0)
    clock.now += 2
    found = telling.now({"acme": Trouble("open", 3.0)}, ["acme", "best"])
    assert found == {"acme": Said("open", 3.0, 2.0), "best": Said("reported", 0.0, 2.0)}
    clock.now += 4
    assert telling.now({"acme": Trouble("probing")}, [])["acme"].since_s == 6.0
    assert telling.now({"acme": Trouble("open", 10.0)}, [])["acme"].since_s == 0.0, "it failed again just now"


def test_breakers_tell_how_a_place_is(clock: Clock) -> None:
    config = parse_config("""
        version: 1
        execution: {breaker: {failures: 1, open_ms: 5000}}
        lanes:
          solo:
            {model: m, provider: p, failure_domain: p, region: eu, boundary: vendor, prior: {quality: 0.8},
            price: {input_per_mtok: 1, output_per_mtok: 1}, latency: {base_ms: 1, ms_per_output_token: 1},
            context_window: 1000, max_output_tokens: 100}
        traffic_classes: {default: {floor: 0.5, quality_per_usd: 10}}
    """)

    class Never:
        def cancel(self) -> None:
            pass

    watch = Watch(
        config.lanes, config.execution, report=lambda *_: None, clock=clock, after=lambda seconds, work: Never()
    )
    watch.leave(watch.enter("solo"), True)
    assert (watch.troubled(), watch.last_well()) == ({}, {"solo": clock.now, "p": clock.now})
    watch.leave(watch.enter("solo"), False)
    assert watch.troubled() == {"solo": Trouble("open", 5.0), "p": Trouble("open", 5.0)}
    clock.now += 6
    assert watch.troubled()["p"] == Trouble("waiting")
    probe = watch.enter("solo")
    assert watch.troubled()["p"] == Trouble("probing")
    watch.leave(probe, True)
    assert watch.troubled() == {}


def spared(gap_s: float, *, well: str, seconds: float = 600.0) -> tuple[float, int]:
    """The share of its calls that replica b keeps from a vendor, and how many of those that it makes fail, beside a
    replica a; both get a request about every ``gap_s``. ``well``: the replicas whose calls to the vendor succeed."""

    class Never:
        def cancel(self) -> None:
            pass

    clock, rng = Clock(), random.Random(11)
    replicas: dict[str, tuple[Health, Watch, Telling, Hearsay]] = {}
    told: dict[str, tuple[float, dict[str, Said]]] = {}
    ticks, calls = {"a": 1000.2, "b": 1000.6}, {"a": 1000.1, "b": 1000.3}
    for name in "ab":
        health = Health(CONFIG.lanes, clock=clock)
        watch = Watch(CONFIG.lanes, CONFIG.execution, report=health.report, clock=clock, after=lambda *_: Never())
        hearsay = Hearsay(clock, random.Random(ord(name)), doubt=watch.doubt)
        replicas[name] = health, watch, Telling(clock), hearsay
    asked = kept = failed = 0
    while clock.now < 1000 + seconds:
        clock.now += 0.1
        for name, (health, watch, telling, hearsay) in replicas.items():
            other = "b" if name == "a" else "a"
            watch._look()
            if clock.now >= ticks[name]:
                ticks[name] += rng.uniform(0.75, 1.25)
                told[name] = clock.now, telling.now(watch.troubled(), health.reported)
                if other in told:
                    at, said = told[other]
                    health.hear(hearsay.believed({other: (clock.now - at, said)}, well=watch.last_well()))
            if clock.now >= calls[name]:
                calls[name] += rng.expovariate(1 / gap_s)
                down = {"zeta", "other"} & health.snapshot.keys()
                asked, kept = asked + (name == "b"), kept + (name == "b" and bool(down))
                if not down:
                    watch.leave(watch.enter("other"), name in well)
                    failed += name == "b" and name not in well
    return kept / asked, failed


@pytest.mark.parametrize("gap_s", [0.2, 1.0, 5.0])
def test_a_replica_whose_network_is_broken_takes_a_vendor_from_nobody_else(gap_s: float) -> None:
    """It says so again and again, while requests keep coming to both."""
    share, _ = spared(gap_s, well="b")
    assert share < 0.05


def test_a_vendor_that_is_down_for_all_is_tried_a_few_times_by_each() -> None:
    share, failed = spared(0.2, well="")
    assert share > 0.95
    assert failed < 30
