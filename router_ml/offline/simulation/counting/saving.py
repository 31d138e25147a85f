"""A study kept: Parquet files by scenario and policy, and a run in MLflow."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from router_ml.errors import MissingExtraError
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.counting.tables import class_rows, plain, series_rows, summary_rows, to_record
from router_ml.offline.simulation.counting.words import caveats

EXPERIMENT = "simulations"
TABLES = {"summary": summary_rows, "classes": class_rows, "series": series_rows}


def write_parquet(study: Study, folder: str | Path) -> list[Path]:
    """Write ``summary``, ``classes`` and ``series`` under ``folder``, as ``TABLE/scenario=NAME/policy=NAME``, which
    readers of partitioned Parquet know; the same scenario and policy are replaced, other policies stay.

    Columns ``truth``, ``in_sample``, ``seed`` and ``bundle`` say what the numbers are, and ``run`` which of them belong
    together: policies with the same one met the same requests with the same luck, beside the same champion. The rest
    that a reader has to know (source, versions, caveats) is JSON in the files' metadata, ``router_ml.study``.

    Returns:
        The files.

    Raises:
        MissingExtraError: pyarrow is not installed. OSError: the folder cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "archive") from None
    about = _about(study)
    made_of = {name: about[name] for name in ("truth", "in_sample", "seed")}
    made_of |= {"bundle": study.versions.get("bundle"), "run": run_of(study)}
    metadata = {"router_ml.study": json.dumps(about, ensure_ascii=False)}
    written = []
    for name, rows_of in TABLES.items():
        rows = rows_of(study)
        for result in study.results:
            part = [row for row in rows if row["policy"] == result.policy]
            kept = [{**_columns(row), **made_of} for row in part]
            place = Path(folder, name, _hive("scenario", study.scenario), _hive("policy", result.policy))
            place.mkdir(parents=True, exist_ok=True)
            whole, partial = place / "part.parquet", place / f".part.{os.getpid()}"
            parquet.write_table(pyarrow.Table.from_pylist(kept).replace_schema_metadata(metadata), partial)
            partial.replace(whole)
            written.append(whole)
    return written


def run_of(study: Study) -> str:
    """A name for what all policies of a study share: scenario, requests, seed and champion."""
    versions = {name: value for name, value in study.versions.items() if not name.startswith("challenger ")}
    shared = [study.scenario, study.hours, study.truth, study.source, study.seed, versions]
    shared.append([result.requests for result in study.results[:1]])
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:12]


def record_run(study: Study, *, page: str | None = None, tracking_uri: str | None = None) -> str:
    """Record the study as a run in MLflow: what was played as parameters, the numbers of each policy as metrics, and
    as files the page, if there is one, and everything as JSON.

    Returns:
        The id of the run.

    Raises:
        RegistryError, MissingExtraError: as ``registry.log_run``.
    """
    from router_ml.storage.registry import log_run

    with TemporaryDirectory() as temporary:
        record = Path(temporary, "study.json")
        record.write_text(json.dumps(to_record(study), ensure_ascii=False) + "\n", encoding="utf-8")
        files = [record]
        if page is not None:
            files.append(Path(temporary, "study.html"))
            files[-1].write_text(page, encoding="utf-8")
        return log_run(
            EXPERIMENT, params=_params(study), metrics=_metrics(study), files=files, tracking_uri=tracking_uri
        )


def _about(study: Study) -> dict[str, Any]:
    """What the numbers are, and are not."""
    names = ("scenario", "description", "start", "hours", "truth", "in_sample", "source", "kinds", "seed", "versions")
    about: dict[str, Any] = plain({name: getattr(study, name) for name in names})
    return {**about, "caveats": list(caveats(study))}


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what its folder says; NaN for None, so that a column has one type in every file."""
    values = {key: value for key, value in row.items() if key not in ("scenario", "policy")}
    return {key: float("nan") if value is None else value for key, value in values.items()}


def _params(study: Study) -> Mapping[str, object]:
    names = ("scenario", "hours", "kinds", "truth", "in_sample", "source", "seed")
    played = {"requests": study.results[0].requests if study.results else 0}
    found = {**{name: getattr(study, name) for name in names}, **played, **study.versions}
    called = _allowed(found)
    return {called[name]: value for name, value in found.items()}


def _metrics(study: Study) -> dict[str, float]:
    """Every number of the summary that is known, as ``policy/name``."""
    found: dict[str, float] = {}
    rows: list[dict[str, Any]] = [plain(row) for row in summary_rows(study)]
    prefixes = _allowed(row["policy"] for row in rows)
    for row in rows:
        numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
        called = _allowed(numbers)
        found |= {f"{prefixes[row['policy']]}/{called[key]}": float(value) for key, value in numbers.items()}
    return found


def _allowed(names: Iterable[str]) -> dict[str, str]:
    """What MLflow takes as a name in the place of each, and no two alike.

    >>> _allowed(["a/b", "a_b", ".."])
    {'a/b': 'a_b', 'a_b': 'a_b 2', '..': '_..'}
    """
    found: dict[str, str] = {}
    taken = set[str]()
    for name in names:
        plainly = re.sub(r"[^\w .-]", "_", name)
        plainly = plainly if plainly.strip(".") else f"_{plainly}"  # MLflow makes folders of names
        tries = itertools.chain([plainly], (f"{plainly} {number}" for number in itertools.count(2)))
        found[name] = next(one for one in tries if one not in taken)
        taken.add(found[name])
    return found


def _hive(key: str, value: str) -> str:
    return f"{key}={quote(value, safe='')}"
