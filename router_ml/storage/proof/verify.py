"""Whether a log is what was written: every record against the chain, every chain from its first entry to its last.

Found and named are records that were changed, removed, reordered or inserted, also in columns that queries use and in
vectors. Who can write to the database can also write a new chain over a changed log: what shows that is a checkpoint
kept elsewhere (``checkpoint``). What was erased, has expired or was compacted is accounted for by audit events that
stand in the chain themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from router_ml.storage.archives.check import archive_problems
from router_ml.storage.database import tables
from router_ml.storage.proof.audit_trail import audit_trail
from router_ml.storage.proof.checkpoint import Checkpoint, broken_promises
from router_ml.storage.proof.inspection import Inspection

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

PAGE = 1000
SHOWN = 100  # problems that are named


@dataclass(frozen=True)
class Verification:
    """What was found. ``entries``: records in the chains of ``writers``; of these ``erased`` (or expired) and
    ``compacted`` ones are no longer in the database. ``problems``: one sentence each, with ids and no other value."""

    ok: bool
    writers: int
    entries: int
    problems: tuple[str, ...]
    erased: int
    compacted: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def verify(log: EventLog, *, checkpoint: Checkpoint | None = None, archive: str | None = None) -> Verification:
    """Check a log at one moment, while others go on writing; a page of it at a time is in memory.

    Args:
        checkpoint: heads that were kept elsewhere; with it, a cut tail and a rewritten chain are found.
        archive: where ``compact`` wrote to; with it, archived records are checked as well. Without it only their
            number and places are.

    Raises:
        LogError: the log or the archive cannot be read.
    """
    with log.session.read(snapshot=True) as connection:
        inspection = Inspection(connection, audit_trail(connection))
        problems = inspection.problems
        try:
            for page in _pages(connection):
                inspection.look_at(page)
            inspection.finish()
            if checkpoint is not None:
                problems += broken_promises(connection, checkpoint)
            if archive is not None:
                problems += archive_problems(connection, archive)
        except (ValueError, TypeError, sql.exc.SQLAlchemyError):  # what a driver says may quote it
            problems.append("A row of the chains or of the keys cannot be read: it was damaged.")
    more = [] if len(problems) <= SHOWN else [f"And {len(problems) - SHOWN} more."]
    return Verification(
        ok=not problems,
        writers=len(inspection.writers),
        entries=inspection.entries,
        problems=(*problems[:SHOWN], *more),
        erased=inspection.erased,
        compacted=inspection.compacted,
    )


def _pages(connection: sql.Connection) -> Iterator[list[Any]]:
    columns = tables.chain.c
    query = sql.select(tables.chain).order_by(columns.writer, columns.seq).limit(PAGE)
    after: list[sql.ColumnElement[bool]] = []
    while page := list(connection.execute(query.where(*after)).all()):
        yield page
        last = page[-1]
        after = [(columns.writer > last.writer) | ((columns.writer == last.writer) & (columns.seq > last.seq))]
