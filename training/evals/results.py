"""Results as files: a folder of a run holds ``results.jsonl``, one result a line, appended as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from router_ml.errors import OfflineDataError
from training.evals.result import Result

FILE = "results.jsonl"
_RESULT = TypeAdapter(Result)


def append(path: Path, results: Iterable[Result]) -> None:
    """Add results to a file, on the disk when this returns.

    Raises:
        OfflineDataError: they cannot be written, as on a full disk.
    """
    lines = b"".join(_line(one) + b"\n" for one in results)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says which file of a run cannot be written, as on a full disk.

    Raises:
        OfflineDataError: it cannot.
    """
    try:
        yield
    except OSError as error:
        raise OfflineDataError(
            f"{path} cannot be written: {error.strerror}. Make room; the same command goes on with what is kept."
        ) from None


def read_results(*paths: str | Path) -> list[Result]:
    """The results of some runs: files, or folders that hold ``results.jsonl``. A last line that was cut off, as by a
    process that was killed, is left out; of a result that was judged again, the last line counts.

    Raises:
        OfflineDataError: there is no such file, or a line of it is no result.
    """
    found: dict[tuple[object, ...], Result] = {}
    for given in map(Path, paths):
        path = given / FILE if given.is_dir() else given
        if not path.is_file():
            raise OfflineDataError(f"{path} is not there. Give a results file, or the folder of a run.")
        whole, _, _ = path.read_bytes().rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                one = _RESULT.validate_json(line)
            except ValidationError as error:
                raise OfflineDataError(f"{path}, line {number} is no result: {error.errors()[0]['msg']}.") from None
            found[one.name] = one
    return list(found.values())


def _line(one: Result) -> bytes:
    try:
        return _RESULT.dump_json(one, by_alias=True, exclude_defaults=True)
    except PydanticSerializationError:  # half a surrogate pair, as of an emoji that a lane was cut off in
        said = _RESULT.dump_python(one, mode="json", by_alias=True, exclude_defaults=True)
        return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
