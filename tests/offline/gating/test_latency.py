"""Decision times are compared in turns, by the fastest round of each text."""

from __future__ import annotations

import numpy as np
import pytest

from router_ml.config.schema import Release
from router_ml.offline.gating.latency import latency_check, time_ratio


class _Clock:
    """Time that only passes when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_ratio_is_that_of_the_work_whatever_the_machine_does_beside() -> None:
    clock, rng = _Clock(), np.random.default_rng(0)

    def work(pace: float) -> object:
        def call(text: str) -> None:
            clock.now += pace * len(text) + (rng.random() < 0.5) * 100.0  # a stall, now and then

        return call

    texts = ["a" * size for size in (5, 20, 60)]
    assert time_ratio(work(1.0), work(1.3), texts, rounds=12, clock=clock) == pytest.approx(1.3)


def test_a_slow_challenger_fails_and_an_unmeasured_one_is_not_known() -> None:
    release = Release(max_latency_ratio=1.2)
    assert latency_check(1.1, release).passed
    assert latency_check(1.3, release).passed is False
    assert latency_check(None, release, "No champion.").passed is None
