"""Results as files: a folder of a run holds ``results.jsonl``, one result a line, appended as they come."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from router_ml.errors import OfflineDataError
from training.evals.result import Result

FILE = "results.jsonl"
_RESULT = TypeAdapter(Result)


def append(path: Path, results: Iterable[Result]) -> None:
    """Add results to a file, on the disk when this returns."""
    lines = b"".join(_RESULT.dump_json(one, by_alias=True, exclude_defaults=True) + b"\n" for one in results)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def read_results(*paths: str | Path) -> list[Result]:
    """The results of some runs: files, or folders that hold ``results.jsonl``. A last line that was cut off, as by a
    process that was killed, is left out.

    Raises:
        OfflineDataError: there is no such file, or a line of it is no result.
    """
    found: list[Result] = []
    for given in map(Path, paths):
        path = given / FILE if given.is_dir() else given
        if not path.is_file():
            raise OfflineDataError(f"{path} is not there. Give a results file, or the folder of a run.")
        whole, _, _ = path.read_bytes().rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                found.append(_RESULT.validate_json(line))
            except ValidationError as error:
                raise OfflineDataError(f"{path}, line {number} is no result: {error.errors()[0]['msg']}.") from None
    return found
