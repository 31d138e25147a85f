"""Files of an archive: entries as Parquet, by month, on any path that fsspec knows.

A file is written under another name and then renamed, and never changed: its name is made from its content. Its footer
names the lanes in it, so that a reader knows them before it reads, and the file that it replaces, if it does.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from router_ml.errors import LogError, MissingExtraError
from router_ml.storage.database.rows import Stored, row_of, split_lanes
from router_ml.storage.proof.audit_trail import ArchiveFile, positions_digest
from router_ml.storage.spooling.disk import sync_folder

NAME_DIGITS = 24
NAME = re.compile(rf"month=\d{{4}}-\d{{2}}/[0-9a-f]{{{NAME_DIGITS}}}\.parquet")
HALF = re.compile(NAME.pattern + r"(\.[0-9a-f]+)?\.part")
NOTES = b"router_ml"  # key in the footer
FOREIGN = "{} is no file of an archive, or was damaged. Move it elsewhere, or restore it from a backup."


@dataclass(frozen=True)
class Placed:
    """An entry and its place in the chain."""

    writer: str
    seq: int
    entry: Stored


class Folder:
    """Where an archive lies.

    Raises:
        MissingExtraError: fsspec or pyarrow is not installed. LogError: the path cannot be read.
    """

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]
        except ImportError:
            raise MissingExtraError("fsspec", "archive") from None
        try:
            self._fs, self._root = url_to_fs(url)
        except (ValueError, ImportError):
            raise LogError(
                "The path of the archive cannot be read. Give a folder, or a URL that fsspec knows."
            ) from None

    def names(self) -> list[str]:
        """All Parquet files, sorted; half-written ones have another ending."""
        return [name for name in self._all() if name.endswith(".parquet")]

    def halves(self) -> list[str]:
        """Files that were never finished, or are being written."""
        return [name for name in self._all() if HALF.fullmatch(name)]

    def _all(self) -> list[str]:
        self._fs.invalidate_cache()
        found = self._fs.find(self._root) if self._fs.exists(self._root) else []
        return sorted(os.path.relpath(path, self._root) for path in found)

    def holds(self, name: str) -> bool:
        """Whether a file is there."""
        self._fs.invalidate_cache()
        return bool(self._fs.exists(self._path(name)))

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None where there is none."""
        try:
            found: bytes = self._fs.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogError(f"The archive file {name} cannot be read: {error.strerror}.") from None
        return found

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all: an erasure that runs at the same time may take it away half-written."""
        path = self._path(name)
        half = f"{path}.{secrets.token_hex(4)}.part"  # two that write the same file do not write into each other's
        on_disk = "file" in self._protocols
        try:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self._fs.open(half, "wb") as file:
                file.write(content)
                file.flush()
                if on_disk:
                    os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                self._fs.mv(half, path)
            if on_disk:
                sync_folder(path.rpartition("/")[0])
        except OSError as error:
            with suppress(OSError):
                self._fs.rm_file(half)
            raise LogError(
                f"The archive cannot be written: {error.strerror}. Nothing was removed from the log."
            ) from None

    def remove(self, names: Iterable[str]) -> None:
        """Delete files that are there."""
        for name in names:
            if self._fs.exists(self._path(name)):
                self._fs.rm_file(self._path(name))

    def notes(self, name: str) -> dict[str, Any]:
        """The footer of a file: the time of its ``oldest`` decision, ``lanes``, ``encoders``, what it ``replaces``."""
        parquet = _parquet()
        try:
            with self._fs.open(self._path(name), "rb") as file:
                notes: dict[str, Any] = json.loads(parquet.read_schema(file).metadata[NOTES])
        except (OSError, ValueError, KeyError, TypeError):  # errors of Arrow are ValueErrors
            raise LogError(FOREIGN.format(name)) from None
        return notes

    @property
    def _protocols(self) -> tuple[str, ...]:
        protocol = self._fs.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def write_file(folder: Folder, month: str, placed: Sequence[Placed], *, replaces: str | None = None) -> ArchiveFile:
    """Write entries as one file of a month (``2026-05``), decisions each followed by what came of them."""
    content = _encoded(placed, replaces)
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"month={month}/{sha256[:NAME_DIGITS]}.parquet"
    folder.write(name, content)
    return ArchiveFile(
        file=name,
        sha256=sha256,
        decisions=sum(one.entry.kind == "decision" for one in placed),
        entries=len(placed),
        positions_sha256=positions_digest(sorted((one.writer, one.seq) for one in placed)),
    )


def read_file(folder: Folder, name: str, *, sha256: str | None = None) -> list[Placed]:
    """The entries of a file.

    Raises:
        LogError: it is missing, is no file of an archive, or another one than ``sha256`` says.
    """
    content = folder.read(name)
    if content is None:
        raise LogError(f"The archive file {name} is missing. Give the folder that router-ml log compact wrote to.")
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise LogError(f"The archive file {name} was changed. Restore it from a backup.")
    parquet = _parquet()
    try:
        rows = parquet.read_table(io.BytesIO(content)).to_pylist()
        return [Placed(row.pop("writer"), row.pop("seq"), Stored(**row)) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):  # errors of Arrow are ValueErrors
        raise LogError(FOREIGN.format(name)) from None


def _encoded(placed: Sequence[Placed], replaces: str | None) -> bytes:
    parquet = _parquet()
    import pyarrow as arrow

    decided = [one.entry for one in placed if one.entry.kind == "decision"]
    rows = [row_of(one.entry) for one in placed if one.entry.kind in ("decision", "outcome", "execution")]
    lanes = {lane for row in rows for lane in split_lanes(row.get("lanes") or "")}
    for answered in ("executed_lane", "final_lane"):
        lanes |= {row[answered] for row in rows if row.get(answered) is not None}
    encoders = {entry.encoder for entry in decided if entry.embedding is not None}
    oldest = min(row["created_at"].isoformat() for row in rows if "created_at" in row)
    encoded = sorted(filter(None, encoders))
    notes = {"oldest": oldest, "lanes": sorted(lanes), "encoders": encoded, "replaces": replaces}
    types = {"embedding": arrow.binary(), "surface": arrow.binary(), "text": arrow.binary()}
    columns = {item.name: [getattr(one.entry, item.name) for one in placed] for item in fields(Stored)}
    arrays = {
        "writer": arrow.array([one.writer for one in placed], arrow.string()),
        "seq": arrow.array([one.seq for one in placed], arrow.int64()),
        **{
            name: arrow.array(values, types.get(name, arrow.string()))
            for name, values in columns.items()
            if name != TERM
        },
        TERM: arrow.array(columns[TERM], arrow.timestamp("us")),
    }
    table = arrow.table(arrays).replace_schema_metadata({NOTES: json.dumps(notes, sort_keys=True)})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


TERM = "keep_until"


def month_of(at: datetime) -> str:
    """The part of an archive that a decision of this time belongs to."""
    return f"{at:%Y-%m}"


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "archive") from None
    return parquet
