"""From somebody's CSV file to a challenger: the way that a new user takes on the first day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.config import load_config
from router_ml.offline.importing.mapping import load_mapping
from router_ml.offline.importing.running import import_file
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog


@pytest.mark.slow
def test_an_imported_table_makes_a_challenger_of_its_own_lanes(
    root: Path, models: Path, bundle: Bundle, tmp_path: Path
) -> None:
    retraining = pytest.importorskip("training.retrain", reason="needs the extra 'train'")
    example, now = root / "examples" / "import", datetime(2026, 11, 20, tzinfo=UTC)
    reader = Router(load_config(example / "router.yaml", bundle.taxonomy), bundle=bundle)
    with EventLog(tmp_path / "log.db") as log:
        done = import_file(
            example / "outcomes.csv",
            load_mapping(example / "mapping.yaml"),
            router=reader,
            log=log,
            who="analyst",
            why="first data",
            now=now,
        )
        assert done.decisions == done.survey.rows == 840
        assert done.survey.private > 0
        _, learned = retraining.retrain(
            base=models, out=tmp_path / "challenger", pack=None, log=log, settings=example / "router.yaml", now=now
        )
    assert learned.from_log + learned.left_out["no embedding kept"] == done.survey.rated
    assert all(check.passed for check in learned.checks)
    decided = Router.load(tmp_path / "challenger").predict_route("Write a Python function that lists free tandems.")
    assert set(decided.estimates) == {"onsite", "everyday", "expert"}
    assert decided.estimates["expert"].quality > decided.estimates["onsite"].quality
    assert decided.estimates["expert"].evidence > 0
