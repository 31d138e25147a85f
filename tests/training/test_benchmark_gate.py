"""The study of the gate: challengers are exactly as good as they are said to be, and the logs are fair, or faulty."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="benchmarks need the 'offline' extra")

from router_ml.config.schema import Release
from router_ml.errors import OfflineDataError
from router_ml.offline.gate import judge
from training.benchmark.gate import as_table, fault_table, study
from training.benchmark.gate_world import Fault, World, challengers, replay, swap

MARGIN = 0.02


@pytest.fixture(scope="module")
def world() -> World:
    """Three lanes, the dearer the better on average; the champion takes the second or the third."""
    rng = np.random.default_rng(0)
    n = 1500
    quality = (rng.random((n, 3)) < np.array([0.6, 0.7, 0.75])).astype(float)
    cost = np.tile([0.001, 0.002, 0.004], (n, 1)) * rng.uniform(0.8, 1.2, (n, 3))
    usual = rng.integers(1, 3, n)
    logging = np.full((n, 3), 0.1)
    logging[np.arange(n), usual] = 0.8
    believed = np.tile([0.6, 0.7, 0.75], (n, 1))
    return World(quality, cost, believed, cost, logging, usual, rng.choice(["intent 0", "intent 1"], n))


def test_challengers_are_as_good_as_they_are_said_to_be(world: World) -> None:
    worse, deserving = challengers(world, MARGIN)
    for challenger in (*worse, *deserving):
        assert challenger.target.sum(axis=1) == pytest.approx(1)
        assert challenger.target.min() >= 0
        change = challenger.target - world.logging
        assert (change * world.quality).sum(axis=1).mean() == pytest.approx(challenger.quality)
        assert challenger.cost_usd < 0
    assert [each.quality for each in worse] == pytest.approx([-MARGIN * 1.0001] * 4)
    assert [each.quality for each in deserving] == pytest.approx([-MARGIN / 2, 0, 0.01], abs=1e-3)


def test_what_a_matrix_does_not_have_is_said(world: World) -> None:
    rows = np.ones(len(world), bool)
    rng = np.random.default_rng(0)
    with pytest.raises(OfflineDataError, match="No challenger"):
        swap(world, "a wonder", np.zeros(len(world), np.intp), 0.9, where=rows, rng=rng)


def test_a_fair_log_passes_the_data_checks_and_a_faulty_one_does_not(world: World) -> None:
    bad = challengers(world, 3 * MARGIN)[0][0]
    faults: tuple[Fault, ...] = ("none", "failures are lost", "a hidden override")
    for fault in faults:
        trial = replay(world, bad, 6000, fault=fault, rng=np.random.default_rng(1))
        found = judge(trial, Release(margin=MARGIN))
        sound = found.check("sample_ratio").passed and found.check("mean_weight").passed
        assert sound == (fault == "none")
        assert found.verdict == ("reject" if fault == "none" else "hold")


def test_false_promotions_stay_rare_and_the_good_pass(world: World) -> None:
    """A small study: the large one is ``python -m training.benchmark gate``."""
    worse, deserving = challengers(world, MARGIN)
    release = Release(margin=MARGIN)
    bad = study(world, worse[0], kind="worse", rated=3000, gates=60, release=release)
    good = study(world, deserving[2], kind="deserves it", rated=8000, gates=20, release=release)
    assert bad.promoted <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)
    assert good.promoted >= 0.5
    assert as_table([bad, good], "").row_count == 4
    assert fault_table([bad]).row_count == 0


def test_sessions_are_judged_by_person_or_promise_too_much(world: World) -> None:
    """Twenty times the same question is one observation: taken for twenty, intervals miss the truth."""
    release, bad = Release(margin=MARGIN), challengers(world, MARGIN)[0][2]
    told = {"kind": "sessions", "rated": 3000, "gates": 60, "release": release, "turns": 20}
    by_person, alone = (study(world, bad, **told, clustered=clustered) for clustered in (True, False))  # type: ignore[arg-type]
    assert by_person.promoted <= alone.promoted
    assert by_person.coverage > alone.coverage + 0.1
    assert by_person.coverage > 0.85
