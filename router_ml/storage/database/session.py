"""Transactions on the database of a log: readers that hold nothing, writers that take turns and try again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.database.engine import failure, open_engine
from router_ml.storage.proof.chain import Writer

DAMAGED = "A row of the event log cannot be read: one of its columns was damaged. Run router-ml log verify."
PASSING = ("40001", "40P01")  # what PostgreSQL calls a serialisation failure and a deadlock
TRIES = 10  # of a write that another process got in the way of; with many writers it may be another one each time
PAUSE_S = 0.01  # at most, times the number of tries so far: those that collided must not meet again
Result = TypeVar("Result")


class Session:
    """The open database of a log, and the chain that is written through it; thread safe."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._closed = False
        self._turn = threading.Lock()  # of writers: a chain has one end; and on SQLite better than its busy loop
        self._chain = Writer()

    @contextmanager
    def read(self, *, snapshot: bool = False) -> Iterator[sql.Connection]:
        """A transaction to read in; ``snapshot``: all of it sees the log at one moment.

        Raises:
            LogError: the database fails, or the log is closed.
        """
        with _translated(), self._connect() as connection:
            if snapshot and connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            elif snapshot:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection

    def write(self, do: Callable[[sql.Connection, Writer], Result]) -> Result:
        """Do something in one transaction that this writer's chain goes on in; all or none.

        ``do`` is called again where another process wrote the same thing in the same moment.

        Raises:
            LogError: the database fails, or the log is closed.
        """
        with _translated():
            for tries in range(1, TRIES):
                try:
                    return self._once(do)
                except sql.exc.DBAPIError as error:
                    if not _in_the_way(error):
                        raise
                    time.sleep(random.uniform(0, PAUSE_S * tries))
            return self._once(do)

    def _once(self, do: Callable[[sql.Connection, Writer], Result]) -> Result:
        with self._turn:
            with self._connect() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                self._chain.begin(connection)
                result = do(connection, self._chain)
                self._chain.flush(connection)
            self._chain.committed()
        return result

    def beside(self, do: Callable[[sql.Connection], Result], *, alone: int | None = None) -> Result:
        """Do something that is in no chain, in one transaction: all or none. ``do`` is called again as for ``write``.

        Args:
            alone: a number; nobody else who gives it does anything meanwhile.

        Raises:
            LogError: the database fails, or the log is closed.
        """
        with _translated():
            for tries in range(1, TRIES):
                try:
                    return self._once_beside(do, alone)
                except sql.exc.DBAPIError as error:
                    if not _in_the_way(error):
                        raise
                    time.sleep(random.uniform(0, PAUSE_S * tries))
            return self._once_beside(do, alone)

    def _once_beside(self, do: Callable[[sql.Connection], Result], alone: int | None) -> Result:
        is_sqlite = self.engine.dialect.name == "sqlite"
        with self._turn if is_sqlite else nullcontext(), self._connect() as connection:
            if is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            elif alone is not None and connection.dialect.name == "postgresql":
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(alone)))
            return do(connection)

    def prepare(self, do: Callable[[sql.Connection], None]) -> None:
        """Make the tables; ``do`` takes its own lock.

        Raises:
            LogError: the database fails, or ``do`` says so.
        """
        with self._turn, self.read() as connection:
            do(connection)

    def scrub(self) -> None:
        """Take what was deleted off the disk, where the database leaves that to its user."""
        if self.engine.dialect.name == "sqlite":
            with self.read() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Release the database; further calls raise ``LogError``."""
        self._closed = True
        self.engine.dispose()

    @contextmanager
    def _connect(self) -> Iterator[sql.Connection]:
        if self._closed:
            raise LogError("This event log is closed. Open it again with EventLog(url).")
        with self.engine.begin() as connection:
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the database as ours, without what they may quote."""
    try:
        yield
    except sql.exc.SQLAlchemyError as error:
        raise failure(error) from None
    except ValueError as error:
        if type(error) is not ValueError:
            raise  # one of ours
        raise LogError(DAMAGED) from None  # SQLAlchemy quotes what is no date


def _in_the_way(error: sql.exc.DBAPIError) -> bool:
    """Whether another transaction was in the way, and is over now."""
    return isinstance(error, sql.exc.IntegrityError) or getattr(error.orig, "sqlstate", None) in PASSING
