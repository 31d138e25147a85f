"""Entries read back from the database, as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sql

from router_ml.storage.database import tables
from router_ml.storage.database.entries import Kind
from router_ml.storage.database.rows import Stored, row_of
from router_ml.storage.database.writing import chunks

_BESIDE = (
    *tables.features.c["encoder", "embedding", "surface"],
    tables.texts.c.text,
    *tables.decision_keys.c["subject", "keep_until"],
)


def read_stored(
    connection: sql.Connection, kind: Kind, ids: Sequence[str], *, by_decision: bool = False
) -> list[tuple[Stored, dict[str, Any]]]:
    """Entries of a kind with their rows, by their ids or those of their decisions; of outcomes in order of arrival."""
    table, key = tables.RECORDS[kind]
    query: sql.Select[Any] = sql.select(table)
    if kind == "decision":
        beside = table.outerjoin(tables.features).outerjoin(tables.texts, tables.texts.c.decision_id == key)
        beside = beside.outerjoin(tables.decision_keys, tables.decision_keys.c.decision_id == key)
        query = sql.select(table, *_BESIDE).select_from(beside)
    by = table.c.decision_id if by_decision else key
    order = table.c.arrived if kind == "outcome" else key
    found = []
    for some in chunks(ids):
        for result in connection.execute(query.where(by.in_(some)).order_by(order)):
            row = dict(result._mapping)
            entry = Stored(
                kind=kind,
                record_id=row[key.name],
                decision_id=row.get("decision_id"),
                record=row["record"],
                encoder=row.get("encoder"),
                embedding=_bytes(row.get("embedding")),
                surface=_bytes(row.get("surface")),
                text=_bytes(row.get("text")),
                subject=row.get("subject"),
                keep_until=row.get("keep_until"),
            )
            found.append((entry, {column.name: row[column.name] for column in table.c}))
    return found


def agrees(entry: Stored, row: dict[str, Any]) -> bool:
    """Whether the columns of a row say what its record says."""
    return all(row[name] == value for name, value in row_of(entry).items())


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
