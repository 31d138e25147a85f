"""The event log keeps what it acknowledged, tells apart what was not rated from what was bad, and leaks nothing."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.outcome import OutcomeLabels
from router_ml.errors import EncoderMismatchError, LogError
from router_ml.storage.eventlog import EventLog, Features
from router_ml.storage.views.stories import stories

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def make_decision(number: int = 0, **changes: Any) -> RouteDecision:
    estimate = {"quality_low": 0.5, "quality_high": 0.95, "evidence": 20, "latency_ms": 800}
    fields: dict[str, Any] = {
        "decision_id": f"d{number}",
        "trace_id": "t",
        "request_id": None,
        "created_at": NOON + timedelta(seconds=number),
        "action": "route",
        "reason": "best value",
        "route": "general_qa_low",
        "traffic_class": "default",
        "floor": 0.8,
        "quality_per_usd": 3.0,
        "intent": {"label": "qa", "probabilities": {"qa": 0.9}},
        "domain": {"label": "general", "probabilities": {"general": 0.8}},
        "mode": {"label": "chat", "probabilities": {"chat": 1.0}},
        "language": {"code": "en", "validated": True},
        "risks": [],
        "risk_tier": "low",
        "findings": [],
        "guard_state": "clean",
        "lane": "fast",
        "model": "gemini-2.5-flash",
        "decoding": {},
        "limits": {},
        "retrieval": {},
        "tools": [],
        "output_contract": {},
        "fallback": {"on_error": [{"lane": "premium"}], "finally": "error"},
        "eligible": ["fast", "premium"],
        "excluded": {"private": ["unhealthy"]},
        "learned_lane": "fast",
        "overridden_by": [],
        "estimates": {
            "fast": {"quality": 0.75, "cost_usd": 0.001, **estimate},
            "premium": {"quality": 0.9, "cost_usd": 0.01, **estimate},
        },
        "propensities": {"fast": 0.9, "premium": 0.1},
        "propensity": 0.9,
        "explored": False,
        "seed": 7,
        "state": {"lambda": 3.0},
        "policies": [],
        "versions": {
            "contract": "1.0",
            "bundle": "b1",
            "policy_sha256": "p",
            "config_sha256": "c",
            "encoder": "e1",
            "prices": "2026-07",
        },
    }
    return RouteDecision.model_validate({**fields, **changes})


def make_outcome(number: int = 0, **changes: Any) -> Outcome:
    return Outcome.model_validate({"decision_id": f"d{number}", "at": NOON + timedelta(hours=1), **changes})


def make_features(seed: int = 0, encoder: str = "e1", width: int = 4) -> Features:
    rng = np.random.default_rng(seed)
    return Features(
        encoder=encoder,
        embedding=rng.normal(size=width).astype(np.float32),
        surface=rng.normal(size=3).astype(np.float32),
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def test_a_decision_comes_back_byte_for_byte(log: EventLog) -> None:
    """An auditor must see what was decided, not a paraphrase of it."""
    decision = make_decision()
    log.log_decision(decision, features=make_features())
    back = log.decision("d0")
    assert back == decision
    assert back is not None
    assert back.to_json() == decision.to_json()
    assert log.decision("never") is None


def test_what_was_logged_is_there_after_reopening(tmp_path: Path) -> None:
    """A plain path makes the file and its folder; a second process finds everything by the same path or URL."""
    path = tmp_path / "new folder" / "log 100%.db"
    with EventLog(path) as log:
        log.log_decision(make_decision())
    with EventLog(str(path)) as log:
        assert log.counts()["decisions"] == 1
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_logged_arrays_say_what_happened(log: EventLog) -> None:
    """Learning and off-policy evaluation read these arrays; a shifted index would teach the wrong lane."""
    features = make_features()
    alone = make_decision(1, eligible=["premium"], lane="premium", propensities={"premium": 1.0}, propensity=1.0)
    nothing = make_decision(
        2, lane=None, model=None, action="refuse", eligible=[], estimates={}, propensities={}, propensity=None
    )
    log.log_decisions([(make_decision(0), features), (alone, None), (nothing, None)])
    log.log_outcomes(
        [
            make_outcome(0, quality=0.25, rated_probability=0.3, cost_usd=0.002, executed_lane="private"),
            make_outcome(1, cost_usd=0.03),
        ]
    )
    data = log.logged()

    assert data.lanes == ("fast", "premium", "private")
    assert data.encoder == "e1"
    assert data.decision_ids.tolist() == ["d0", "d1", "d2"]
    assert data.created_at[0] == np.datetime64("2026-07-01T12:00:00")
    assert data.action.tolist() == [0, 1, -1]
    assert data.executed.tolist() == [2, -1, -1]
    assert data.randomised.tolist() == [True, False, False]
    assert data.propensities.tolist() == [[0.9, 0.1, 0], [0, 1, 0], [0, 0, 0]]
    assert data.eligible.tolist() == [[True, True, False], [False, True, False], [False, False, False]]
    np.testing.assert_array_equal(data.estimated_quality[:, 0], [0.75, 0.75, np.nan])
    np.testing.assert_array_equal(data.estimated_cost_usd[:, 1], [0.01, 0.01, np.nan])
    np.testing.assert_array_equal(data.quality, [0.25, np.nan, np.nan])
    np.testing.assert_array_equal(data.rated_probability, [0.3, 1.0, np.nan])
    np.testing.assert_array_equal(data.cost_usd, [0.002, 0.03, np.nan])
    np.testing.assert_array_equal(data.embeddings[0], features.embedding)
    np.testing.assert_array_equal(data.features[0], features.surface)
    assert np.isnan(data.embeddings[1:]).all()
    assert np.isnan(data.features[1:]).all()

    randomised = data.select(data.randomised)
    assert len(randomised) == 1
    assert randomised.embeddings.shape == (1, 4)


def test_a_lane_that_could_not_be_drawn_is_no_randomisation(log: EventLog) -> None:
    """A vector of one and zeros is a fixed choice; counting it as an experiment would fake overlap."""
    log.log_decision(make_decision(propensities={"fast": 1.0, "premium": 0.0}, propensity=1.0))
    assert log.logged().randomised.tolist() == [False]
    assert log.counts()["randomised"] == 0


def test_an_empty_log_gives_empty_arrays(log: EventLog) -> None:
    """The first retraining on a fresh system must say "no data", not crash on a shape."""
    data = log.logged()
    assert len(data) == 0
    assert data.lanes == ()
    assert data.embeddings.shape == (0, 0)
    assert data.propensities.shape == (0, 0)


def test_a_repeated_outcome_replaces_only_its_own_source(log: EventLog) -> None:
    """Webhooks deliver twice and users change their mind; neither may count as two ratings."""
    log.log_decision(make_decision())
    for quality in (0.0, 0.0, 1.0):
        log.log_outcome(make_outcome(quality=quality, source="user"))
    log.log_outcome(make_outcome(quality=0.5, source="web", rated_probability=0.1, at=NOON))
    counts = log.counts()
    assert (counts["outcomes"], counts["rated"]) == (3, 1)
    assert log.logged().quality.tolist() == [1.0]
    web = log.logged(source="web")
    assert (web.quality.tolist(), web.rated_probability.tolist()) == ([0.5], [0.1])


def test_a_later_outcome_without_rating_does_not_erase_the_rating(log: EventLog) -> None:
    """Not rated is not zero, and news about the cost is not news about the quality."""
    log.log_decision(make_decision())
    log.log_outcome(make_outcome(quality=1.0, rated_probability=0.2, source="user"))
    log.log_outcome(make_outcome(cost_usd=0.5, source="billing", at=NOON + timedelta(days=1)))
    data = log.logged()
    assert (data.quality.tolist(), data.rated_probability.tolist()) == ([1.0], [0.2])
    assert data.cost_usd.tolist() == [0.5]


def test_what_an_outcome_leaves_out_changes_nothing_that_its_source_has_said(log: EventLog) -> None:
    """Labels that come a day later must not cost the rating, nor the cost that spend adds up."""
    log.log_decision(make_decision())
    first = {"quality": 1.0, "rated_probability": 0.2, "cost_usd": 1.0, "signals": {"thumb": "up"}, "refused": True}
    log.log_outcome(make_outcome(**first))
    labels = OutcomeLabels(intent="qa")
    log.log_outcome(make_outcome(labels=labels, latency_ms=5.0, at=NOON + timedelta(days=1)))
    data = log.logged()
    assert (data.quality.tolist(), data.rated_probability.tolist()) == ([1.0], [0.2])
    assert (data.cost_usd.tolist(), data.latency_ms.tolist()) == ([1.0], [5.0])
    (story,) = stories(log)
    (told,) = story.outcomes
    assert {name: getattr(told, name) for name in first} == first
    assert (told.labels, told.latency_ms, told.at) == (labels, 5.0, NOON + timedelta(days=1))
    log.log_outcome(make_outcome(quality=0.5, at=NOON + timedelta(days=2)))
    assert (log.logged().quality.tolist(), log.logged().rated_probability.tolist()) == ([0.5], [1.0])
    (told,) = next(stories(log)).outcomes
    assert (told.quality, told.rated_probability, told.signals, told.refused) == (0.5, 1.0, {}, False)
    assert (told.cost_usd, told.labels) == (1.0, labels)


def test_an_outcome_of_an_unknown_decision_is_refused_whole(log: EventLog) -> None:
    """A typo in an id, or the wrong log, must be heard of, and half a batch must not be kept."""
    log.log_decision(make_decision())
    with pytest.raises(LogError, match=r"1 of 2 decisions are not in this log, first d9\. Log a decision before"):
        log.log_outcomes([make_outcome(0, quality=1.0), make_outcome(9, quality=1.0)])
    assert log.counts()["outcomes"] == 0


def test_logging_a_decision_again_changes_nothing_and_another_under_its_id_is_refused(log: EventLog) -> None:
    """A retried write is harmless; evidence cannot be overwritten."""
    log.log_decision(make_decision(), features=make_features())
    log.log_decisions([(make_decision(), make_features()), (make_decision(1), None), (make_decision(1), None)])
    assert log.counts()["decisions"] == 2
    with pytest.raises(LogError, match="already logged as d0"):
        log.log_decisions([(make_decision(2), None), (make_decision(0, seed=8), None)])
    with pytest.raises(LogError, match="already logged as d3"):
        log.log_decisions([(make_decision(3), None), (make_decision(3, seed=8), None)])
    assert log.counts()["decisions"] == 2


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_decisions_come_oldest_first_in_pages(log: EventLog, batch_size: int) -> None:
    """No page boundary may lose or repeat a decision, not even where several share one instant."""
    numbers = [3, 1, 4, 0, 2]
    same_instant = {"created_at": NOON}
    log.log_decisions([(make_decision(n, **(same_instant if n > 1 else {})), None) for n in numbers])
    found = [decision.decision_id for decision in log.decisions(batch_size=batch_size)]
    assert found == ["d0", "d2", "d3", "d4", "d1"]


def test_since_and_bundle_select_decisions_and_their_outcomes(log: EventLog) -> None:
    """Retraining since a date must not see older outcomes, in whatever zone the date was written."""
    newer = make_decision(1).versions.model_copy(update={"bundle": "b2"})
    log.log_decisions([(make_decision(0), None), (make_decision(1, versions=newer), None)])
    log.log_outcomes([make_outcome(0, quality=0.0), make_outcome(1, quality=1.0)])
    since = (NOON + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=5)))
    for data in (log.logged(since=since), log.logged(bundle="b2")):
        assert data.decision_ids.tolist() == ["d1"]
        assert data.quality.tolist() == [1.0]
    assert [decision.decision_id for decision in log.decisions(since)] == ["d1"]
    assert [decision.decision_id for decision in log.decisions(bundle="b1")] == ["d0"]


def test_embeddings_of_two_encoders_are_never_mixed(log: EventLog) -> None:
    """Two encoders span two spaces; a model trained across both would be nonsense without any error."""
    log.log_decisions([(make_decision(0), make_features(0, "e1")), (make_decision(1), make_features(1, "e2"))])
    with pytest.raises(EncoderMismatchError, match=r"2 encoders: e1, e2\. Pass encoder="):
        log.logged()
    data = log.logged(encoder="e2")
    assert data.encoder == "e2"
    assert np.isnan(data.embeddings).all(axis=1).tolist() == [True, False]
    assert np.isfinite(data.features).all()


def test_embeddings_of_two_widths_are_refused(log: EventLog) -> None:
    """A clear error, not a broadcast."""
    log.log_decisions([(make_decision(0), make_features(width=4)), (make_decision(1), make_features(width=5))])
    with pytest.raises(LogError, match=r"2 different widths: \[4, 5\]"):
        log.logged()


def test_surface_features_are_kept_where_the_embedding_may_not_be(log: EventLog) -> None:
    """Private traffic still teaches, without its embedding."""
    log.log_decision(make_decision(), features=Features("e1", None, np.array([1, 2], dtype=np.float32)))
    data = log.logged()
    assert data.encoder is None
    assert data.embeddings.shape == (1, 0)
    assert data.features.tolist() == [[1, 2]]
    assert log.counts()["embeddings"] == 0


@pytest.mark.parametrize("embedding", [np.zeros((2, 2)), np.array([np.nan, 0.0]), np.float32(1)])
def test_a_broken_embedding_is_refused_at_the_door(log: EventLog, embedding: Any) -> None:
    """Better at logging than months later in training."""
    with pytest.raises(LogError, match="embedding of a decision must be one vector of finite numbers"):
        log.log_decision(make_decision(), features=Features("e1", embedding, np.zeros(1, dtype=np.float32)))
    assert log.counts()["decisions"] == 0


@pytest.mark.parametrize("url", ["file", "sqlite://"])
def test_threads_share_one_log(url: str, tmp_path: Path) -> None:
    """A web server logs from all its threads."""

    def work(thread: int) -> None:
        for number in range(thread * 25, thread * 25 + 25):
            log.log_decision(make_decision(number), features=make_features(number))
            log.log_outcome(make_outcome(number, quality=number / 100))
            log.counts()

    with EventLog(tmp_path / "log.db" if url == "file" else url) as log:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        np.testing.assert_array_equal(log.logged().quality, np.arange(100) / 100)


def _write_in_process(path: Path, process: int) -> None:
    with EventLog(path) as log:
        for number in range(process * 20, process * 20 + 20):
            log.log_decision(make_decision(number))


def test_processes_open_and_write_one_file_together(tmp_path: Path) -> None:
    """Four workers start at once on a log that does not exist yet: all come up, and no row is lost."""
    path = tmp_path / "log.db"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_in_process, args=(path, process)) for process in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    with EventLog(path) as log:
        assert log.counts()["decisions"] == 80


def test_a_log_of_another_schema_version_is_left_alone(tmp_path: Path) -> None:
    """An old release must not write into what it does not understand."""
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(LogError, match=r"schema version 99, this release reads and writes 5"):
        EventLog(path)
    tables = sqlite3.connect(path).execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("schema_version",)]


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_text("these are notes, not a database" * 50)
    with pytest.raises(LogError, match="file is not a database"):
        EventLog(tmp_path / "log.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://user:hunter2@host/db", "URL of the event log cannot be read"),
        ("postgresql+nodriver://user:hunter2@host/db", "URL of the event log cannot be read"),
        ("://hunter2", "URL of the event log cannot be read"),
    ],
)
def test_a_bad_url_is_explained_without_its_password(url: str, said: str) -> None:
    with pytest.raises(LogError, match=said) as caught:
        EventLog(url)
    assert "hunter2" not in str(caught.value)


def test_an_error_of_the_database_holds_no_logged_value(log: EventLog, tmp_path: Path) -> None:
    """Log files of the host travel further than the event log; SQLAlchemy quotes statements and values by default."""
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("ALTER TABLE decisions RENAME COLUMN record TO renamed")
    with pytest.raises(LogError, match="event log failed") as caught:
        log.log_decision(make_decision(reason="call +1 202 555 0142"))
    shown = str(caught.value)
    assert "555" not in shown
    assert "INSERT" not in shown
    assert caught.value.__suppress_context__
    assert "555" not in str(caught.value.__context__)


def test_an_error_about_a_row_does_not_quote_the_row(log: EventLog, tmp_path: Path) -> None:
    """Databases name the offending values."""
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("CREATE UNIQUE INDEX one_seed ON decisions (lane)")
    log.log_decision(make_decision(0, lane="fast"))
    with pytest.raises(LogError, match=r"event log failed: IntegrityError\. Check") as caught:
        log.log_decision(make_decision(1, lane="fast"))
    assert "fast" not in str(caught.value)
    assert log.counts()["decisions"] == 1


def test_a_record_of_another_contract_is_named_not_guessed(log: EventLog, tmp_path: Path) -> None:
    log.log_decision(make_decision())
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE decisions SET record = '{\"lane\": 5}'")
    with pytest.raises(LogError, match="Decision d0 was written under another contract"):
        log.decision("d0")
    with pytest.raises(LogError, match="Decision d0 was written under another contract"):
        log.logged()


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    """SQLAlchemy would silently open it again."""
    log = EventLog(tmp_path / "log.db")
    log.close()
    with pytest.raises(LogError, match="closed"):
        log.counts()
