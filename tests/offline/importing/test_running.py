"""An import is what a live log would have been: once, whole, marked, and without what must not be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml import Router
from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import Feedback
from router_ml.offline.importing.deciding import decision_id
from router_ml.offline.importing.mapping import Mapping, parse_mapping
from router_ml.offline.importing.running import Imported, import_file
from router_ml.offline.ope import evaluate_all
from router_ml.offline.replay import replay
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.verify import verify
from tests.offline.importing.conftest import TABLE, Written, row_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MAIL = "Write to fay.31@wheelhouse-rentals.eu about the brakes of her tandem, and be kind."


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as events:
        yield events


def brought_in(path: Path, mapping: Mapping, reader: Router, log: EventLog, **more: Any) -> Imported:
    return import_file(path, mapping, router=reader, log=log, who="analyst", why="first data", now=NOW, **more)


def test_twice_is_once_and_later_ratings_are_added(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog
) -> None:
    rows = [row_of(number, thumb="") for number in range(4)]
    first = brought_in(write_rows(rows), table, reader, log)
    assert (first.decisions, first.outcomes) == (4, 0)
    before = log.counts()
    again = brought_in(write_rows(rows), table, reader, log)
    assert (again.decisions, again.outcomes, again.there) == (0, 0, 4)
    assert log.counts() == before
    rated = brought_in(write_rows([row_of(number) for number in range(4)]), table, reader, log)
    assert (rated.decisions, rated.outcomes) == (0, 4)
    assert verify(log).ok


def test_decisions_of_another_mapping_stay_and_are_told_of(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog
) -> None:
    """Whoever adds propensities and imports again must hear that nothing came of it."""
    path = write_rows([row_of(1)])
    assert not brought_in(path, table, reader, log).otherwise
    assert not brought_in(path, table, reader, log).otherwise
    again = brought_in(path, parse_mapping(TABLE + "propensity: {uniform: [onsite, expert]}\n"), reader, log)
    assert (again.decisions, again.otherwise) == (0, True)
    assert not log.logged().randomised.any()


def test_of_a_file_that_cannot_be_read_to_its_end_nothing_is_written(
    tmp_path: Path, table: Mapping, reader: Router, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_ml.offline.importing.running.BATCH", 1)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([row_of(number) for number in range(3)])[:-1])
    with pytest.raises(OfflineDataError, match="after item 2"):
        brought_in(path, table, reader, log)
    assert (log.counts()["decisions"], list(log.audit_events())) == (0, [])


def test_an_import_that_was_broken_off_goes_on(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_ml.offline.importing.running.BATCH", 2)
    path = write_rows([row_of(number) for number in range(6)])

    def stop(rows: int, of: int | None) -> None:
        assert of == 6
        if rows >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        brought_in(path, table, reader, log, step=stop)
    assert log.counts()["decisions"] == 4
    done = brought_in(path, table, reader, log)
    assert (done.decisions, done.there, log.counts()["rated"]) == (2, 4, 6)


def test_it_is_marked_and_says_who_brought_it_in(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog
) -> None:
    brought_in(write_rows([row_of(1)]), table, reader, log)
    decision = log.decision(decision_id("desk", "id:r1"))
    assert decision is not None
    assert (decision.lane, decision.propensities, decision.explored) == ("onsite", {"onsite": 1.0}, False)
    assert (decision.versions.bundle, decision.request_id) == ("import:desk", "r1")
    assert "Imported from desk" in decision.explain("auditor")
    assert [outcome.source for outcome in log.outcomes()] == ["import:desk"]
    ended, begun = sorted(log.audit_events(), key=lambda event: "begun" in event.detail)
    assert (begun.kind, begun.who, begun.detail["begun"]) == ("imported", "analyst", True)
    assert (ended.detail["decisions"], ended.detail["mapping_sha256"]) == (1, table.sha256)


def test_private_rows_keep_no_embedding_and_texts_are_not_kept(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog, tmp_path: Path
) -> None:
    done = brought_in(write_rows([row_of(1), row_of(2, question=MAIL)]), table, reader, log)
    assert (done.survey.private, done.survey.read) == (1, 2)
    assert log.counts()["embeddings"] == 1
    log.close()
    assert b"fay.31" not in b"".join(each.read_bytes() for each in tmp_path.glob("log.db*"))


def test_a_lane_that_rules_forbid_now_is_recorded_as_it_was(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog
) -> None:
    """It has happened; a log that hides it cannot be learned from."""
    brought_in(write_rows([row_of(1, question=MAIL, lane="expert")]), table, reader, log)
    decision = log.decision(decision_id("desk", "id:r1"))
    assert decision is not None
    assert (decision.action, decision.lane, decision.eligible) == ("route", "expert", ("onsite", "expert"))
    assert set(decision.estimates) == {"onsite", "expert"}
    assert set(decision.excluded) == {"everyday"}


def test_what_a_person_had_erased_does_not_come_back(write_rows: Written, reader: Router, log: EventLog) -> None:
    mapping = parse_mapping(TABLE + "user: person\n")
    path = write_rows([row_of(1, person="ann"), row_of(2, person="bo")])
    brought_in(path, mapping, reader, log)
    log.erase(user="ann", who="desk", why="request 1", now=NOW)
    again = brought_in(path, mapping, reader, log)
    assert (again.decisions, again.outcomes, again.gone, again.there) == (0, 0, 1, 1)
    assert log.decision(decision_id("desk", "id:r1")) is None
    assert verify(log).ok


def test_rows_that_were_not_drawn_are_in_no_estimate(
    write_rows: Written, table: Mapping, reader: Router, log: EventLog
) -> None:
    brought_in(write_rows([row_of(number) for number in range(4)]), table, reader, log)
    assert not log.logged().randomised.any()
    with pytest.raises(OfflineDataError):
        Feedback.from_log(log.logged())


def test_an_estimate_on_the_import_is_that_on_the_live_log(
    write_rows: Written, reader: Router, log: EventLog, tmp_path: Path
) -> None:
    """Whoever moves from a log of their own loses nothing: same draws, same ratings, same value."""
    rng, rows = np.random.default_rng(4), []
    promise = reader.config.traffic_classes["default"].model_copy(update={"explore_share": 0.8})
    config = reader.config.model_copy(update={"traffic_classes": {"default": promise}})
    with EventLog(tmp_path / "live.db") as live:
        router = Router(config, bundle=reader.bundle, log=live)
        for number in range(40):
            at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=number)
            asked = row_of(number)["question"]
            made = router.predict_route(asked, seed=number, now=at, metadata={"user": f"u{number % 7}"})
            rated = {"thumb": "up" if rng.random() < 0.7 else "down"} if rng.random() < 0.9 else {"thumb": ""}
            rows.append(row_of(number, lane=made.lane, p=made.propensities, at=at.isoformat(), **rated))
            if rated["thumb"]:
                router.log_outcome(
                    made.decision_id, quality=float(rated["thumb"] == "up"), rated_probability=0.9, at=at
                )
        mapping = parse_mapping(TABLE + "propensity: {table: p}\nrated_probability: 0.9\n")
        brought_in(write_rows(rows), mapping, Router(config, bundle=reader.bundle), log)
        ours, theirs = live.logged(), log.logged()
    assert ours.randomised.sum() > 20
    np.testing.assert_allclose(theirs.embeddings, ours.embeddings, atol=1e-6)
    np.testing.assert_allclose(theirs.features, ours.features, atol=1e-5)
    np.testing.assert_array_equal(theirs.eligible, ours.eligible)
    assert values(theirs) == pytest.approx(values(ours), rel=1e-12)


def values(data: LoggedData) -> dict[str, float]:
    """What always taking each lane would be worth, by each estimator that needs no model."""
    feedback = Feedback.from_log(data)
    drawn = data.select(data.randomised)
    found = {}
    for index, lane in enumerate(data.lanes):
        always = np.zeros((len(drawn), len(data.lanes)))
        always[np.arange(len(drawn)), index] = 1.0
        if (drawn.propensities[:, index] > 0).all():
            found |= {f"{lane} {name}": each.value for name, each in evaluate_all(always, feedback).items()}
    assert found
    return found


def test_a_replay_leaves_out_what_was_decided_elsewhere(
    write_rows: Written, reader: Router, log: EventLog, bundle: Bundle
) -> None:
    """A lane that the rules of today would not draw, with chances of others, is no mistake of the router."""
    mapping = parse_mapping(TABLE + "propensity: {table: p}\n")
    rows = [row_of(number, p={"onsite": 0.5, "expert": 0.5}) for number in range(3)]
    brought_in(write_rows(rows), mapping, reader, log)
    report = replay(log, bundle)
    assert (report.replayed, report.differences) == (0, ())
    assert report.not_replayed == {"imported: decided elsewhere": 3}
