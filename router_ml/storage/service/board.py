"""A board in the log's database where the processes of a service tell each other what they count and how they stand.

Each row is written by one process alone, so nothing is ever added up in place and no update is lost; who wants a sum
reads those of the others. Ages are told by the clock of the database, whatever those of the machines say. Nothing here
is evidence: it is operational state, and in no chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.database.session import Session

Counter = tuple[str, str, str]
"""Kind, name, period."""

BASE = "base"
"""The process under whose name stands what had been spent before any process of the service counted."""
ALIVE_S = 10.0
"""A process that has said nothing for so long is taken to be dead."""

_PROCESS = "process"
_JOINING = 615_028  # of the advisory lock of PostgreSQL
_KEPT = {"key_calls": timedelta(minutes=10), _PROCESS: timedelta(hours=1)}
_KEPT_ELSE = timedelta(days=3)
_SHARED = tables.shared.c


@dataclass(frozen=True)
class Beat:
    """What a process last told of itself, ``age_s`` seconds ago."""

    process: str
    told: str
    age_s: float

    @property
    def alive(self) -> bool:
        """Whether it still speaks."""
        return self.age_s < ALIVE_S


class Board:
    """The board of one log; thread safe. Every method raises ``LogError`` when the database fails."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def publish(self, process: str, counted: Mapping[Counter, float], *, told: str) -> None:
        """Say what a process has come to, in the place of what it said before; what it leaves out stays as it was."""
        self._session.beside(lambda connection: _put(connection, process, counted, told))

    def others(self, process: str, *, since: datetime) -> dict[Counter, float]:
        """What all but this process have come to, summed: in periods from the day before ``since``, of minutes from
        two minutes before it."""
        day, minute = f"{since - timedelta(days=1):%Y-%m-%d}", f"{since - timedelta(minutes=2):%Y-%m-%dT%H:%M}"
        length = sql.func.length(_SHARED.period)
        lately = ((length <= len(day)) & (_SHARED.period >= day)) | ((length > len(day)) & (_SHARED.period >= minute))
        key = (_SHARED.kind, _SHARED.name, _SHARED.period)
        query = sql.select(*key, sql.func.sum(_SHARED.value)).group_by(*key)
        query = query.where(_SHARED.process != process, _SHARED.kind != _PROCESS, lately)
        with self._session.read() as connection:
            return {(kind, name, period): float(total) for kind, name, period, total in connection.execute(query)}

    def processes(self) -> list[Beat]:
        """What each process told last, also those that are dead, for an hour."""
        with self._session.read() as connection:
            return _beats(connection)

    def wants(self, process: str, counters: Iterable[Counter]) -> tuple[Counter, ...]:
        """For which of some counters it has to be found out what came before them: those that have no base yet; all of
        them where nobody else lives, who would know better."""
        counters = tuple(counters)
        with self._session.read() as connection:
            if not _others_live(connection, process):
                return counters
            bases = _bases(connection)
        return tuple(counter for counter in counters if counter not in bases)

    def join(
        self, process: str, counted: Mapping[Counter, float], found: Mapping[Counter, float], *, told: str
    ) -> None:
        """``publish``, and see to it that each counter has a base, so that base and counts together are at least what
        was ``found`` in the log. One process at a time; a base that others count from is left alone."""

        def do(connection: sql.Connection) -> None:
            nobody, bases = not _others_live(connection, process), _bases(connection)
            _put(connection, process, counted, told)
            sums = _sums(connection)
            wanted = {
                counter: max(usd - sums.get(counter, 0.0), bases.get(counter, 0.0))
                for counter, usd in found.items()
                if nobody or counter not in bases
            }
            _upsert(connection, BASE, wanted, _now(connection), None)

        self._session.beside(do, alone=_JOINING)

    def leave(self, process: str, counted: Mapping[Counter, float]) -> None:
        """``publish`` for the last time: what it counted stays, and it does not live any more."""

        def do(connection: sql.Connection) -> None:
            _upsert(connection, process, counted, _now(connection), None)
            gone = (_SHARED.process == process) & (_SHARED.kind == _PROCESS)
            connection.execute(sql.delete(tables.shared).where(gone))

        self._session.beside(do)

    def forget(self) -> None:
        """Delete what nobody asks for any more."""

        def do(connection: sql.Connection) -> None:
            now = _now(connection)
            for kind, kept in _KEPT.items():
                old = (_SHARED.kind == kind) & (_SHARED.at < now - kept)
                connection.execute(sql.delete(tables.shared).where(old))
            connection.execute(sql.delete(tables.shared).where(_SHARED.at < now - _KEPT_ELSE))

        self._session.beside(do)


def _put(connection: sql.Connection, process: str, counted: Mapping[Counter, float], told: str) -> None:
    now = _now(connection)
    _upsert(connection, process, counted, now, None)
    _upsert(connection, process, {(_PROCESS, "", ""): 0.0}, now, told)


def _upsert(
    connection: sql.Connection, process: str, values: Mapping[Counter, float], at: datetime, told: str | None
) -> None:
    rows = [
        {"process": process, "kind": kind, "name": name, "period": period, "value": value, "at": at, "told": told}
        for (kind, name, period), value in sorted(values.items())
    ]
    if rows:
        insert = _insert(connection)
        new = {name: insert.excluded[name] for name in ("value", "at", "told")}
        connection.execute(insert.on_conflict_do_update(index_elements=list(tables.shared.primary_key), set_=new), rows)


def _insert(connection: sql.Connection) -> Any:
    makers: Mapping[str, Callable[[sql.Table], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    make = makers.get(connection.dialect.name)
    if make is None:
        raise LogError(f"Processes share state through PostgreSQL or SQLite, not {connection.dialect.name}.")
    return make(tables.shared)


def _now(connection: sql.Connection) -> datetime:
    """UTC without a zone, by the clock that all processes on the log have in common."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC).replace(tzinfo=None)
    now: datetime = connection.execute(sql.select(sql.func.timezone("utc", sql.func.clock_timestamp()))).scalar_one()
    return now


def _beats(connection: sql.Connection) -> list[Beat]:
    query = sql.select(_SHARED.process, _SHARED.told, _SHARED.at).where(_SHARED.kind == _PROCESS)
    now = _now(connection)
    rows: Sequence[Any] = connection.execute(query.order_by(_SHARED.process)).all()
    return [Beat(row.process, row.told or "{}", max((now - row.at).total_seconds(), 0.0)) for row in rows]


def _others_live(connection: sql.Connection, process: str) -> bool:
    return any(beat.alive and beat.process != process for beat in _beats(connection))


def _bases(connection: sql.Connection) -> dict[Counter, float]:
    query = sql.select(_SHARED.kind, _SHARED.name, _SHARED.period, _SHARED.value).where(_SHARED.process == BASE)
    return {(row.kind, row.name, row.period): row.value for row in connection.execute(query)}


def _sums(connection: sql.Connection) -> dict[Counter, float]:
    """What all processes counted, without the base."""
    key = (_SHARED.kind, _SHARED.name, _SHARED.period)
    query = sql.select(*key, sql.func.sum(_SHARED.value)).group_by(*key)
    query = query.where(_SHARED.process != BASE, _SHARED.kind != _PROCESS)
    return {(kind, name, period): float(total) for kind, name, period, total in connection.execute(query)}
