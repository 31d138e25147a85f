"""Entries are written once, in any order, and read back as they were; what came too late teaches nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.archives.archive import compact
from router_ml.storage.archives.erasure import erase
from router_ml.storage.database import entries
from router_ml.storage.database.entries import Entry
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify

Told = Callable[..., list[Entry]]
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def outcome(number: int = 0, days: float = 1, **fields: Any) -> Outcome:
    """Of decision ``number``, so many days after it."""
    return Outcome(decision_id=f"dec-{number}", at=MARCH + DAY * (number + days), **fields)


def test_entries_come_back_as_they_were(log: EventLog, told: Told) -> None:
    log.write([*told(1), *told(0)])
    assert [one.decision_id for one in log.executions()] == ["dec-0", "dec-1"]
    assert [one.final_lane for one in log.executions("dec-1")] == ["balanced"]
    assert [one.decision_id for one in log.executions(since=MARCH + DAY)] == ["dec-1"]
    assert [one.approval_id for one in log.approvals()] == ["apr-0", "apr-1"]
    assert [one.decision_id for one in log.outcomes(since=MARCH + DAY)] == ["dec-1"]
    assert log.counts() == {
        "decisions": 2,
        "randomised": 2,
        "embeddings": 2,
        "outcomes": 2,
        "rated": 2,
        "executions": 2,
        "approvals": 2,
        "output_checks": 0,
        "audit_events": 0,
    }


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_order_and_any_repetition_give_the_same_log(told: Told, data: st.DataObject) -> None:
    """A spool that is drained twice, by two workers, out of order, teaches the same."""
    written = [entry for number in range(3) for entry in told(number)]
    order = data.draw(st.permutations(written))
    again = data.draw(st.lists(st.sampled_from(written)))
    cut = data.draw(st.integers(0, len(order)))
    with EventLog("sqlite://") as log:
        for some in (order[:cut], again, order[cut:], again):
            log.write(some)
        found = log.logged()
        assert found.quality.tolist() == [0.5] * 3
        assert found.embeddings[:, 0].tolist() == [0, 1, 2]
        assert (verify(log).problems, verify(log).entries) == ((), 12)


def test_an_outcome_waits_for_its_decision(log: EventLog, told: Told) -> None:
    """Two services write to the log, and one of them is quicker."""
    decision, *rest = told(0, subject="s", days=10)
    log.write(rest)
    assert len(log.logged()) == 0
    assert log.costs(MARCH, until=MARCH + DAY, traffic_classes=["default"]) == []
    log.write([decision])
    assert log.logged().quality.tolist() == [0.5]
    assert verify(log).ok


def test_of_one_source_the_latest_counts_in_whatever_order_they_come(log: EventLog, told: Told) -> None:
    """An old webhook that is delivered late does not undo what a user said since."""
    log.write(told(0)[:1])
    for days, quality in ((2, 1.0), (1, 0.0), (2, 1.0)):
        log.log_outcome(outcome(days=days, quality=quality))
    assert log.logged().quality.tolist() == [1.0]
    assert [one.quality for one in log.outcomes()] == [0.0, 1.0]


def test_what_comes_after_the_window_is_kept_and_teaches_nothing(tmp_path: Path, told: Told) -> None:
    """Whoever may wait as long as they like picks the outcomes that suit them."""
    with EventLog(tmp_path / "log.db", attribution_days=7) as log:
        log.write([*told(0)[:1], *told(1)[:1], *told(2)[:1]])
        log.log_outcomes(
            [
                outcome(0, 7, quality=0.25),
                outcome(0, 8, quality=1.0, cost_usd=0.5, executed_lane="code"),
                outcome(1, 8, quality=1.0, cost_usd=0.5),
            ]
        )
        data = log.logged()
        assert data.late.tolist() == [False, True, False]
        np.testing.assert_array_equal(data.quality, [0.25, np.nan, np.nan])
        assert np.isnan(data.cost_usd).all()
        assert data.executed.tolist() == [-1, -1, -1]
        assert len(list(log.outcomes())) == 3


def test_arrays_say_which_release_decided_at_which_risk(
    log: EventLog, make_decision: Callable[..., RouteDecision]
) -> None:
    unsure = {"label": "qa", "probabilities": {"qa": 0.2}, "abstained": True}
    canary = {"arm": "canary", "arm_share": 0.1}
    log.log_decision(make_decision(decision_id="a"))
    log.log_decision(make_decision(decision_id="b", intent=unsure, state=canary, risk_tier="restricted"))
    data = log.logged()
    assert data.arm.tolist() == ["champion", "canary"]
    assert data.arm_share.tolist() == [1.0, 0.1]
    assert data.risk_tier.tolist() == ["medium", "restricted"]
    assert data.abstained.tolist() == [False, True]
    assert not data.late.any()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_batches_are_the_log_cut_into_pieces(log: EventLog, told: Told, size: int) -> None:
    """Also where many decisions share one instant, and a lane is named in one of them only."""
    at = {"created_at": MARCH}
    only = {"lane": "code", "eligible": ["code"], "propensities": {"code": 1.0}, "propensity": 1.0, "estimates": {}}
    log.write([*told(0), *told(1, **at), *told(2, **at), *told(3, **at), *told(4, **only)])
    whole, batches = log.logged(), list(log.batches(size=size))
    assert [len(batch) <= size for batch in batches] == [True] * len(batches)
    assert {batch.lanes for batch in batches} == {whole.lanes}
    for name in ("decision_ids", "propensities", "estimated_quality", "quality", "embeddings", "action", "arm"):
        np.testing.assert_array_equal(np.concatenate([getattr(batch, name) for batch in batches]), getattr(whole, name))


def test_batches_of_one_organisation_and_of_an_empty_log(log: EventLog, told: Told) -> None:
    assert list(log.batches()) == []
    log.write([*told(0, circumstances={"org": "acme"}), *told(1)])
    assert [batch.decision_ids.tolist() for batch in log.batches(org="acme")] == [["dec-0"]]
    assert list(log.batches(org="nobody")) == []


def test_a_write_is_whole_or_not_at_all(log: EventLog, told: Told) -> None:
    log.write(told(0))
    other = entries.of_execution(Execution(decision_id="dec-0", execution_id="exe-1", final_lane="code"), MARCH)
    clash = entries.of_execution(Execution(decision_id="dec-0", execution_id="exe-1", final_lane="fast"), MARCH)
    log.write([other])
    with pytest.raises(LogError, match=r"Another record is already logged as exe-1\. Give each record its own id"):
        log.write([*told(1), clash])
    assert log.counts()["decisions"] == 1
    log.write(told(1))  # the chain goes on from where it was
    assert verify(log).ok


@pytest.mark.parametrize("name", [None, "exe-1"])
def test_an_execution_that_is_reported_again_is_one_record(log: EventLog, told: Told, name: str | None) -> None:
    """Who reports it again says so at another time; its cost is not to be paid twice."""
    log.write(told(0))
    before = log.counts()["executions"]
    again = [Execution(decision_id="dec-0", execution_id=name, final_lane="code") for _ in range(3)]
    for number, execution in enumerate(again):
        log.write([entries.of_execution(execution, MARCH + timedelta(seconds=number))])
    log.write(
        entries.of_execution(execution, MARCH + timedelta(minutes=number)) for number, execution in enumerate(again)
    )
    assert log.counts()["executions"] == before + 1
    assert MARCH in [execution.at for execution in log.executions("dec-0") if execution.final_lane == "code"]
    other = Execution(decision_id="dec-0", final_lane="code", at=MARCH + DAY)
    log.write([entries.of_execution(other, MARCH)])  # it says itself that it was another time
    assert log.counts()["executions"] == before + 2
    assert verify(log).ok


def test_a_record_that_names_another_decision_than_its_entry_is_refused(log: EventLog, told: Told) -> None:
    first, second = told(0)[0], told(1)[0]
    wrong = Entry("decision", first.record_id, first.decision_id, first.at, second.record)
    with pytest.raises(LogError, match="Decision dec-0 is of another decision than its entry says"):
        log.write([wrong])


def test_what_postgresql_cannot_hold_is_kept_all_the_same(log: EventLog, told: Told, tmp_path: Path) -> None:
    """A NUL in the name of an organisation, or of a source, must not cost the decision."""
    decision = told(0, circumstances={"org": "a\x00b"})[0]
    log.write([decision, entries.of_outcome(outcome(0, source="web\x00hook", quality=1.0))])
    with sqlite3.connect(tmp_path / "log.db") as db:
        assert db.execute("SELECT org FROM decisions").fetchone() == ("a�b",)
    assert log.logged().org.tolist() == ["a\x00b"]
    assert verify(log).ok


def test_postgresql_keeps_the_same_log(postgres: str, told: Told, tmp_path: Path) -> None:
    """Written, read in batches, erased, compacted and verified there as in SQLite."""
    archive, now = str(tmp_path / "archive"), MARCH + 120 * DAY
    said: dict[str, Any] = {"who": "w", "why": "y", "now": now}
    with EventLog(postgres) as log, EventLog("sqlite://") as other:
        for number in range(6):
            some = told(number, subject=log.subject_of(f"user-{number % 3}"))
            log.write(some[1:])
            log.write(some)
            other.write(some)
        found, expected = log.logged(), other.logged()
        for name in ("decision_ids", "propensities", "quality", "embeddings", "created_at"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert [len(batch) for batch in log.batches(size=5)] == [5, 1]
        assert erase(log, user="user-0", **said).decisions == 2
        compact(log, before=MARCH + 3 * DAY, to=archive, part=3, **said)
        assert erase(log, user="user-1", archive=archive, **said).decisions == 2
        checked = verify(log, archive=archive)
        assert (checked.problems, checked.erased, checked.compacted) == ((), 16, 4)


def test_writers_in_postgresql_that_get_in_each_others_way_write_each_entry_once(postgres: str, told: Told) -> None:
    """Processes that drain one spool, in whatever order."""
    written = [told(number) for number in range(12)]

    def drain(turn: int) -> None:
        with EventLog(postgres) as log:
            for number in range(0, 12, 3):
                some = written[number : number + 3]
                log.write(entry for one in (some if turn % 2 else some[::-1]) for entry in one)

    EventLog(postgres).close()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain, range(4)))
    with EventLog(postgres) as log:
        assert (verify(log).problems, verify(log).entries) == ((), 48)
