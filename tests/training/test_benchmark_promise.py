"""The promise study: it must tell a promise that is kept from one that is kept by half."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="benchmarks need the 'offline' extra")

from router_ml.allocation.quality import believe
from training.benchmark import __main__ as command
from training.benchmark.promise import Row, study
from training.benchmark.promise_pool import DELTA, Pool, promised, survey
from training.benchmark.promise_tests import growth_bets, hoeffding_bentkus
from training.outcomes import Pack, load_pack, save_pack
from training.predicting.certification import Believed

RESAMPLINGS = 200


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack().take(np.arange(500))


def _believed(pack: Pack) -> Believed:
    noisy = np.clip(pack.quality + np.random.default_rng(0).normal(0, 0.1, pack.quality.shape), 0, 1)
    lanes = pack.quality.shape[1]
    belief = believe(noisy, np.full(noisy.shape, 50.0), prior=np.full(lanes, 0.8), strength=np.full(lanes, 4.0))
    return Believed(belief, np.repeat(pack.cost_usd.mean(axis=0)[None], len(noisy), axis=0))


@pytest.fixture(scope="module", params=["mean", "loss"])
def rows(request: pytest.FixtureRequest, pack: Pack) -> dict[str, Row]:
    of = promised(pack, request.param, 0.02)
    pool: Pool = survey(pack, _believed(pack), of)
    found = study(pool, of, margin=0.02, share=1.0, resamplings=RESAMPLINGS)
    return {row.method: row for row in found}


def test_ours_keeps_what_it_promises(rows: dict[str, Row]) -> None:
    error = math.sqrt(DELTA * (1 - DELTA) / RESAMPLINGS)
    for name, row in rows.items():
        if name != "naive threshold":
            assert row.missed <= DELTA + 3 * error
    assert rows["naive threshold"].missed >= rows["ours"].missed


def test_ours_gives_away_no_more_than_the_tests_it_replaces(rows: dict[str, Row]) -> None:
    """Of the cheap share; the naive threshold, which promises nothing, has the largest."""
    assert rows["ours"].cheap_share >= rows["Hoeffding-Bentkus"].cheap_share
    assert rows["naive threshold"].cheap_share >= rows["ours"].cheap_share


@pytest.mark.parametrize("loss", [0.9, 0.5])
def test_the_other_tests_hold_their_level_too(loss: float) -> None:
    random = np.random.default_rng(0)
    gains = np.where(random.random((100, 2000)) < loss, 1 - loss, -loss)
    limit = DELTA + 4 * math.sqrt(DELTA * (1 - DELTA) / 2000)
    assert growth_bets(iter(gains), 100, worst=loss, delta=DELTA, variance=0.25).mean() <= limit
    assert hoeffding_bentkus(iter(gains), 100, worst=loss, best=1 - loss, delta=DELTA).mean() <= limit


def test_the_command_reports_every_floor_and_method(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = replace(pack.take(np.arange(240)))
    save_pack(part, tmp_path / "small", prompt_sha256=["00" * 32] * 240, source="test")
    monkeypatch.setattr(
        "sys.argv", ["benchmark", "promise", "--data", str(tmp_path / "small"), "--resamplings", "20", "--json"]
    )
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["rows"]) == 3 * 4
    assert {row["method"] for row in report["rows"]} >= {"ours", "naive threshold"}
