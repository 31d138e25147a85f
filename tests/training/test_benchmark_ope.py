"""The off-policy benchmark knows its truth, and its logs follow the propensities that they carry."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from router_ml.offline import ope
from training.benchmark.__main__ import app
from training.benchmark.ope import LOGGING, draw, make_world, study
from training.outcomes import load_pack


@pytest.mark.parametrize("log", LOGGING)
def test_the_truth_is_what_very_many_decisions_show(log: str) -> None:
    world = make_world(load_pack(), log)
    target, _, feedback = draw(world, 50_000, "known", 0)
    found = ope.snips(target, feedback)
    assert abs(found.value - world.truth) < 4 * found.standard_error
    assert ope.diagnose(target, feedback).mean_weight_p_value > 1e-4
    assert ope.sample_ratio(feedback).p_value > 1e-4


def test_a_cell_has_a_row_per_estimator() -> None:
    rows = study(make_world(load_pack(), "skewed"), "skewed", n=200, ratings="known", seeds=5)
    names = {row.estimator for row in rows if row.interval == "normal"}
    assert names >= {"dr", "sndr", "snips", "ips", "dm", "clipped_ips", "switch_dr", "dr difference"}
    assert {row.estimator for row in rows if row.interval == "betting"} == {"value", "difference"}
    for row in rows:
        assert 0 <= row.coverage <= 1
        if row.interval == "normal":
            assert np.isclose(row.coverage + row.below + row.above, 1)
            assert row.width > 0


def test_the_command_writes_json() -> None:
    result = CliRunner().invoke(app, ["ope", "--seeds", "2", "--sizes", "100", "--ratings", "modelled", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seeds"] == 2
    assert {row["ratings"] for row in found["rows"]} == {"modelled"}
    assert not any(math.isnan(row["rmse"]) for row in found["rows"])
