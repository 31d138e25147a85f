"""Questions to PostgreSQL that cannot change anything: the server sees to that, not a reading of the SQL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pydantic import JsonValue

from router_ml.errors import MissingExtraError
from router_ml.execution.tools.failures import ToolFailure

_MORE_THAN_READS = """
with mine as (select * from pg_roles where pg_has_role(session_user, oid, 'member'))
select 'its attributes' from mine where rolsuper or rolcreaterole or rolcreatedb or rolreplication
union all select rolname from mine where rolname = any(%(powers)s)
union all select 'a table' from mine m, pg_class c
    where relkind in ('r', 'p', 'v', 'f', 'm', 'S') and relnamespace <> 'pg_catalog'::regnamespace
    and (has_table_privilege(m.oid, c.oid, 'insert, update, delete, truncate')
        or relkind <> 'S' and has_any_column_privilege(m.oid, c.oid, 'insert, update'))
union all select 'a schema' from mine m, pg_namespace n
    where nspname !~ '^pg_' and has_schema_privilege(m.oid, n.oid, 'create')
union all select 'a database' from mine m where has_database_privilege(m.oid, current_database(), 'create')
limit 1
"""
"""Rights of the role, and of those that it may become, also where it does not inherit them."""
_POWERS = [
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_read_server_files",
    "pg_write_all_data",
    "pg_signal_backend",
    "pg_signal_autovacuum_worker",
    "pg_maintain",
    "pg_checkpoint",
    "pg_create_subscription",
]
"""Roles of the server whose rights no transaction holds back."""
_TRANSIENT = ("08", "53", "57P")  # connection, resources, the server is going down


class PostgresQuery:
    """A function of a tool that runs one query with a role that can only read.

    Three things hold a write back, each in the server: the rights of the role and of all that it is a member of, which
    are looked at before each query, a transaction that is read only, and a protocol that takes one statement at a time,
    so that no other one can end that transaction. ``statement_timeout`` ends what takes too long.

    Args:
        url_env: environment variable with the URL of the database, for a role that may only read.
        timeout_ms: of one statement.
        most_rows: that are returned.

    Raises:
        MissingExtraError: psycopg is not installed.
    """

    def __init__(self, *, url_env: str, timeout_ms: int = 5_000, most_rows: int = 200) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtraError("psycopg", "serve") from None
        self._psycopg = psycopg
        self._url_env = url_env
        self._timeout_ms = timeout_ms
        self._most_rows = most_rows

    def __call__(self, query: str) -> JsonValue:
        """Columns and rows (neither where nothing is found); ``more`` where there are more rows than were returned.

        Raises:
            ToolFailure: the query failed, or the role could write.
        """
        url = os.environ.get(self._url_env)
        if not url:
            raise ToolFailure(f"the environment variable {self._url_env} is not set", nothing_done=True)
        options = f"-c statement_timeout={self._timeout_ms} -c default_transaction_read_only=on -c lock_timeout=1000"
        try:
            with closing(self._psycopg.connect(url, options=options, connect_timeout=10)) as connection:
                connection.read_only = True
                self._only_reads(connection)
                return self._ask(connection, query)
        except self._psycopg.Error as error:
            state = error.sqlstate or ""
            name = type(error).__name__
            said = f"SQLSTATE {state} {name}" if state else name
            lost = not state and isinstance(error, self._psycopg.OperationalError)
            raise ToolFailure(said, transient=lost or state.startswith(_TRANSIENT)) from None

    def _only_reads(self, connection: Any) -> None:
        row = connection.execute(_MORE_THAN_READS, {"powers": _POWERS}).fetchone()
        if row is not None:
            raise ToolFailure(f"the role may write ({row[0]}); give one with no right but SELECT", nothing_done=True)

    def _ask(self, connection: Any, query: str) -> JsonValue:
        with connection.cursor() as cursor:
            rows: Iterator[Any] = cursor.stream(query)  # the extended protocol: several statements are an error
            found: list[Any] = []
            for row in rows:
                if len(found) == self._most_rows:
                    return self._table(cursor, found, more=True)
                found.append(row)
            return self._table(cursor, found, more=False)

    def _table(self, cursor: Any, rows: list[Any], *, more: bool) -> JsonValue:
        columns = [column.name for column in cursor.description or ()]
        table = {"columns": columns, "rows": [[_plain(value) for value in row] for row in rows], "more": more}
        return table  # type: ignore[return-value]


def _plain(value: object) -> object:
    """A value as JSON: what it has no word for, in the words of Python."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value
