"""Whether an archive holds what the log says that it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.archives.files import Folder, Placed, read_file
from router_ml.storage.database import tables
from router_ml.storage.database.writing import chunks, key_rows
from router_ml.storage.proof import chain
from router_ml.storage.proof.audit_trail import audit_trail, positions_digest


def archive_problems(connection: sql.Connection, path: str) -> list[str]:
    """What is wrong with an archive by the log: files that are missing, changed or not part of it, and entries that are
    not what was written."""
    folder, trail = Folder(path), audit_trail(connection)
    problems = [
        f"Archive file {name} {'was replaced or erased' if name in trail.removed else 'is not named by the log'}: "
        "remove it."
        for name in folder.names()
        if name not in trail.files
    ]
    problems += [f"{name} is half an archive file, of an interrupted command: remove it." for name in folder.halves()]
    for name, file in sorted(trail.files.items()):
        try:
            placed = read_file(folder, name, sha256=file.sha256)
        except LogError as error:
            problems.append(str(error))
            continue
        positions = sorted((one.writer, one.seq) for one in placed)
        if positions_digest(positions) != file.positions_sha256:
            problems.append(f"Archive file {name} holds other entries than the log says.")
        problems += _changed(connection, placed)
    return problems


def _changed(connection: sql.Connection, placed: Sequence[Placed]) -> Iterator[str]:
    digests: dict[tuple[str, str], bytes] = {}
    columns = tables.chain.c
    keys = key_rows(connection, [str(one.entry.decision_id) for one in placed])
    for some in chunks(list(keys)):
        query = sql.select(columns.kind, columns.record_id, columns.digest).where(columns.decision_id.in_(some))
        digests |= {(row.kind, row.record_id): bytes(row.digest) for row in connection.execute(query)}
    for one in placed:
        entry, key = one.entry, keys.get(str(one.entry.decision_id))
        digest = chain.keyed_digest((key.key if key is not None else None) or b"", entry.payload)
        if digests.get((entry.kind, entry.record_id)) != digest:
            yield f"Archived {entry.kind.replace('_', ' ')} {entry.record_id} is not what was written."
        elif entry.kind == "decision" and key and (key.subject, key.keep_until) != (entry.subject, entry.keep_until):
            yield f"The key of archived decision {entry.record_id} names another person or term than was written."
