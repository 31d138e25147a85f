"""Learning reads a log and its archive once each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="an archive needs the 'train' extra")

from router_ml.contract import RouteDecision
from router_ml.storage.archives import archive as archives
from router_ml.storage.archives.archive import compact
from router_ml.storage.eventlog import EventLog
from training.logged.batches import Window

MARCH, NOW = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def test_what_an_interrupted_compaction_left_is_not_learned_from(
    make_decision: Callable[..., RouteDecision], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log still, and would come twice; or it was erased there since."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    archive = str(tmp_path / "archive")
    with EventLog(tmp_path / "log.db") as log:
        log.log_decisions((make_decision(decision_id=f"dec-{n}", created_at=MARCH), None) for n in range(3))
        monkeypatch.setattr(archives, "log_event", die)
        with pytest.raises(KeyboardInterrupt):
            compact(log, before=NOW, to=archive, now=datetime(2027, 1, 1, tzinfo=UTC), who="ops", why="old")
        batches = list(Window().batches(log, archive, "cc33"))
    assert [batch.decision_ids.tolist() for batch in batches] == [["dec-0", "dec-1", "dec-2"]]
