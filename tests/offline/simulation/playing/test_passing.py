"""Calls that went well are kept as long as breakers may ask for them, and no longer."""

from __future__ import annotations

import numpy as np

from router_ml.execution.lanes.later import Handle
from router_ml.execution.lanes.watch import Watch
from router_ml.offline.simulation.playing.passing import _LEAST, Passed
from tests.offline.simulation.small_worlds import LANES, SHIPPED, lanes


class _Never:
    def cancel(self) -> None:
        """Nothing is planned."""


def _after(_: float, __: object) -> Handle:
    return _Never()


def test_what_ended_one_by_one_is_forgotten_like_what_passed_in_bulk() -> None:
    """Where nothing of a provider ever fails, its breakers are never told, and yet memory does not grow."""
    there = lanes(np.random.default_rng(0), timeout_ms=1_000)
    watch = Watch(there, SHIPPED.execution, report=lambda *_: None, clock=lambda: 0.0, after=_after)
    passed, n = Passed(watch, there, LANES, reach_s=60.0, slice_ms=1_000.0), _LEAST
    for turn in range(4):
        start_s = turn * 1_000.0 + np.arange(n) / n
        passed.add(start_s, start_s + 0.5, np.zeros(n, np.int64))
        for start in start_s[:50].tolist():
            passed.add_one(start, start + 0.5, 2)
    assert len(passed._late) <= 100
    passed.tell(2, 4_000.0)
    assert not passed._late
