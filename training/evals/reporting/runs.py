"""Runs as they lie on the disk, with their suites: what a report is made of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from router_ml.errors import OfflineDataError
from training.evals.reporting.summary import Summary, summarise
from training.evals.result import Result, Verdict
from training.evals.results import read_results
from training.evals.running.record import ACROSS, RECORD, RunRecord, read_record
from training.evals.suite import Suite, load_suite

logger = logging.getLogger(__name__)
_ACROSS = TypeAdapter(dict[str, tuple[Verdict, ...]])


@dataclass(frozen=True)
class Run:
    """A run that was read. ``suites``: as they are now, where they are still there."""

    folder: Path
    record: RunRecord
    results: list[Result]
    across: dict[str, tuple[Verdict, ...]]
    suites: tuple[Suite, ...]

    @property
    def changed(self) -> tuple[str, ...]:
        """Suites that say something else now than when they were run, or are gone."""
        now = {one.name: one.digest for one in self.suites}
        return tuple(one.name for one in self.record.suites if now.get(one.name) != one.digest)

    def summary(self) -> Summary:
        """What it says."""
        return summarise(self.results, self.suites, across=self.across, record=self.record)


def read_run(named: str | Path, *, out: Path) -> Run:
    """A run by its folder, or by its id below ``out``.

    Raises:
        OfflineDataError: there is none, or a file of it cannot be read.
    """
    folder = Path(named) if Path(named).is_dir() else out / named
    record = read_record(folder)
    results = read_results(folder) if (folder / "results.jsonl").is_file() else []
    return Run(folder, record, results, _across(folder / ACROSS), tuple(_suites(record)))


def folders(out: Path) -> Sequence[Path]:
    """Folders of runs below ``out``, latest last. One whose record cannot be read is left out, with a warning."""
    known = []
    for path in out.glob(f"*/{RECORD}"):
        try:
            known.append((read_record(path.parent).started, path.parent))
        except OfflineDataError as error:
            logger.warning("%s It is left out: mend it, or remove its folder.", error)
    return [folder for _, folder in sorted(known)]


def latest(out: Path) -> Path:
    """The folder of the latest run.

    Raises:
        OfflineDataError: there is none.
    """
    found = folders(out)
    if not found:
        raise OfflineDataError(f"{out} holds no run. Run suites first: python -m training.evals run --lane LANE.")
    return found[-1]


def _across(path: Path) -> dict[str, tuple[Verdict, ...]]:
    if not path.is_file():
        return {}
    try:
        return _ACROSS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise OfflineDataError(f"{path} holds no verdicts: {error.errors()[0]['msg']}.") from None


def _suites(record: RunRecord) -> list[Suite]:
    found = []
    for one in record.suites:
        try:
            found.append(load_suite(one.folder))
        except OfflineDataError:  # moved away since: its results still count, its sentences are lost
            try:
                found.append(load_suite(one.name))
            except OfflineDataError:
                continue
    return found
