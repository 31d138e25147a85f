"""What a run was: ``run.json`` in its folder, beside its results."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from router_ml.config.section import Section
from router_ml.errors import OfflineDataError
from training.evals.results import FILE, writing
from training.evals.suite import Suite

RECORD, ACROSS, LOCK = "run.json", "across.json", ".lock"
BUDGET = "budget"
"""Why an attempt was left out for which there was no money."""
NO_MONEY = "over_budget"
"""Why a lane was not asked to judge for which there was no money."""
_LATEST = timedelta(days=1)


class RunSuite(Section):
    """A suite of a run. ``folder``: where it lay; ``cases``: how many of it were to be asked, after sampling."""

    name: str
    version: str
    digest: str
    folder: str
    cases: int


class RunArm(Section):
    """A lane as it was configured."""

    lane: str
    model: str
    version: str


class RunSettings(Section):
    """What changes which results there are; runs of other settings are other runs."""

    target: Literal["lane", "route"] = "lane"
    repeat: int = 1
    sample: int | None = None
    seed: int = 0
    judge: str | None = None


class RunRecord(Section):
    """A run. ``status``: ``running`` also where it was killed, ``partial`` where something was left out, ``done``.
    ``left_out``: by suite, then by lane, then why, how many attempts were not made; ``not_allowed``: by lane, which the
    rules let see no such data; ``put_off``: why lanes could not be asked to judge, and how many attempts wait for
    that; ``broken``: by check, how often it raised; ``dependencies``: fingerprints of what the results depend on."""

    run: str
    started: datetime
    ended: datetime | None = None
    status: Literal["running", "partial", "done"] = "running"
    suites: tuple[RunSuite, ...]
    arms: tuple[RunArm, ...]
    settings: RunSettings
    budget_usd: float | None = None
    spent_usd: float = 0.0
    parallel: int = 1
    left_out: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    not_allowed: dict[str, int] = Field(default_factory=dict)
    put_off: dict[str, int] = Field(default_factory=dict)
    broken: dict[str, int] = Field(default_factory=dict)
    dependencies: JsonValue = None

    @property
    def partial(self) -> bool:
        """Whether something is missing of what was to be asked."""
        return self.status != "done"

    def unlike(self, other: RunRecord) -> list[str]:
        """In what they differ; in nothing where both ask the same of the same, as it is configured."""
        mine, theirs = self._asks(), other._asks()
        return [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]

    def _asks(self) -> dict[str, object]:
        known = self.dependencies if isinstance(self.dependencies, dict) else {}
        lanes = known.get("lanes")
        used = {*(arm.lane for arm in self.arms), self.settings.judge}
        own = {name: one for name, one in lanes.items() if name in used} if isinstance(lanes, dict) else lanes
        suites = sorted((one.name, one.digest) for one in self.suites)
        arms = sorted((one.lane, one.model, one.version) for one in self.arms)
        return {**known, "suites": suites, "lanes": (arms, own), "settings": self.settings}


def of_suite(suite: Suite, cases: int) -> RunSuite:
    """A suite as a run keeps it."""
    return RunSuite(
        name=suite.name, version=suite.file.version, digest=suite.digest, folder=str(suite.folder), cases=cases
    )


def read_record(folder: str | Path) -> RunRecord:
    """The record of a run.

    Raises:
        OfflineDataError: the folder holds none, or it cannot be read.
    """
    path = Path(folder) / RECORD
    if not path.is_file():
        raise OfflineDataError(f"{folder} is not the folder of a run: it has no {RECORD}.")
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise OfflineDataError(f"{path} is no record of a run: {where}: {first['msg']}.") from None


def write_record(folder: Path, record: RunRecord) -> None:
    """Replace the record of a run, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    text = record.model_dump_json(indent=2, by_alias=True) + "\n"
    write_whole(folder / RECORD, text)


def write_whole(path: Path, text: str) -> None:
    """A file that is either the old one or the new one, whatever happens meanwhile.

    Raises:
        OfflineDataError: it cannot be written.
    """
    beside = path.with_name(f"{path.name}.new")
    with writing(path):
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)


def unfinished(out: Path, wanted: RunRecord) -> Path | None:
    """The folder of the latest run of the last day that asks the same and is not done."""
    found: list[tuple[datetime, Path]] = []
    for path in out.glob(f"*/{RECORD}"):
        try:
            known = read_record(path.parent)
        except OfflineDataError:
            continue
        if known.status != "done" and not known.unlike(wanted) and wanted.started - known.started < _LATEST:
            found.append((known.started, path.parent))
    return max(found)[1] if found else None


def folder_of(out: Path, wanted: RunRecord, run_id: str | None, *, anew: bool) -> tuple[Path, RunRecord]:
    """Where the run lies, and its record as it goes on from now.

    Raises:
        OfflineDataError: there is a run of this id that asked something else, or it is no name of a folder.
    """
    if run_id is not None and (run_id != Path(run_id).name or run_id in {"", ".."}):
        raise OfflineDataError(f"Found a run {run_id!r}, expected its id: the name of its folder in {out}.")
    if run_id is not None and (out / run_id).exists():
        known = read_record(out / run_id)
        if unlike := known.unlike(wanted):
            raise OfflineDataError(
                f"Run {run_id} is of other {', '.join(unlike)}, or they have changed since. Give it the same ones, or "
                "begin a new run with another id."
            )
        folder = out / run_id
    elif run_id is not None:
        wanted = wanted.model_copy(update={"run": run_id})
        return out / run_id, wanted
    else:
        found = None if anew else unfinished(out, wanted)
        if found is None:
            return out / wanted.run, wanted
        folder, known = found, read_record(found)
    kept = {"run": known.run, "started": known.started, "spent_usd": known.spent_usd}
    return folder, wanted.model_copy(update=kept)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder of a run for this process alone; a last line of its results that was cut off is taken away.

    Raises:
        OfflineDataError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OfflineDataError(f"{folder} is in use by another process. Wait for it, or give --new.") from None
        _mend(folder / FILE)
        yield


def _mend(path: Path) -> None:
    if not path.is_file():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.truncate(path, whole)
