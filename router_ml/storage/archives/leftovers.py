"""Files of an archive that the log does not name: what an interrupted or an overtaken command left.

A file is written before the transaction that names it, so one that is not named may be about to be. Who names a file
and who removes one take the same lock in the database, and who names one looks first whether it is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.archives.files import NAME, Folder, read_file
from router_ml.storage.database import tables
from router_ml.storage.proof.audit_trail import audit_trail
from router_ml.storage.proof.chain import Writer

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def hold(connection: sql.Connection) -> None:
    """Until the transaction is over, nobody else names or removes files; on SQLite, writers take turns anyway."""
    connection.execute(sql.select(tables.schema.c.version).with_for_update())


def discard(log: EventLog, folder: Folder, names: Iterable[str]) -> None:
    """Remove files, unless the log names them as part of the archive."""

    def do(connection: sql.Connection, _: Writer) -> None:
        hold(connection)
        files = audit_trail(connection).files
        folder.remove(name for name in names if name not in files)

    if names := list(names):
        log.session.write(do)


def tidy(log: EventLog, folder: Folder) -> None:
    """Remove what this log was compacted into and no longer names, and halves of files. What somebody else has put
    there stays, also what another log was compacted into."""
    with log.session.read(snapshot=True) as connection:
        trail = audit_trail(connection)
        unnamed = [name for name in folder.names() if name not in trail.files]
        left = [name for name in unnamed if name in trail.removed or _is_ours(connection, folder, name)]
    discard(log, folder, [*left, *folder.halves()])


def _is_ours(connection: sql.Connection, folder: Folder, name: str) -> bool:
    if not NAME.fullmatch(name):
        return False
    try:
        first = next(iter(read_file(folder, name)), None)
    except LogError:
        return False
    if first is None:
        return False
    columns = tables.chain.c
    here = (columns.writer == first.writer) & (columns.seq == first.seq) & (columns.record_id == first.entry.record_id)
    return connection.execute(sql.select(sql.literal(1)).where(sql.exists().where(here))).first() is not None
