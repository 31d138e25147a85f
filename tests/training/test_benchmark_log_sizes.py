"""Ways to learn from evaluated prompts and a log meet on the same held-out prompts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="benchmarks need the 'offline' extra")

from training.benchmark.log_sizes import FITS, runs, single
from training.outcomes import Pack


def test_a_log_knows_one_lane_of_what_was_not_evaluated(pack: Pack) -> None:
    evaluated = np.arange(30)
    outcomes = single(pack, evaluated, 0)
    seen = np.isfinite(outcomes.quality).sum(axis=1)
    assert (seen[evaluated] == len(pack.lanes)).all()
    assert (np.delete(seen, evaluated) == 1).all()


def test_every_way_is_scored_in_every_setting(make_pack: Callable[..., Pack]) -> None:
    """A log alone learns from more rows what more rows say."""
    found = {(setting, name): error for setting, name, error, _ in runs(make_pack(groups=500), 1)}
    assert {name for _, name in found} == set(FITS)
    assert all(np.isfinite(error) for error in found.values())
    assert found["log alone, 500", "joint"] < found["log alone, 200", "joint"]
