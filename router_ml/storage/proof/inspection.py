"""Every entry of every chain against what the database holds of it, page by page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.database.entries import Kind
from router_ml.storage.database.migrations import secret_digest
from router_ml.storage.database.rows import Stored
from router_ml.storage.database.writing import KeyRow, chunks, key_rows, keys_digest, keys_in
from router_ml.storage.proof.audit_trail import AuditTrail
from router_ml.storage.proof.chain import OWN, Tail, joined, keyed_digest, next_head
from router_ml.storage.proof.kept import agrees, read_stored

TIME = "YYYY-MM-DD hh:mm:ss.ffffff".translate({ord(letter): "[0-9]" for letter in "YMDhmsf"})
GONE = ("erased", "expired")
CHAIN = tables.chain.c


class Inspection:
    """``look_at`` all pages in order, then ``finish``."""

    def __init__(self, connection: sql.Connection, trail: AuditTrail) -> None:
        self.problems: list[str] = []
        self.writers: set[str] = set()
        self.entries = self.erased = self.compacted = 0
        self._connection = connection
        self._trail = trail
        self._tail = Tail("")
        self._arrived = 0
        self._carried_out = dict.fromkeys(trail.orders, 0)
        self._archived = dict.fromkeys(trail.files, 0)
        self._positions = {name: hashlib.sha256() for name in trail.files}

    def look_at(self, page: Sequence[Any]) -> None:
        """A run of chain rows, by writer and number."""
        found = {kind: self._kept(kind, [row.record_id for row in page if row.kind == kind]) for kind in tables.RECORDS}
        keys = key_rows(self._connection, [row.decision_id for row in page if row.decision_id is not None])
        gone = self._tombstones([name for name, key in keys.items() if key.key is None])
        for row in page:
            self._follow(row)
            if row.kind in tables.RECORDS:
                self.entries += 1
                self.writers.add(row.writer)
                self._look_at_record(row, found[row.kind].get(row.record_id), keys.get(row.decision_id), gone)
            elif row.kind in GONE:
                self._look_at_tombstone(row, keys.get(row.decision_id))
            elif row.kind == "secret":
                self._look_at_secret(row)
            else:
                self._say(row, "is of a kind that this release does not know")

    def finish(self) -> None:
        """What stands in no chain, and what archives should hold."""
        for kind, (table, key) in tables.RECORDS.items():
            of_it = (CHAIN.kind == kind) & (CHAIN.record_id == key)
            if kind != "audit_event":
                of_it &= CHAIN.decision_id == table.c.decision_id
            self._name(sql.select(key).where(~sql.exists().where(of_it)), f"{_named(kind)} {{}} stands in no chain.")
        decided = tables.decisions.c.decision_id
        for table in (tables.features, tables.texts):
            alone = sql.select(table.c.decision_id).where(~sql.exists().where(decided == table.c.decision_id))
            self._name(alone, f"The {table.name} of decision {{}} are there without it.")
        self._look_at_spelling()
        keys = tables.decision_keys.c
        told = keys.subject.is_not(None) | keys.keep_until.is_not(None) | keys.archive.is_not(None)
        decision = (CHAIN.decision_id == keys.decision_id) & (CHAIN.kind == "decision")
        untold = sql.select(keys.decision_id).where(told & (keys.key.is_(None) | ~sql.exists().where(decision)))
        self._name(untold, "The key of decision {} names a person, a term or a file, and has nothing to say.")
        of_it = (CHAIN.kind == "secret") & (CHAIN.record_id == tables.secrets.c.name)
        self._name(sql.select(tables.secrets.c.name).where(~sql.exists().where(of_it)), "Secret {} stands in no chain.")
        twice = sql.select(CHAIN.record_id).where(CHAIN.kind.in_(tables.RECORDS)).group_by(CHAIN.kind, CHAIN.record_id)
        self._name(twice.having(sql.func.count() > 1), "Record {} stands in the chains twice.")
        if self._carried_out != self._trail.orders:
            self.problems.append("More or fewer decisions were erased than the audit events that ordered it say.")
        for name, file in self._trail.files.items():
            if (self._archived[name], self._positions[name].hexdigest()) != (file.entries, file.positions_sha256):
                self.problems.append(f"Archive file {name} should hold other entries than the log says it does.")
            elif file.keys_sha256 and keys_digest(keys_in(self._connection, name)) != file.keys_sha256:
                self.problems.append(f"A key, a person or a term of the decisions in archive file {name} was changed.")

    def _look_at_spelling(self) -> None:
        """SQLite holds any text as a time and any number as a truth value, and compares them as they are spelt."""
        if self._connection.dialect.name != "sqlite":
            return
        for table, key in (*tables.RECORDS.values(), (tables.decision_keys, tables.decision_keys.c.decision_id)):
            for column in table.c:
                if isinstance(column.type, sql.DateTime):
                    odd = sql.type_coerce(column, sql.String).op("NOT GLOB")(TIME)
                elif isinstance(column.type, sql.Boolean):
                    odd = sql.type_coerce(column, sql.Integer).not_in((0, 1))
                else:
                    continue
                self._name(sql.select(key).where(odd), f"{{}} in {table.name} has a {column.name} that is none.")

    def _follow(self, row: Any) -> None:
        if row.writer != self._tail.writer:
            self._tail, self._arrived = Tail(row.writer), 0
        if row.seq != self._tail.seq + 1:
            self._say(row, f"follows number {self._tail.seq}: what stood between them is missing")
        before = Tail(row.writer, row.seq - 1, self._tail.head)
        if next_head(before, row.kind, row.record_id, row.decision_id, bytes(row.digest)) != bytes(row.head):
            self._say(row, "does not follow from the entry before: one of them was changed, moved or put in")
        self._tail = Tail(row.writer, row.seq, bytes(row.head))

    def _look_at_record(
        self, row: Any, kept: tuple[Stored, dict[str, Any]] | None, key: KeyRow | None, gone: set[str]
    ) -> None:
        if row.decision_id is not None and key is None:
            self._say(row, "has no key: somebody removed it")
        elif kept is None:
            self._account_for(row, key, gone)
        elif key is not None and key.key is None:
            self._say(row, "was erased, and is there")
        elif kept[0].decision_id != row.decision_id or _digest(kept[0], key) != bytes(row.digest):
            self._say(row, "is not what was written: the record, what it was made from, or its key was changed")
        elif row.kind == "decision" and key is not None and key.archive is not None:
            self._say(row, "was compacted by its key, and is there")
        elif not _agrees(*kept):
            self._say(row, "has columns that say something else than its record")
        elif row.kind == "outcome" and row.writer != OWN:
            if kept[1]["arrived"] <= self._arrived:
                self._say(row, "was moved before an outcome that came earlier")
            self._arrived = kept[1]["arrived"]

    def _account_for(self, row: Any, key: KeyRow | None, gone: set[str]) -> None:
        """A record that the database does not hold any more."""
        if key is not None and key.key is None and row.decision_id in gone:
            self.erased += 1
        elif key is not None and key.archive is not None and key.archive in self._archived:
            self._archived[key.archive] += 1
            self._positions[key.archive].update(joined(row.writer, row.seq))
            self.compacted += 1
        else:
            self._say(row, "is missing, and no audit event says that it was erased, has expired or was compacted")

    def _look_at_tombstone(self, row: Any, key: KeyRow | None) -> None:
        order = bytes(row.digest)
        if order not in self._carried_out:
            self._say(row, "names no audit event that ordered it")
        else:
            self._carried_out[order] += 1
        if key is None or key.key is not None or row.record_id != row.decision_id:
            self._say(row, "says that a decision was erased, and its key is there")

    def _look_at_secret(self, row: Any) -> None:
        query = sql.select(tables.secrets.c.value).where(tables.secrets.c.name == row.record_id)
        value = self._connection.execute(query).scalar()
        if value is None or secret_digest(bytes(value)) != bytes(row.digest):
            self._say(row, "is not the secret that it was at first")

    def _kept(self, kind: Kind, ids: Sequence[str]) -> dict[str, tuple[Stored, dict[str, Any]]]:
        try:
            return {entry.record_id: (entry, row) for entry, row in read_stored(self._connection, kind, ids)}
        except (ValueError, TypeError, sql.exc.SQLAlchemyError):
            if len(ids) == 1:  # what a driver says may quote it
                self.problems.append(f"{_named(kind)} {ids[0]} cannot be read: one of its columns was damaged.")
                return {}
            half = len(ids) // 2
            return {**self._kept(kind, ids[:half]), **self._kept(kind, ids[half:])}

    def _tombstones(self, decision_ids: Sequence[str]) -> set[str]:
        query = sql.select(CHAIN.decision_id).where(CHAIN.kind.in_(GONE))
        return {
            name
            for some in chunks(decision_ids)
            for name in self._connection.execute(query.where(CHAIN.decision_id.in_(some))).scalars()
            if name is not None
        }

    def _name(self, query: sql.Select[Any], problem: str) -> None:
        self.problems += [problem.format(name) for name in self._connection.execute(query.limit(200)).scalars()]

    def _say(self, row: Any, problem: str) -> None:
        self.problems.append(f"{_named(row.kind)} {row.record_id} ({row.writer}, number {row.seq}) {problem}.")


def _digest(entry: Stored, key: KeyRow | None) -> bytes:
    return keyed_digest((key.key if key is not None else None) or b"", entry.payload)


def _agrees(entry: Stored, row: dict[str, Any]) -> bool:
    try:
        return agrees(entry, row)
    except LogError:
        return False


def _named(kind: str) -> str:
    return kind.replace("_", " ").capitalize()
