"""Days without a vendor, and many requests at once with faults among them."""

from __future__ import annotations

import pytest

from benchmarks.execution.outage import outage
from benchmarks.execution.soak import soak


def test_a_vendor_is_away_for_a_while() -> None:
    """Through the whole executor: others answer every request, and its return is noticed."""
    found = outage(hours=0.1, per_second=0.5, whole=True)
    assert set(found.ends) == {"answered"}
    assert 0 < found.wasted < 0.2 * found.requests
    assert found.back_after < 1800


@pytest.mark.slow
def test_a_vendor_is_away_for_two_days() -> None:
    """Every request is answered by others, the breaker tries it now and then, and its return is noticed."""
    found = outage(hours=48)
    assert set(found.ends) == {"answered"}
    assert 0 < found.wasted_later <= 0.01 * found.later
    assert found.back_after < 1800


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_done_twice_with_a_fifth_of_all_calls_failing() -> None:
    found = soak(requests=500, concurrency=50)
    assert found.lost == 0
    assert found.ends.total() == 500
    assert found.faults > 0.1 * found.calls
    assert found.ledger.refunds
    assert max(found.ledger.refunds.values()) == 1
    assert found.no_evidence == []
