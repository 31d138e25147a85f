"""What waits for a person: beside the log, changeable, and gone once it has been picked up.

The log holds the steps of an approval, which are never replaced. What is needed to go on lies in a table of its own,
outside the chain: one row per approval, from the moment that it was asked for until somebody has taken it. Each change
is one conditional statement in the transaction that writes the step, so that of two people, or two processes, who
decide in the same moment exactly one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import sqlalchemy as sql

from router_ml.contract import Approval
from router_ml.errors import LogRefusedError
from router_ml.storage.database import records, tables
from router_ml.storage.database.entries import of_approval
from router_ml.storage.database.writing import distinct, write_entries
from router_ml.storage.proof.chain import Writer
from router_ml.storage.service.held import Held, State

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

WAITING = tables.waiting.c


@dataclass(frozen=True)
class Waiting:
    """What waits in the database of a log; a ``Keeps``. Every method raises ``LogError`` when the database fails."""

    log: EventLog

    def hold(self, step: Approval, kept: bytes, *, until: datetime) -> None:
        """See ``Keeps.hold``."""
        entry = of_approval(step)

        def do(connection: sql.Connection, chain: Writer) -> bool:
            taken = sql.select(WAITING.approval_id).where(WAITING.approval_id == step.approval_id)
            if connection.execute(taken).first() is not None:
                raise LogRefusedError(f"Approval {step.approval_id} is waiting already. Give each approval its own id.")
            write_entries(connection, distinct([entry]), chain)
            there = sql.select(tables.approvals.c.step_id).where(tables.approvals.c.step_id == entry.record_id)
            if connection.execute(there).first() is None:
                return False
            row = {"approval_id": step.approval_id, "decision_id": step.decision_id, "state": "requested"}
            connection.execute(sql.insert(tables.waiting).values(**row, until=records.utc(until), kept=kept))
            return True

        if not self.log.session.write(do):
            raise LogRefusedError(f"Decision {step.decision_id} was erased or has expired; nothing is kept of it.")

    def settle(self, step: Approval, kept: bytes | None, *, until: datetime) -> bool:
        """See ``Keeps.settle``."""
        at = records.utc(step.at)
        due = WAITING.until <= at if step.state == "expired" else WAITING.until > at
        left: dict[str, Any] = {"state": step.state, "until": records.utc(until)}
        if kept is not None:
            left["kept"] = kept
        wanted = (WAITING.approval_id == step.approval_id) & (WAITING.state == "requested") & due
        done = self._change(sql.update(tables.waiting).where(wanted).values(**left), step)
        if done and kept is not None:
            self.log.session.scrub()
        return done

    def take(self, approval_id: str, now: datetime, *, state: State) -> bytes | None:
        """See ``Keeps.take``."""
        there = (WAITING.approval_id == approval_id) & (WAITING.until > records.utc(now))
        ready = there & (WAITING.state == state) & (WAITING.state != "requested")

        def do(connection: sql.Connection, _: Writer) -> bytes | None:
            found = connection.execute(sql.select(WAITING.kept).where(ready)).scalar()
            gone = connection.execute(sql.delete(tables.waiting).where(ready)).rowcount
            return bytes(found) if found is not None and gone == 1 else None

        found = self.log.session.write(do)
        if found is not None:
            self.log.session.scrub()
        return found

    def drop(self, held: Held, now: datetime, step: Approval | None) -> bool:
        """See ``Keeps.drop``."""
        over = (WAITING.approval_id == held.approval_id) & (WAITING.state == held.state)
        done = self._change(sql.delete(tables.waiting).where(over & (WAITING.until <= records.utc(now))), step)
        if done:
            self.log.session.scrub()
        return done

    def held(self, approval_id: str | None = None) -> list[Held]:
        """See ``Keeps.held``."""
        query = sql.select(tables.waiting).order_by(WAITING.until, WAITING.approval_id)
        if approval_id is not None:
            query = query.where(WAITING.approval_id == approval_id)
        with self.log.session.read() as connection:
            rows = connection.execute(query).all()
        return [
            Held(row.approval_id, row.decision_id, row.state, row.until.replace(tzinfo=UTC), bytes(row.kept))
            for row in rows
        ]

    def open_ids(self) -> set[str]:
        """See ``Keeps.open_ids``."""
        query = sql.select(WAITING.approval_id).where(WAITING.state.in_(("requested", "granted")))
        with self.log.session.read() as connection:
            return set(connection.execute(query).scalars())

    def steps(self, approval_id: str) -> list[Approval]:
        """See ``Keeps.steps``."""
        table, wanted = tables.approvals.c, [f"{approval_id}/{state}" for state in get_args(State)]
        query = sql.select(table.step_id, table.record).where(table.step_id.in_(wanted))
        with self.log.session.read() as connection:
            found = {row.step_id: row.record for row in connection.execute(query)}
        what = f"A step of approval {approval_id}"
        return [records.parse(Approval, found[name], what) for name in wanted if name in found]

    def _change(self, change: sql.Update | sql.Delete, step: Approval | None) -> bool:
        """Change one row, and write the step of it; False where there is no such row any more."""

        def do(connection: sql.Connection, chain: Writer) -> bool:
            if connection.execute(change).rowcount != 1:
                return False
            if step is not None:
                write_entries(connection, distinct([of_approval(step)]), chain)
            return True

        return self.log.session.write(do)


def forget(connection: sql.Connection, decision_ids: Sequence[str]) -> None:
    """Delete what waits of decisions that are erased."""
    connection.execute(sql.delete(tables.waiting).where(WAITING.decision_id.in_(decision_ids)))
