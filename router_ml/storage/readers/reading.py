"""Reading the log: in pages between which nothing is held open, so that a reader never stops a writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sql
from pydantic_core import from_json

from router_ml.contract import Approval, AuditEvent, Execution, Outcome, OutputCheck
from router_ml.contract.audit import AuditKind
from router_ml.contract.base import EVAL_SUFFIX
from router_ml.storage.database import records, tables
from router_ml.storage.database.entries import Kind
from router_ml.storage.database.records import Kept, LoggedData
from router_ml.storage.database.rows import split_lanes
from router_ml.storage.database.writing import chunks
from router_ml.storage.readers.arrays import Reading, to_arrays
from router_ml.storage.readers.vectors import one_encoder

Transaction = Callable[[], AbstractContextManager[sql.Connection]]
DECISIONS, FEATURES, OUTCOMES, EXECUTIONS = tables.decisions, tables.features, tables.outcomes, tables.executions
KEYS = tables.decision_keys
OLDEST_FIRST = (DECISIONS.c.created_at, DECISIONS.c.decision_id)
ROWS_AT_ONCE = 1000
KINDS: dict[type[Any], tuple[Kind, str, str]] = {  # kind of entry, what orders those of one time, and its name
    Outcome: ("outcome", "arrived", "Outcome"),
    Execution: ("execution", "execution_id", "Execution"),
    Approval: ("approval", "step_id", "Approval"),
    OutputCheck: ("output_check", "check_id", "Output check"),
    AuditEvent: ("audit_event", "event_id", "Audit event"),
}


@dataclass(frozen=True)
class Wanted:
    """Which decisions to read: from ``since`` on, of one ``bundle``, one ``org``; outcomes of one ``source``; also what
    ``shadows`` decided, which happened to nobody. What evaluations did is not among them: see ``evaluated``."""

    since: datetime | None = None
    bundle: str | None = None
    org: str | None = None
    source: str | None = None
    encoder: str | None = None
    shadows: bool = False

    @property
    def decided(self) -> list[sql.ColumnElement[bool]]:
        """Conditions on decisions."""
        after = [] if self.since is None else [DECISIONS.c.created_at >= records.utc(self.since)]
        of_bundle = [] if self.bundle is None else [DECISIONS.c.bundle == self.bundle]
        of_org = [] if self.org is None else [DECISIONS.c.org == self.org]
        return [*after, *of_bundle, *of_org, ~tables.ends_in(EVAL_SUFFIX) if self.shadows else tables.acted_on()]

    @property
    def learned(self) -> list[sql.ColumnElement[bool]]:
        """Conditions on outcomes joined with their decisions."""
        return [*self.decided, *([] if self.source is None else [OUTCOMES.c.source == self.source])]


def read_kind(
    begin: Transaction, model: type[Kept], since: datetime | None, decision_id: str | None = None
) -> Iterator[Kept]:
    """Records of a kind, oldest first."""
    kind, second, what = KINDS[model]
    table, key = tables.RECORDS[kind]
    order = (table.c.at, table.c[second])
    query = sql.select(*order, key.label("record_id"), table.c.record)
    if since is not None:
        query = query.where(table.c.at >= records.utc(since))
    if decision_id is not None:
        query = query.where(table.c.decision_id == decision_id)
    for page in _pages(begin, query, order, ROWS_AT_ONCE):
        yield from (records.parse(model, row.record, f"{what} {row.record_id}") for row in page)


def read_changes(begin: Transaction, kinds: Sequence[AuditKind], since: datetime | None = None) -> Iterator[AuditEvent]:
    """Audit events of some kinds, oldest first, as far as this release can read them."""
    table = tables.audit_events
    order = (table.c.at, table.c.event_id)
    query = sql.select(*order, table.c.kind, table.c.record).where(table.c.kind.in_(kinds))
    if since is not None:
        query = query.where(table.c.at >= records.utc(since))
    for page in _pages(begin, query, order, ROWS_AT_ONCE):
        for row in page:
            # what narrows or ends has to do so, whatever else a later release says there; a drill may be left out
            if (event := records.readable(AuditEvent, row.record, whole=row.kind == "drill")) is not None:
                yield event


def count_changes(begin: Transaction, kinds: Sequence[AuditKind]) -> int:
    """How many audit events of some kinds there are: none is ever taken back, so more of them is news."""
    query = sql.select(sql.func.count()).where(tables.audit_events.c.kind.in_(kinds))
    with begin() as connection:
        return int(connection.execute(query).scalar_one())


def records_of(connection: sql.Connection, decision_ids: Sequence[str]) -> dict[str, str]:
    """The records of decisions, by id."""
    query = sql.select(DECISIONS.c.decision_id, DECISIONS.c.record)
    return {
        row.decision_id: row.record
        for some in chunks(decision_ids)
        for row in connection.execute(query.where(DECISIONS.c.decision_id.in_(some)))
    }


def read_decisions(begin: Transaction, wanted: Wanted, size: int) -> Iterator[tuple[str, str]]:
    """Id and record of decisions, oldest first."""
    query = sql.select(*OLDEST_FIRST, DECISIONS.c.record).where(*wanted.decided)
    for page in _pages(begin, query, OLDEST_FIRST, size):
        yield from ((row.decision_id, row.record) for row in page)


def recent_configs(begin: Transaction, since: datetime, most: int) -> Counter[str]:
    """How many of the newest ``most`` decisions were made with which configuration."""
    newest = (DECISIONS.c.created_at.desc(), DECISIONS.c.decision_id.desc())
    query = sql.select(DECISIONS.c.record).where(*Wanted(since).decided).order_by(*newest).limit(most)
    with begin() as connection:
        return Counter(from_json(record)["versions"]["config_sha256"] for record in connection.scalars(query))


def count_decisions(begin: Transaction, wanted: Wanted) -> int:
    """How many decisions there are of those wanted."""
    with begin() as connection:
        return int(connection.execute(sql.select(sql.func.count()).where(*wanted.decided)).scalar_one())


def read_batches(begin: Transaction, wanted: Wanted, window: timedelta, size: int | None) -> Iterator[LoggedData]:
    """Decisions with what came of them, oldest first, ``size`` at a time (None: all at once, also where there are
    none); the same lanes in each batch, those that the decisions wanted, their outcomes and their executions name.

    Raises:
        EncoderMismatchError: embeddings of several encoders, and none was named.
        LogError: vectors of several widths, or a record of another contract.
    """
    with begin() as connection:
        reading = _reading(connection, wanted, window)
    columns = (*DECISIONS.c["decision_id", "created_at", "traffic_class", "intent", "domain", "risk_tier", "lane"],)
    query = sql.select(
        *columns, *DECISIONS.c["randomised", "record"], *FEATURES.c["encoder", "embedding", "surface"], KEYS.c.subject
    )
    beside = DECISIONS.outerjoin(FEATURES).outerjoin(KEYS, KEYS.c.decision_id == DECISIONS.c.decision_id)
    query = query.select_from(beside).where(*wanted.decided).order_by(*OLDEST_FIRST)
    after: list[sql.ColumnElement[bool]] = []
    while True:
        with begin() as connection:
            batch = _batch(connection, query.where(*after).limit(size), wanted, after, reading)
        if size is None or len(batch):
            yield batch
        if size is None or len(batch) < size:
            return
        after = [sql.tuple_(*OLDEST_FIRST) > (batch.created_at[-1].item(), str(batch.decision_ids[-1]))]


def _batch(
    connection: sql.Connection,
    query: sql.Select[Any],
    wanted: Wanted,
    after: list[sql.ColumnElement[bool]],
    reading: Reading,
) -> LoggedData:
    columns = ("decision_id", "source", "at", "executed_lane", "quality", "rated_probability", "cost_usd", "latency_ms")
    learned = sql.select(*OUTCOMES.c[columns]).join(DECISIONS, DECISIONS.c.decision_id == OUTCOMES.c.decision_id)
    learned = learned.where(*wanted.learned, *after).order_by(OUTCOMES.c.at, OUTCOMES.c.source, OUTCOMES.c.arrived)
    last: list[Any] = []

    def decided() -> Iterator[Any]:
        for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
            last[:] = [row.created_at, row.decision_id]
            yield row

    def came_of_it(query: sql.Select[Any]) -> Iterator[Any]:
        upto = [sql.tuple_(*OLDEST_FIRST) <= tuple(last)] if last else []
        yield from connection.execute(query.where(*upto).execution_options(yield_per=ROWS_AT_ONCE))

    return to_arrays(decided(), came_of_it(learned), reading, came_of_it(_executed(wanted).where(*after)))


def _executed(wanted: Wanted) -> sql.Select[Any]:
    columns = EXECUTIONS.c["decision_id", "execution_id", "at", "final_lane", "record"]
    query = sql.select(*columns).join(DECISIONS, DECISIONS.c.decision_id == EXECUTIONS.c.decision_id)
    return query.where(*wanted.decided).order_by(EXECUTIONS.c.at, EXECUTIONS.c.execution_id)


def _reading(connection: sql.Connection, wanted: Wanted, window: timedelta) -> Reading:
    of_it = DECISIONS.c.decision_id == OUTCOMES.c.decision_id
    named = connection.execute(sql.select(DECISIONS.c.lanes).distinct().where(*wanted.decided)).scalars()
    answered = sql.select(OUTCOMES.c.executed_lane).distinct().join(DECISIONS, of_it).where(*wanted.learned)
    lanes = {lane for names in named for lane in split_lanes(names or "")}
    final = _executed(wanted).with_only_columns(EXECUTIONS.c.final_lane).order_by(None).distinct()
    for names_one in (answered, final):
        lanes |= {lane for lane in connection.execute(names_one).scalars() if lane is not None}
    encoders = sql.select(FEATURES.c.encoder).distinct().join(DECISIONS).where(*wanted.decided)
    found = set(connection.execute(encoders.where(FEATURES.c.embedding.is_not(None))).scalars())
    return Reading(tuple(sorted(lanes)), one_encoder(found, wanted.encoder), window)


def _pages(begin: Transaction, query: sql.Select[Any], order: tuple[Any, Any], size: int) -> Iterator[list[Any]]:
    """A query, oldest first, page by page."""
    query = page_query = query.order_by(*order).limit(size)
    while True:
        with begin() as connection:
            page = list(connection.execute(page_query).all())
        if page:
            yield page
        if len(page) < size:
            return
        at, key = order
        last = page[-1]
        page_query = query.where((at > last[0]) | ((at == last[0]) & (key > last[1])))
