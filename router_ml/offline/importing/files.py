"""The rows of a file, one after the other, with the line on which each begins."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.importing.exports import litellm_row, mlflow_row
from router_ml.offline.importing.mapping import Format, Read

_BLOCK = 1 << 20
_PARQUET_ROWS = 1000
_PAGES = {"litellm": "data", "mlflow": "traces"}  # where their servers put rows
_GAP, _ENDED = re.compile(r"[\s,]*"), re.compile(r"\s*[,\]]")
_PACKED = b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh"  # gzip; zip and xlsx; zstandard; bzip2
Numbered = tuple[int, dict[str, Any] | None]
"""A line, counted from 1, and its row; None where it is not one."""


def rows_of(path: str | Path, *, kind: Format = "csv", read: Read | None = None) -> Iterator[Numbered]:
    """The rows of a file, or of the traces of an MLflow store (``mlflow:EXPERIMENT``).

    ``litellm`` and ``mlflow`` files may be JSONL, one JSON list, CSV, Parquet or what their servers answer, a page a
    line; what is nested there, or has other names in other releases, comes under the names that the presets map.

    Raises:
        OfflineDataError: it cannot be read as what it is said to be. MissingExtraError: reading it needs an extra.
    """
    if kind == "mlflow" and str(path).startswith("mlflow:"):
        from router_ml.storage.registry.traces import read_traces

        yield from ((number, mlflow_row(row)) for number, row in enumerate(read_traces(str(path)[7:]), 1))
        return
    path = Path(path)
    if path.is_dir():
        raise OfflineDataError(f"{path} is a folder. Import its files one by one, with the same mapping.")
    if not path.is_file():
        raise OfflineDataError(f"There is no file at {path}. Give the path of the export.")
    with path.open("rb") as file:
        if file.read(4).startswith(_PACKED):
            raise OfflineDataError(f"{path} is compressed or a spreadsheet. Unpack it, or export it as CSV.")
    known = {"litellm": litellm_row, "mlflow": mlflow_row}.get(kind)
    for line, row in _plain(path, _written_as(path, kind), read or Read()):
        if row is None or known is None:
            yield line, row
        else:
            page = row.get(_PAGES[kind])
            rows = page if isinstance(page, list) else [row]
            yield from ((line, known(one) if isinstance(one, dict) else None) for one in rows)


def kind_of(path: str | Path) -> Format:
    """The format that the name of a file suggests; JSON lines where it says nothing."""
    known: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet"}
    return "mlflow" if str(path).startswith("mlflow:") else known.get(Path(path).suffix.lower(), "jsonl")


def file_sha256(path: str | Path) -> str:
    """sha256 of a file; of its name where it is none."""
    if str(path).startswith("mlflow:"):
        return hashlib.sha256(str(path).encode()).hexdigest()
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def encoding_of(path: str | Path) -> str:
    """The encoding that a file is likely to have, from its mark or its first characters."""
    with Path(path).open("rb") as file:
        start = file.read(_BLOCK)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return Read().encoding


def _written_as(path: Path, kind: Format) -> Format:
    return kind_of(path) if kind in ("litellm", "mlflow") else kind


def _plain(path: Path, kind: Format, read: Read) -> Iterator[Numbered]:
    try:
        if kind == "parquet":
            yield from _parquet(path)
        elif kind == "csv":
            yield from _csv(path, read)
        else:
            yield from _json(path, read)
    except UnicodeDecodeError:
        likely = encoding_of(path)
        if likely == read.encoding:  # as where only a character far down is strange
            likely = "cp1252" if likely != "cp1252" else "latin-1"
        raise OfflineDataError(
            f"{path} is not {read.encoding}. Name its encoding in the mapping, probably: read: {{encoding: {likely}}}."
        ) from None
    except LookupError:
        raise OfflineDataError(f"{read.encoding} is no encoding that Python knows. Correct read.encoding.") from None
    except csv.Error as error:
        raise OfflineDataError(f"{path} is no CSV file: {error}. Check read.delimiter and the quotes.") from None


def _csv(path: Path, read: Read) -> Iterator[Numbered]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a prompt may be longer than the 128 KiB of the default
    with path.open(encoding=read.encoding, newline="") as file:
        record: list[str] = []  # the lines of the row that is being read

        def lines() -> Iterator[str]:
            for text in file:
                record.append(text)
                yield text

        reader = csv.DictReader(lines(), delimiter=read.delimiter)
        names = reader.fieldnames
        if not names or len(set(names)) < len(names):
            twice = sorted({name for name in names or () if (names or []).count(name) > 1})
            found = f"found {', '.join(twice)} more than once" if twice else "found no line"
            raise OfflineDataError(f"{path} needs a first line that names its columns, each once; {found}.")
        line = reader.line_num + 1
        record.clear()
        for cells in reader:
            if _unclosed(record, read.delimiter):
                raise OfflineDataError(
                    f"{path}, line {line}: a quote is opened and never closed, so all lines after it would be one row. "
                    "Correct it, or export the file again."
                )
            record.clear()
            whole = None not in cells and None not in cells.values()
            yield line, dict(cells) if whole else None
            line = reader.line_num + 1


def _unclosed(record: list[str], delimiter: str) -> bool:
    """Whether the file ended inside quotes. An odd number of them alone may be inches."""
    if sum(text.count('"') for text in record) % 2 == 0:
        return False
    try:
        list(csv.reader(record, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _json(path: Path, read: Read) -> Iterator[Numbered]:
    with path.open(encoding=read.encoding) as file:
        first = file.read(1)
        while first.isspace():
            first = file.read(1)
        file.seek(0)
        if first == "[":  # one list: what a browser of the database exports
            yield from enumerate(map(_row, _items(file, path)), 1)
            return
        for line, text in enumerate(file, 1):
            if text.strip() == "{":
                raise OfflineDataError(f"{path}, line {line}: expected one JSON object a line (jq -c . does that).")
            if text.strip():
                try:
                    yield line, _row(json.loads(text))
                except (ValueError, RecursionError):
                    yield line, None


def _items(file: TextIO, path: Path, *, block: int = _BLOCK) -> Iterator[Any]:
    """The items of one JSON list; no more of it is in memory than a block."""
    decode, count, at = json.JSONDecoder().raw_decode, 0, 0
    while file.read(1) != "[":
        pass
    text = file.read(block)
    while True:
        gap = _GAP.match(text, at)
        at = at if gap is None else gap.end()
        if text[at : at + 1] == "]":
            return
        with suppress(ValueError, RecursionError):
            item, end = decode(text, at)
            if _ENDED.match(text, end):  # else more of it may be to come
                yield item
                at, count = end, count + 1
                continue
        more = file.read(max(block, len(text) - at))
        if not more:
            raise OfflineDataError(
                f"{path} begins like a JSON list and is none after item {count}. Export it again, or write one object "
                "a line."
            )
        text, at = text[at:] + more, 0


def _row(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _parquet(path: Path) -> Iterator[Numbered]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtraError("pyarrow", "archive") from None
    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except ArrowException:
        raise OfflineDataError(f"{path} is no Parquet file that can be read. Export it again.") from None
