"""The event log: what was decided, with which probabilities, and what came of it. One SQL database, many writers.

The only file that imports SQLAlchemy (half a second), so it is imported only where a log is configured. A decision is
kept as its own stable JSON, beside the columns that queries need; embeddings only where the caller passes them. A
write that returned survives a killed process (SQLite: WAL, synchronous=NORMAL). Errors never hold logged values.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import LogError
from router_ml.storage import records
from router_ml.storage.records import Features, LoggedData

__all__ = ["SCHEMA_VERSION", "EventLog", "Features", "LoggedData"]

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 10
IDS_PER_QUERY = 500  # far below every database's limit on bound values
# Opening takes the write lock before it creates tables, so that processes starting together do not collide.
CREATION_LOCK = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(615027)"}
TEXTS = ("traffic_class", "intent", "domain", "risk_tier", "guard_state", "bundle")  # of a decision, never null
UPSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_metadata = sql.MetaData()
_schema = sql.Table("schema_version", _metadata, sql.Column("version", sql.Integer, primary_key=True))
_decisions = sql.Table(
    "decisions",
    _metadata,
    sql.Column("decision_id", sql.String(128), primary_key=True),
    sql.Column("created_at", sql.DateTime, nullable=False, index=True),
    *(sql.Column(name, sql.String(200), nullable=False) for name in TEXTS),
    sql.Column("lane", sql.String(200)),
    sql.Column("propensity", sql.Double),
    sql.Column("explored", sql.Boolean, nullable=False),
    sql.Column("randomised", sql.Boolean, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
_features = sql.Table(
    "features",
    _metadata,
    sql.Column("decision_id", sql.ForeignKey(_decisions.c.decision_id), primary_key=True),
    sql.Column("encoder", sql.String(200), nullable=False),
    sql.Column("embedding", sql.LargeBinary),
    sql.Column("surface", sql.LargeBinary, nullable=False),
)
_outcomes = sql.Table(
    "outcomes",
    _metadata,
    sql.Column("decision_id", sql.ForeignKey(_decisions.c.decision_id), primary_key=True),
    sql.Column("source", sql.String(100), primary_key=True),
    sql.Column("executed_lane", sql.String(200)),
    sql.Column("rated_probability", sql.Double, nullable=False),
    *(sql.Column(name, sql.Double) for name in ("quality", "cost_usd", "latency_ms")),
    sql.Column("at", sql.DateTime, nullable=False),
    sql.Column("record", sql.Text, nullable=False),
)
OLDEST_FIRST = (_decisions.c.created_at, _decisions.c.decision_id)


class EventLog:
    """An open event log; thread safe, and several processes may share one database.

    ``url``: a path to an SQLite file (made if absent, its folder too) or any SQLAlchemy URL. Every method raises
    ``LogError`` when the database fails; opening also when another schema version wrote it.

    >>> with EventLog("sqlite://") as log:
    ...     log.counts()
    {'decisions': 0, 'randomised': 0, 'embeddings': 0, 'outcomes': 0, 'rated': 0}
    """

    def __init__(self, url: str | Path) -> None:
        self._closed = False
        self._engine = _engine(str(url))
        on_sqlite = self._engine.dialect.name == "sqlite"  # there, threads queue here, not in its sleeping busy loop
        self._write: AbstractContextManager[object] = threading.Lock() if on_sqlite else nullcontext()
        with self._write, self._transaction() as connection:
            _prepare(connection)

    def log_decision(self, decision: RouteDecision, *, features: Features | None = None) -> None:
        """Keep a decision, and what it was made from where that may be kept. Repeating it changes nothing; another
        decision under the same id is a ``LogError``."""
        self.log_decisions([(decision, features)])

    def log_decisions(self, pairs: Iterable[tuple[RouteDecision, Features | None]]) -> None:
        """``log_decision`` for many, in one transaction: all or none."""
        rows: dict[str, dict[str, Any]] = {}
        kept: dict[str, dict[str, Any]] = {}
        for decision, features in pairs:
            row = records.decision_row(decision)
            records.refuse_other(rows.setdefault(decision.decision_id, row)["record"], row)
            if features is not None:
                kept[decision.decision_id] = records.features_row(decision.decision_id, features)
        with self._write, self._transaction() as connection:
            for decision_id, record in _column(connection, list(rows), _decisions.c.record).items():
                records.refuse_other(record, rows.pop(decision_id))
                kept.pop(decision_id, None)
            for table, new in ((_decisions, rows), (_features, kept)):
                if new:
                    connection.execute(sql.insert(table), list(new.values()))

    def log_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome; a later one for the same decision from the same source replaces it. ``LogError`` when the
        decision was never records."""
        self.log_outcomes([outcome])

    def log_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """``log_outcome`` for many, in one transaction: all or none."""
        rows = {(outcome.decision_id, outcome.source): records.outcome_row(outcome) for outcome in outcomes}
        ids = list(dict.fromkeys(decision_id for decision_id, _ in rows))
        with self._write, self._transaction() as connection:
            known = _column(connection, ids, _decisions.c.decision_id)
            if missing := [decision_id for decision_id in ids if decision_id not in known]:
                raise LogError(
                    f"{len(missing)} of {len(ids)} decisions are not in this log, first {missing[0]}. Log a decision "
                    "before its outcome, and check that both go to the same log."
                )
            if rows:
                _upsert(connection, _outcomes, list(rows.values()))

    def decision(self, decision_id: str) -> RouteDecision | None:
        """The decision with this id as it was made, None where there is none."""
        with self._transaction() as connection:
            record = _column(connection, [decision_id], _decisions.c.record).get(decision_id)
        return None if record is None else records.parse_decision(record, decision_id)

    def decisions(
        self, since: datetime | None = None, bundle: str | None = None, *, batch_size: int = 1000
    ) -> Iterator[RouteDecision]:
        """Decisions, oldest first, read in pages between which nothing is held open."""
        at, key = OLDEST_FIRST
        query = sql.select(at, key, _decisions.c.record).where(*_since(since, bundle))
        query = page_query = query.order_by(*OLDEST_FIRST).limit(batch_size)
        while True:
            with self._transaction() as connection:
                page = connection.execute(page_query).all()
            yield from (records.parse_decision(row.record, row.decision_id) for row in page)
            if len(page) < batch_size:
                return
            last = page[-1]
            page_query = query.where((at > last.created_at) | ((at == last.created_at) & (key > last.decision_id)))

    def logged(
        self,
        since: datetime | None = None,
        bundle: str | None = None,
        *,
        encoder: str | None = None,
        source: str | None = None,
    ) -> LoggedData:
        """The log as arrays for learning and off-policy evaluation.

        ``encoder``: keep embeddings of this encoder alone; ``EncoderMismatchError`` where there are several and none is
        named. ``source``: read outcomes of this source alone, the clean choice where sources differ in
        ``rated_probability``; by default the latest rating counts.
        """
        where = _since(since, bundle)
        decided = sql.select(_decisions, *_features.c["encoder", "embedding", "surface"])
        decided = decided.select_from(_decisions.outerjoin(_features)).where(*where)
        learned = sql.select(*_outcomes.c["decision_id", "executed_lane", "quality", "rated_probability", "cost_usd"])
        learned = learned.join(_decisions).where(*where, *([] if source is None else [_outcomes.c.source == source]))
        with self._transaction() as connection:
            rows = connection.execute(decided.order_by(*OLDEST_FIRST)).all()
            outcomes = connection.execute(learned.order_by(_outcomes.c.at, _outcomes.c.source)).all()
        return records.to_arrays(rows, outcomes, encoder)

    def counts(self) -> dict[str, int]:
        """How many decisions, of these drawn from several lanes and with embedding, outcomes, of these rated."""
        counted = {
            "decisions": sql.select(sql.func.count()).select_from(_decisions),
            "randomised": sql.select(sql.func.count()).where(_decisions.c.randomised),
            "embeddings": sql.select(sql.func.count(_features.c.embedding)),
            "outcomes": sql.select(sql.func.count()).select_from(_outcomes),
            "rated": sql.select(sql.func.count(_outcomes.c.quality)),
        }
        with self._transaction() as connection:
            return {name: connection.execute(query).scalar_one() for name, query in counted.items()}

    def close(self) -> None:
        """Release the database; further calls raise ``LogError``."""
        self._closed = True
        self._engine.dispose()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sql.Connection]:
        if self._closed:
            raise LogError("This event log is closed. Open it again with EventLog(url).")
        try:
            with self._engine.begin() as connection:
                yield connection
        except sql.exc.SQLAlchemyError as error:
            raise _failure(error) from None


def _engine(url: str) -> sql.Engine:
    try:
        parsed = sql.make_url(url) if "://" in url else sql.URL.create("sqlite", database=url)
        if parsed.get_backend_name() != "sqlite":
            return sql.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
        in_memory = parsed.database in (None, "", ":memory:")
        if not in_memory:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = sql.create_engine(
            parsed,
            hide_parameters=True,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            poolclass=sql.QueuePool,
            **({"pool_size": 1, "max_overflow": 0} if in_memory else {}),  # a second connection would be a second log
        )
    except sql.exc.ArgumentError:
        raise LogError(
            "The URL of the event log cannot be read. Give a file path, or one like postgresql+psycopg://user@host/name."
        ) from None
    except ImportError as error:
        raise LogError(f"The database driver {error.name} is not installed. Install it, or name another one.") from None
    except OSError as error:
        raise LogError(f"The folder of the event log cannot be made: {error.strerror}. Choose another path.") from None
    sql.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:  # SQLite's own timeout does not cover the switch of a new file to WAL
        try:
            connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _prepare(connection: sql.Connection) -> None:
    if not sql.inspect(connection).has_table(_schema.name):
        if lock := CREATION_LOCK.get(connection.dialect.name):
            connection.exec_driver_sql(lock)
        _metadata.create_all(connection)
        if connection.execute(sql.select(_schema)).first() is None:
            connection.execute(sql.insert(_schema).values(version=SCHEMA_VERSION))
    found = list(connection.execute(sql.select(_schema.c.version)).scalars())
    if found != [SCHEMA_VERSION]:
        raise LogError(
            f"The event log has schema version {found}, this release reads and writes {SCHEMA_VERSION}. Use the "
            "release that wrote it, or start a new log."
        )


def _upsert(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    keys = [column.name for column in table.primary_key]
    if connection.dialect.name in UPSERTS:
        insert = UPSERTS[connection.dialect.name](table)
        new = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=new), rows)
        return
    same = [table.c[name] == sql.bindparam(f"old_{name}") for name in keys]
    connection.execute(sql.delete(table).where(*same), [{f"old_{name}": row[name] for name in keys} for row in rows])
    connection.execute(sql.insert(table), rows)


def _column(connection: sql.Connection, ids: list[str], column: sql.Column[Any]) -> dict[str, Any]:
    """One column of the decisions with these ids, by id."""
    found: dict[str, Any] = {}
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = _decisions.c.decision_id.in_(ids[start : start + IDS_PER_QUERY])
        query = sql.select(_decisions.c.decision_id, column).where(some)
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def _since(since: datetime | None, bundle: str | None) -> list[sql.ColumnElement[bool]]:
    after = [] if since is None else [_decisions.c.created_at >= records.utc(since)]
    return after if bundle is None else [*after, _decisions.c.bundle == bundle]


def _failure(error: sql.exc.SQLAlchemyError) -> LogError:
    """Only messages about the connection or the file are passed on; others may quote the row that was refused."""
    told = isinstance(error, sql.exc.OperationalError) or type(error) is sql.exc.DatabaseError
    detail = str(getattr(error, "orig", error)).partition("\n")[0] if told else type(error).__name__
    return LogError(
        f"The event log failed: {detail}. Check that the database can be reached and written, then repeat the call; "
        "repeating a write is safe."
    )
