"""The threshold of likeness is chosen on one half of the pairs and measured on the other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from router_ml.execution.retrieval.embedding import Embedding
from router_ml.storage.bundle import Bundle
from training.evals.judges.calibrate import area, calibrate
from training.evals.judges.similar import FOLDER, calibrated


def test_the_area_under_the_curve() -> None:
    """All above is 1, all below is 0, the same is a half."""
    assert area(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert area(np.array([0.0]), np.array([1.0])) == 0
    assert area(np.array([1.0]), np.array([1.0])) == 0.5


def test_what_ships_is_what_the_command_makes(bundle: Bundle) -> None:
    """The calibration in the repository comes from the pairs in the repository."""
    made = calibrate(FOLDER / "pairs.jsonl", Embedding(bundle.encoder), encoder=bundle.encoder.sha256)
    assert made.threshold == pytest.approx(calibrated().threshold, abs=0.01)
    assert made.auc == pytest.approx(calibrated().auc, abs=0.05)


def test_no_text_is_in_both_halves() -> None:
    """Nothing that the threshold is measured on was there when it was chosen."""
    rows = [json.loads(line) for line in Path(FOLDER / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    halves = [
        {row[side] for row in rows if row["part"] == part for side in ("one", "other")} for part in ("tune", "held_out")
    ]
    assert not halves[0] & halves[1]
