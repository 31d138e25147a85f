"""Partitioned Parquet: a folder of files, read in batches, and one of results that an interrupted run goes on with.

A partition is one file. Folders named ``key=value`` (Hive) add a column of text to its rows, unless the file has it.
The result of a partition lies under the same name, is written under another one and renamed when it is whole, and its
footer says from what it was made.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.schemas import HIVE, difference, hive, lanes_of, plain
from router_ml.offline.engine.schemas import arrow as pyarrow
from router_ml.offline.engine.urls import shown

ENDING = ".parquet"
NOTES = b"router_ml.batch"  # key in the footer
UNFINISHED = "_unfinished"  # lies in a folder while it is written as a whole
COMPRESSION = "zstd"
BUFFER = 2**20  # bytes read at once of a column; all of a row group at once would need its memory
_HALF = re.compile(rf"{re.escape(ENDING)}\.[0-9a-f]{{8}}\.part$")


@dataclass(frozen=True)
class Partition:
    """A file below its folder: ``stamp`` changes when the file does."""

    name: str
    rows: int
    stamp: str

    @property
    def keys(self) -> dict[str, str]:
        """What the names of its folders say, decoded."""
        pairs = [part.split("=", 1) for part in self.name.split("/")[:-1] if "=" in part]
        return {unquote(key): unquote(value) for key, value in pairs}


class Folder:
    """A folder of Parquet files: a path, or a URL that pyarrow knows (``s3://``, ``gs://``, ``hdfs://``, ``file://``).

    Raises:
        MissingExtraError: pyarrow is not installed. OfflineDataError: the URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        fs = pyarrow("fs")
        try:
            if "://" in url:
                self.files, self.root = fs.FileSystem.from_uri(url)
            else:
                self.files, self.root = fs.LocalFileSystem(), str(url)
        except (ValueError, OSError):  # errors of Arrow are ValueErrors
            raise OfflineDataError(
                f"{shown(url)} cannot be opened. Give a folder, or a URL that pyarrow knows, as s3://bucket/folder."
            ) from None
        self.url, self.root = url, self.root.rstrip("/")
        self.shown = shown(url)

    def overlaps(self, other: Folder) -> bool:
        """Whether one of two folders is the other, or inside it."""
        if type(self.files) is not type(other.files):
            return False
        mine, theirs = (f"{one.where.rstrip('/')}/" for one in (self, other))
        return mine.startswith(theirs) or theirs.startswith(mine)

    @property
    def where(self) -> str:
        """Its one path, whatever it is called."""
        local = self.files.type_name == "local"
        return os.path.realpath(self.root or "/") if local else posixpath.normpath(self.root)

    def names(self) -> list[str]:
        """Its Parquet files in order; what begins with a dot or an underscore does not count."""
        fs = pyarrow("fs")
        found = self.files.get_file_info(fs.FileSelector(self.root, recursive=True, allow_not_found=True))
        names = [info.path.removeprefix(self.root).lstrip("/") for info in found if info.is_file]
        return sorted(name for name in names if name.endswith(ENDING) and not _hidden(name))

    def partitions(self) -> tuple[list[Partition], Any]:
        """Its files and the schema that they share, Hive columns included.

        Raises:
            OfflineDataError: there are none, one is no Parquet file, two have different columns, or what wrote them
                did not come to its end.
        """
        arrow = pyarrow()
        names = self.names()
        if self.holds(UNFINISHED):
            raise OfflineDataError(
                f"{self.shown} holds {UNFINISHED}: what wrote it did not come to its end. Remove the folder and "
                "write it again."
            )
        if not names:
            raise OfflineDataError(f"{self.shown} holds no {ENDING} file. Give a folder of Parquet files.")
        found, first = [], None
        for name in names:
            footer, schema = self._footer(name)
            info = self.files.get_file_info(self.path(name))
            part = Partition(name, footer.num_rows, f"{info.size}:{info.mtime_ns}:{footer.num_rows}")
            for key in part.keys:
                if key not in schema.names:
                    schema = schema.append(arrow.field(key, arrow.string()))
            first = schema if first is None else first
            if not schema.equals(first) or lanes_of(schema) != lanes_of(first):
                raise OfflineDataError(
                    f"{name} has other columns than {names[0]}: {difference(schema, first)}. Give files of one kind."
                )
            found.append(part)
        return found, first

    def batches(self, name: str, *, rows: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Record batches of at most ``rows`` rows, with Hive columns; the schema keeps its notes. At least one."""
        arrow, parquet = pyarrow(), pyarrow("parquet")
        with self.files.open_input_file(self.path(name)) as source:
            file = parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER)
            there = file.schema_arrow
            keys = {key: value for key, value in Partition(name, 0, "").keys.items() if key not in there.names}
            wanted = None if columns is None else [each for each in there.names if each in set(columns)]
            found = file.iter_batches(batch_size=rows, columns=wanted)
            if not file.metadata.num_rows:
                chosen = there if wanted is None else arrow.schema([there.field(each) for each in wanted])
                found = iter([arrow.RecordBatch.from_pylist([], schema=chosen)])
            for read in found:
                batch = read
                for key, value in keys.items():
                    if columns is None or key in columns:
                        named = arrow.field(key, arrow.string(), metadata=HIVE)
                        batch = batch.append_column(named, arrow.array([value] * batch.num_rows, arrow.string()))
                yield batch.replace_schema_metadata(there.metadata)

    def write(self, name: str, batches: Iterator[Any], notes: Mapping[str, Any]) -> int:
        """Write a file whole or not at all, without Hive columns; how many rows. Without a batch there is no file."""
        parquet = pyarrow("parquet")
        path = self.path(name)
        folder, _, last = path.rpartition("/")
        self.files.create_dir(folder, recursive=True)
        half, rows, writer = f"{folder}/.{last}.{secrets.token_hex(4)}.part", 0, None
        try:
            for batch in batches:
                kept = batch.drop_columns([each.name for each in batch.schema if hive(each)])
                if writer is None:
                    schema = kept.schema.with_metadata({**(kept.schema.metadata or {}), NOTES: plain(notes)})
                    writer = parquet.ParquetWriter(half, schema, filesystem=self.files, compression=COMPRESSION)
                writer.write_batch(kept.cast(writer.schema.with_metadata(None)).replace_schema_metadata(None))
                rows += kept.num_rows
            if writer is not None:
                writer.close()
                self.files.move(half, path)
        except BaseException:
            with suppress(OSError, ValueError):
                if writer is not None:
                    writer.close()
                self.files.delete_file(half)
            raise
        return rows

    def clean(self) -> None:
        """Remove what writers that were killed left behind; nobody else may be writing."""
        fs = pyarrow("fs")
        for info in self.files.get_file_info(fs.FileSelector(self.root, recursive=True, allow_not_found=True)):
            if info.is_file and _HALF.search(info.path):
                self.files.delete_file(info.path)

    @contextmanager
    def unfinished(self) -> Iterator[None]:
        """Say while something is done, and for good where it fails, that the folder is not whole."""
        self.files.create_dir(self.root, recursive=True)
        with self.files.open_output_stream(self.path(UNFINISHED)):
            pass
        yield
        self.files.delete_file(self.path(UNFINISHED))

    def notes(self, name: str) -> dict[str, Any] | None:
        """What a result was made from; None where there is none, or it is damaged or of another kind."""
        try:
            found: dict[str, Any] = json.loads(self._footer(name)[1].metadata[NOTES])
        except (OfflineDataError, OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def holds(self, name: str) -> bool:
        """Whether a file is there."""
        return bool(self.files.get_file_info(self.path(name)).is_file)

    def path(self, name: str) -> str:
        """Where a file lies, for its file system."""
        return f"{self.root}/{name}"

    def _footer(self, name: str) -> tuple[Any, Any]:
        parquet = pyarrow("parquet")
        try:
            with self.files.open_input_file(self.path(name)) as source:
                file = parquet.ParquetFile(source)
                return file.metadata, file.schema_arrow
        except (OSError, ValueError):
            raise OfflineDataError(f"{name} in {self.shown} is no Parquet file, or was damaged. Remove it.") from None


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
