"""Checkpoints: where every chain stood at one moment, signed, to be kept where the log is not.

A chain alone cannot tell that its tail was cut off or that all of it was written anew; with a checkpoint from before,
``verify`` sees both. The signature is HMAC-SHA256 under a key that the database never sees (``$ROUTER_ML_LOG_KEY``):
whoever verifies needs it too, and who holds it could sign another one.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.database import tables
from router_ml.storage.proof.chain import joined

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

FORMAT = 1
KEY_VARIABLE = "ROUTER_ML_LOG_KEY"
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Checkpoint:
    """``heads``: of each writer the number of its last entry and the head of its chain (hex)."""

    at: datetime
    heads: dict[str, tuple[int, str]]

    def to_json(self, key: bytes) -> str:
        """Signed JSON."""
        record = {"format": FORMAT, "at": self.at.isoformat(), "heads": self.heads, "hmac": self._sign(key)}
        return json.dumps(record, indent=1, sort_keys=True) + "\n"

    def _sign(self, key: bytes) -> str:
        parts: list[str | int] = [FORMAT, self.at.isoformat()]
        for writer, (seq, head) in sorted(self.heads.items()):
            parts += [writer, seq, head]
        return hmac.digest(key, joined(*parts), "sha256").hex()

    @classmethod
    def parse(cls, text: str, key: bytes) -> Checkpoint:
        """A checkpoint from signed JSON.

        Raises:
            LogError: it is none, or was not signed with this key.
        """
        try:
            record = json.loads(text)
            heads = {str(writer): (int(seq), str(head)) for writer, (seq, head) in record["heads"].items()}
            found = cls(datetime.fromisoformat(record["at"]), heads)
            known, signed = record["format"] == FORMAT, str(record["hmac"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LogError("The checkpoint cannot be read. Give a file that router-ml log checkpoint wrote.") from None
        if not known or not hmac.compare_digest(found._sign(key), signed):
            raise LogError(f"The checkpoint was changed, or signed with another key than the one in ${KEY_VARIABLE}.")
        return found


def checkpoint(log: EventLog, *, now: datetime) -> Checkpoint:
    """Where every chain of a log stands.

    Raises:
        LogError: the log cannot be read.
    """
    columns = tables.chain.c
    last = sql.select(columns.writer, sql.func.max(columns.seq).label("seq")).group_by(columns.writer).subquery()
    query = sql.select(columns.writer, columns.seq, columns.head).join(
        last, (columns.writer == last.c.writer) & (columns.seq == last.c.seq)
    )
    with log.session.read() as connection:
        heads = {row.writer: (row.seq, bytes(row.head).hex()) for row in connection.execute(query)}
    return Checkpoint(now, heads)


def signing_key() -> bytes:
    """The key that checkpoints are signed with.

    Raises:
        LogError: none is set, or one that could be guessed.
    """
    key = os.environ.get(KEY_VARIABLE, "").encode()
    if len(key) < SHORTEST_KEY:
        raise LogError(
            f"Found a key of {len(key)} bytes in ${KEY_VARIABLE}, expected {SHORTEST_KEY} or more. Set it to a random "
            "secret that the database does not hold, as python -c 'import secrets; print(secrets.token_hex())' makes."
        )
    return key


def read_checkpoint(path: Path, key: bytes) -> Checkpoint:
    """A checkpoint from a file.

    Raises:
        LogError: as ``Checkpoint.parse``, or the file cannot be read.
    """
    try:
        return Checkpoint.parse(path.read_text(encoding="utf-8"), key)
    except (OSError, UnicodeDecodeError):
        raise LogError(f"{path} cannot be read. Give a file that router-ml log checkpoint wrote.") from None


def broken_promises(connection: sql.Connection, promised: Checkpoint) -> list[str]:
    """What a checkpoint promises and the chains do not hold."""
    columns = tables.chain.c
    problems = []
    for writer, (seq, head) in sorted(promised.heads.items()):
        query: sql.Select[Any] = sql.select(columns.head).where(columns.writer == writer, columns.seq == seq)
        found = connection.execute(query).scalar()
        if found is None:
            problems.append(f"The chain of {writer} ended at number {seq} or later by the checkpoint: it was cut.")
        elif bytes(found).hex() != head:
            problems.append(f"The chain of {writer} was written anew: number {seq} is not that of the checkpoint.")
    return problems
