"""The event log: what was decided, with which probabilities, and what came of it. One SQL database, many writers.

SQLAlchemy takes half a second to import, so this is imported only where a log is configured. A decision is kept as its
own stable JSON, beside the columns that queries need; embeddings only where the caller passes them. A write that
returned survives a killed process (SQLite: WAL, synchronous=NORMAL). Errors never hold logged values.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from router_ml.contract import AuditEvent, Outcome, OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.storage import records, tables
from router_ml.storage.costs import Cost, read_costs
from router_ml.storage.engine import failure, open_engine
from router_ml.storage.records import Features, LoggedData
from router_ml.storage.tables import SCHEMA_VERSION, prepare

__all__ = ["SCHEMA_VERSION", "EventLog", "Features", "LoggedData"]

IDS_PER_QUERY = 500  # far below every database's limit on bound values
UPSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
OLDEST_FIRST = (tables.decisions.c.created_at, tables.decisions.c.decision_id)


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
        self._engine = open_engine(str(url))
        on_sqlite = self._engine.dialect.name == "sqlite"  # there, threads queue here, not in its sleeping busy loop
        self._write: AbstractContextManager[object] = threading.Lock() if on_sqlite else nullcontext()
        with self._write, self._transaction() as connection:
            prepare(connection)

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
            for decision_id, record in _column(connection, list(rows), tables.decisions.c.record).items():
                records.refuse_other(record, rows.pop(decision_id))
                kept.pop(decision_id, None)
            for table, new in ((tables.decisions, rows), (tables.features, kept)):
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
            known = _column(connection, ids, tables.decisions.c.decision_id)
            if missing := [decision_id for decision_id in ids if decision_id not in known]:
                raise LogError(
                    f"{len(missing)} of {len(ids)} decisions are not in this log, first {missing[0]}. Log a decision "
                    "before its outcome, and check that both go to the same log."
                )
            if rows:
                _upsert(connection, tables.outcomes, list(rows.values()))

    def log_output_check(self, check: OutputCheck) -> None:
        """Keep what was found in an answer. Repeating it changes nothing; another under its id is a ``LogError``."""
        with self._write, self._transaction() as connection:
            _append(connection, tables.output_checks, records.output_check_row(check))

    def log_audit_event(self, event: AuditEvent) -> None:
        """Keep who changed the rules in force, and why; as for output checks, nothing is ever replaced."""
        with self._write, self._transaction() as connection:
            _append(connection, tables.audit_events, records.audit_event_row(event))

    def output_checks(self, decision_id: str) -> list[OutputCheck]:
        """What was found in the answers to a decision, oldest first."""
        table = tables.output_checks
        query = sql.select(table.c.check_id, table.c.record).where(table.c.decision_id == decision_id)
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(table.c.at, table.c.check_id)).all()
        return [records.parse(OutputCheck, row.record, f"Output check {row.check_id}") for row in rows]

    def audit_events(self, since: datetime | None = None) -> list[AuditEvent]:
        """Who changed the rules in force and why, oldest first."""
        table = tables.audit_events
        query = sql.select(table.c.event_id, table.c.record)
        if since is not None:
            query = query.where(table.c.at >= records.utc(since))
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(table.c.at, table.c.event_id)).all()
        return [records.parse(AuditEvent, row.record, f"Audit event {row.event_id}") for row in rows]

    def decision(self, decision_id: str) -> RouteDecision | None:
        """The decision with this id as it was made, None where there is none."""
        with self._transaction() as connection:
            record = _column(connection, [decision_id], tables.decisions.c.record).get(decision_id)
        return None if record is None else records.parse(RouteDecision, record, f"Decision {decision_id}")

    def decisions(
        self, since: datetime | None = None, bundle: str | None = None, *, batch_size: int = 1000
    ) -> Iterator[RouteDecision]:
        """Decisions, oldest first, read in pages between which nothing is held open."""
        at, key = OLDEST_FIRST
        query = sql.select(at, key, tables.decisions.c.record).where(*_since(since, bundle))
        query = page_query = query.order_by(*OLDEST_FIRST).limit(batch_size)
        while True:
            with self._transaction() as connection:
                page = connection.execute(page_query).all()
            yield from (records.parse(RouteDecision, row.record, f"Decision {row.decision_id}") for row in page)
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
        decided = sql.select(tables.decisions, *tables.features.c["encoder", "embedding", "surface"])
        decided = decided.select_from(tables.decisions.outerjoin(tables.features)).where(*where)
        learned = sql.select(
            *tables.outcomes.c["decision_id", "executed_lane", "quality", "rated_probability", "cost_usd", "latency_ms"]
        )
        learned = learned.join(tables.decisions).where(
            *where, *([] if source is None else [tables.outcomes.c.source == source])
        )
        with self._transaction() as connection:
            rows = connection.execute(decided.order_by(*OLDEST_FIRST)).all()
            outcomes = connection.execute(learned.order_by(tables.outcomes.c.at, tables.outcomes.c.source)).all()
        return records.to_arrays(rows, outcomes, encoder)

    def costs(self, since: datetime, *, until: datetime, traffic_classes: Sequence[str]) -> list[Cost]:
        """What decisions of some classes cost or were expected to, oldest first; from ``since``, before ``until``."""
        with self._transaction() as connection:
            return read_costs(connection, since, until, traffic_classes)

    def counts(self) -> dict[str, int]:
        """How many decisions, of these drawn from several lanes and with embedding, outcomes, of these rated."""
        counted = {
            "decisions": sql.select(sql.func.count()).select_from(tables.decisions),
            "randomised": sql.select(sql.func.count()).where(tables.decisions.c.randomised),
            "embeddings": sql.select(sql.func.count(tables.features.c.embedding)),
            "outcomes": sql.select(sql.func.count()).select_from(tables.outcomes),
            "rated": sql.select(sql.func.count(tables.outcomes.c.quality)),
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
            raise failure(error) from None


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


def _append(connection: sql.Connection, table: sql.Table, row: dict[str, Any]) -> None:
    (key,) = table.primary_key
    found = connection.execute(sql.select(table.c.record).where(key == row[key.name])).scalar()
    if found is None:
        connection.execute(sql.insert(table), [row])
    elif found != row["record"]:
        raise LogError(f"Another record is already logged as {row[key.name]}. Give each its own id.")


def _column(connection: sql.Connection, ids: list[str], column: sql.Column[Any]) -> dict[str, Any]:
    """One column of the decisions with these ids, by id."""
    found: dict[str, Any] = {}
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = tables.decisions.c.decision_id.in_(ids[start : start + IDS_PER_QUERY])
        query = sql.select(tables.decisions.c.decision_id, column).where(some)
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def _since(since: datetime | None, bundle: str | None) -> list[sql.ColumnElement[bool]]:
    after = [] if since is None else [tables.decisions.c.created_at >= records.utc(since)]
    return after if bundle is None else [*after, tables.decisions.c.bundle == bundle]
