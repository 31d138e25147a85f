"""Quantiles of latency are within a percent, however many there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.offline.simulation.counting.latencies import BINS, bins_of, latencies, quantile


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(0.2, 3e8), min_size=1, max_size=300), share=st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99])
)
def test_a_quantile_is_within_a_percent(values: list[float], share: float) -> None:
    counts = np.bincount(bins_of(np.array(values)), minlength=BINS)
    exact = np.quantile(values, share, method="inverted_cdf")
    assert quantile(counts, share) == pytest.approx(exact, rel=0.01)


def test_what_is_out_of_range_is_counted_all_the_same() -> None:
    assert bins_of(np.array([0.0, 1e-9, 1e30])).tolist() == [0, 0, BINS - 1]
    assert np.isnan(latencies(np.zeros(BINS, np.int64)).p99)
