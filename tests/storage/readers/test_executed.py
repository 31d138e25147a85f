"""What an execution says of cost, time and lane counts where no outcome says it, in the log as in its archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from router_ml.contract import Execution, Hop, Outcome
from router_ml.storage.archives.archive import compact, read_archive
from router_ml.storage.database import entries
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.records import LoggedData
from router_ml.storage.eventlog import EventLog
from tests.storage.conftest import MARCH

Told = Callable[..., list[Entry]]


def executed(number: int, *hops: Hop, lane: str | None = "balanced", days: float = 0.1, name: str = "e") -> Entry:
    """An execution of a decision, so many days after it."""
    said = Execution(decision_id=f"dec-{number}", execution_id=f"{name}{number}", hops=hops, final_lane=lane)
    return entries.of_execution(said, MARCH + timedelta(days=number + days))


def hop(**changes: Any) -> Hop:
    """A call that cost a cent and took a second."""
    given = {"lane": "balanced", "provider": "p", "region": "eu", "boundary": "vendor"}
    return Hop(**{**given, "cost_usd": 0.01, "latency_ms": 1000.0, **changes})


def decisions(told: Told, count: int) -> list[Entry]:
    return [told(number)[0] for number in range(count)]


def lanes(data: LoggedData) -> list[str | None]:
    return [data.lanes[at] if at >= 0 else None for at in data.executed]


def test_hops_count_where_no_outcome_says_what_it_cost(log: EventLog, told: Told) -> None:
    log.write(decisions(told, 5))
    failed = hop(lane="fast", error="timeout", cost_usd=0.0, latency_ms=500.0)
    log.write([executed(0, failed, hop()), executed(1, hop()), executed(2, lane=None), executed(3, hop(), days=31)])
    log.write([entries.of_outcome(Outcome(decision_id="dec-1", cost_usd=0.5, at=MARCH + timedelta(days=1.2)))])
    data = log.logged()
    np.testing.assert_allclose(data.cost_usd, [0.01, 0.5, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(data.latency_ms, [1500, 1000, np.nan, np.nan, np.nan])
    assert lanes(data) == ["balanced", "balanced", None, None, None]
    assert np.isnan(data.quality).all()


def test_a_decision_that_was_carried_out_twice_cost_both(log: EventLog, told: Told) -> None:
    """The time and the lane are those of the answer that was given last."""
    log.write(decisions(told, 1))
    log.write([executed(0, hop()), executed(0, hop(latency_ms=200.0, lane="other"), lane="other", days=0.2, name="f")])
    data = log.logged()
    assert data.cost_usd[0] == 0.02
    assert data.latency_ms[0] == 200
    assert lanes(data) == ["other"]


def test_a_request_that_waited_for_a_person_cost_both_parts(log: EventLog, told: Told) -> None:
    """The part before the approval has no final lane, the part after it does; calls that were not made cost nothing."""
    log.write(decisions(told, 2))
    before = Execution(decision_id="dec-0", execution_id="a", status="human_review", hops=(hop(),))
    refused = hop(lane="fast", kind="not_allowed", error=None, cost_usd=None, latency_ms=0.0)
    after = Execution(
        **{"decision_id": "dec-0", "execution_id": "b", "status": "answered", "resumes": "a"},
        hops=(refused, hop(lane="own", latency_ms=300.0)),
        final_lane="own",
    )
    log.write([entries.of_execution(one, MARCH + timedelta(hours=n)) for n, one in enumerate((before, after))])
    failed = hop(kind="schema", cost_usd=None)
    log.write([executed(1, failed, hop())])
    data = log.logged()
    np.testing.assert_allclose(data.cost_usd, [0.02, 0.01])
    assert data.latency_ms[0] == 300
    assert lanes(data) == ["own", "balanced"]


def test_a_cost_that_a_call_does_not_report_is_not_known(log: EventLog, told: Told) -> None:
    """However it is written: a sum without it would be too low. What took no time was not measured."""
    log.write(decisions(told, 2))
    unsaid = executed(0, hop(), hop(latency_ms=0.0))
    record = unsaid.record.replace('"cost_usd":0.01', '"cost_usd":null', 1)
    log.write([Entry(**{**vars(unsaid), "record": record}), executed(1, hop(latency_ms=0.0))])
    data = log.logged()
    assert np.isnan(data.cost_usd[0])
    assert data.latency_ms[0] == 1000
    assert data.cost_usd[1] == 0.01
    assert np.isnan(data.latency_ms[1])


def test_batches_and_archives_say_the_same(log: EventLog, told: Told, tmp_path: Path) -> None:
    log.write(decisions(told, 7))
    log.write([executed(number, hop(cost_usd=0.01 * (number + 1)), lane="unnamed") for number in range(7)])
    whole = log.logged()
    assert np.isfinite(whole.cost_usd).all()
    pages = list(log.batches(size=3))
    now = MARCH + timedelta(days=99)
    compact(
        log,
        before=now - timedelta(days=40),
        to=str(tmp_path / "archive"),
        part=4,
        who="schedule",
        why="compaction",
        now=now,
    )
    for parts in (pages, list(read_archive(str(tmp_path / "archive")))):
        assert len(parts) > 1
        for name in ("cost_usd", "latency_ms", "executed", "lane_version"):
            np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))
        assert all(part.lanes == whole.lanes for part in parts)
