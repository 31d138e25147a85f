"""Partitioned Parquet: a folder of files, read in batches, and one of results that an interrupted run goes on with.

A partition is one file. Folders named ``key=value`` (Hive) add a column of text to its rows, unless the file has it.
The result of a partition lies under the same name, is written under another one and renamed when it is whole, and its
footer says from what it was made.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from router_ml.errors import MissingExtraError, OfflineDataError

ENDING = ".parquet"
NOTES = b"router_ml.batch"  # key in the footer
LANES = b"router_ml.lanes"  # key in the schema: what lists over lanes are lists of
ENCODER = b"router_ml.encoder"  # key in the schema: the sha256 of what made the embeddings
COMPRESSION = "zstd"


@dataclass(frozen=True)
class Partition:
    """A file below its folder: ``stamp`` changes when the file does."""

    name: str
    rows: int
    stamp: str

    @property
    def keys(self) -> dict[str, str]:
        """What the names of its folders say."""
        return dict(part.split("=", 1) for part in self.name.split("/")[:-1] if "=" in part)


class Folder:
    """A folder of Parquet files: a path, or a URL that pyarrow knows (``s3://``, ``gs://``, ``hdfs://``, ``file://``).

    Raises:
        MissingExtraError: pyarrow is not installed. OfflineDataError: the URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        fs = _arrow("fs")
        try:
            if "://" in url:
                self.files, self.root = fs.FileSystem.from_uri(url)
            else:
                self.files, self.root = fs.LocalFileSystem(), str(url)
        except (ValueError, OSError):  # errors of Arrow are ValueErrors
            raise OfflineDataError(
                f"{url} cannot be opened. Give a folder, or a URL that pyarrow knows, as s3://bucket/folder."
            ) from None
        self.url, self.root = url, self.root.rstrip("/")

    def names(self) -> list[str]:
        """Its Parquet files in order; what begins with a dot or an underscore does not count."""
        fs = _arrow("fs")
        found = self.files.get_file_info(fs.FileSelector(self.root, recursive=True, allow_not_found=True))
        names = [info.path.removeprefix(self.root).lstrip("/") for info in found if info.is_file]
        return sorted(name for name in names if name.endswith(ENDING) and not _hidden(name))

    def partitions(self) -> tuple[list[Partition], Any]:
        """Its files and the schema that they share, Hive columns included.

        Raises:
            OfflineDataError: there are none, one is no Parquet file, or two have different columns.
        """
        arrow = _arrow()
        names = self.names()
        if not names:
            raise OfflineDataError(f"{self.url} holds no {ENDING} file. Give a folder of Parquet files.")
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
                    f"{name} has other columns than {names[0]}: {_difference(schema, first)}. Give files of one kind."
                )
            found.append(part)
        return found, first

    def batches(self, name: str, *, rows: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Record batches of at most ``rows`` rows, with Hive columns; the schema keeps its notes."""
        arrow, parquet = _arrow(), _arrow("parquet")
        with self.files.open_input_file(self.path(name)) as source:
            file = parquet.ParquetFile(source)
            there = file.schema_arrow
            keys = {key: value for key, value in Partition(name, 0, "").keys.items() if key not in there.names}
            wanted = None if columns is None else [each for each in there.names if each in set(columns)]
            for read in file.iter_batches(batch_size=rows, columns=wanted):
                batch = read
                for key, value in keys.items():
                    if columns is None or key in columns:
                        batch = batch.append_column(key, arrow.array([value] * batch.num_rows, arrow.string()))
                yield batch.replace_schema_metadata(there.metadata)

    def write(self, name: str, batches: Iterator[Any], notes: Mapping[str, Any]) -> int:
        """Write a file whole or not at all; how many rows. Without a batch there is no file."""
        parquet = _arrow("parquet")
        path = self.path(name)
        self.files.create_dir(path.rpartition("/")[0], recursive=True)
        half, rows, writer = f"{path}.{secrets.token_hex(4)}.part", 0, None
        keys = set(Partition(name, 0, "").keys)
        try:
            for batch in batches:
                kept = batch.drop_columns([each for each in batch.schema.names if each in keys])
                if writer is None:
                    schema = kept.schema.with_metadata({**(kept.schema.metadata or {}), NOTES: _json(notes)})
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
        parquet = _arrow("parquet")
        try:
            with self.files.open_input_file(self.path(name)) as source:
                file = parquet.ParquetFile(source)
                return file.metadata, file.schema_arrow
        except (OSError, ValueError):
            raise OfflineDataError(f"{name} in {self.url} is no Parquet file, or was damaged. Remove it.") from None


def lanes_of(schema: Any) -> tuple[str, ...] | None:
    """What lists over lanes are lists of, by the notes of a schema; None where they do not say."""
    noted = (schema.metadata or {}).get(LANES)
    return None if noted is None else tuple(json.loads(noted))


def with_lanes(batch: Any, lanes: Sequence[str]) -> Any:
    """A batch that says what its lists over lanes are lists of."""
    return noting(batch, LANES, list(lanes))


def noting(batch: Any, key: bytes, value: Any) -> Any:
    """A batch with a note in its schema."""
    return batch.replace_schema_metadata({**(batch.schema.metadata or {}), key: _json(value)})


def need(schema: Any, columns: Mapping[str, str], *, what: str) -> None:
    """Check columns.

    Args:
        columns: kind by name: ``text``, ``number``, ``integer``, ``truth``, ``list``, or ``any``.

    Raises:
        OfflineDataError: one is missing or of another kind.
    """
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise OfflineDataError(
            f"{what} needs the columns {', '.join(columns)}; {', '.join(missing)} are not among those found: "
            f"{', '.join(schema.names)}. Rename yours, or make them with the step before."
        )
    for name, kind in columns.items():
        found = schema.field(name).type
        if not _fits(found, kind):
            raise OfflineDataError(f"{what} needs {name} as {kind}, found {found}. Convert the column.")


def _fits(found: Any, kind: str) -> bool:
    types = _arrow("types")
    if kind == "list":
        return _listed(found) and bool(types.is_floating(found.value_type) or types.is_boolean(found.value_type))
    tests = {
        "text": (types.is_string, types.is_large_string, types.is_dictionary),
        "number": (types.is_floating, types.is_integer, types.is_null),
        "integer": (types.is_integer,),
        "truth": (types.is_boolean,),
    }
    return kind == "any" or any(bool(test(found)) for test in tests[kind])


def _listed(found: Any) -> bool:
    types = _arrow("types")
    return bool(types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found))


def _difference(schema: Any, first: Any) -> str:
    here, there = ({f"{each.name} ({each.type})" for each in one} for one in (schema, first))
    said = [f"only here {', '.join(sorted(here - there))}"] if here - there else []
    said += [f"only there {', '.join(sorted(there - here))}"] if there - here else []
    return "; ".join(said) or "they are in another order, or over other lanes"


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _arrow(module: str = "") -> Any:
    import importlib

    try:
        return importlib.import_module(f"pyarrow.{module}" if module else "pyarrow")
    except ImportError:
        raise MissingExtraError("pyarrow", "archive") from None
