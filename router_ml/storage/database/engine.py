"""Opening the database of an event log, and telling what went wrong there without quoting what is in it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sql

from router_ml.errors import LogError, LogRefusedError

BUSY_TIMEOUT_S = 10
_LIBPQ = ("psycopg", "psycopg2")
_NETWORK: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""When PostgreSQL counts as gone whose network swallows what is sent: within half a minute rather than a quarter of an
hour. Nothing limits a statement that it works on; the query of the URL has the last word."""
PRAGMAS = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
PRAGMA foreign_keys=ON;
PRAGMA secure_delete=ON;
"""  # the last: what was erased is overwritten, not only forgotten


def open_engine(url: str) -> sql.Engine:
    """An engine for a path to an SQLite file (its folder is made) or any SQLAlchemy URL.

    Raises:
        LogError: the URL cannot be read, its driver is missing, or the folder cannot be made.
    """
    try:
        parsed = sql.make_url(url) if "://" in url else sql.URL.create("sqlite", database=url)
        if parsed.get_backend_name() != "sqlite":
            waits = {name: value for name, value in _NETWORK.items() if name not in parsed.query}
            told = waits if parsed.get_driver_name() in _LIBPQ else {}
            return sql.create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=told)
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
            connection.executescript(PRAGMAS)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def failure(error: sql.exc.SQLAlchemyError) -> LogError:
    """Only messages about the connection or the file are passed on; others may quote the row that was refused."""
    told = isinstance(error, sql.exc.OperationalError) or type(error) is sql.exc.DatabaseError
    detail = str(getattr(error, "orig", error)).partition("\n")[0] if told else type(error).__name__
    if isinstance(error, sql.exc.DataError):
        return LogRefusedError(
            "The database does not take a value of this record, which is longer than its column or holds a character "
            "that it does not know. Shorten names, such as the source of an outcome."
        )
    if "decode" in detail:  # SQLite quotes a text that is no UTF-8
        detail = "a text in it is not UTF-8"
    return LogError(
        f"The event log failed: {detail}. Check that the database can be reached and written, then repeat the call; "
        "repeating a write is safe."
    )
