"""How a lane answered when it was last known: kept beside the runs, one file per lane."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import ValidationError

from router_ml.config import RouterConfig
from router_ml.config.section import Section
from router_ml.errors import OfflineDataError
from training.evals.running.record import write_whole
from training.evals.watching.probes import PROBES, Heard

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

FOLDER = "probes"


class Baseline(Section):
    """``model``, ``version``: as configured; ``served_models``, ``fingerprints``: all that the provider said it was;
    ``probes``: digest of what was asked."""

    lane: str
    at: datetime
    model: str
    version: str
    served_models: tuple[str, ...]
    fingerprints: tuple[str, ...]
    probes: str
    answers: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Notice:
    """Something that a lane is now and was not. ``was`` and ``now``: for a reader."""

    kind: Literal["model", "version", "served_model", "fingerprint"]
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.was or 'none'} is {self.now} now"


def baseline_of(config: RouterConfig, lane: str, heard: Heard, *, at: datetime) -> Baseline:
    """What was heard, as a baseline."""
    return Baseline(
        lane=lane,
        at=at,
        model=config.lanes[lane].model,
        version=config.lanes[lane].version,
        served_models=tuple(sorted({model for model, _ in heard.served if model})),
        fingerprints=tuple(sorted({name for _, name in heard.served if name})),
        probes=_asked(),
        answers={probe: tuple(said) for probe, said in heard.answers.items()},
    )


def read_baseline(out: Path, lane: str) -> Baseline | None:
    """The baseline of a lane; None where it has none, or one of other prompts.

    Raises:
        OfflineDataError: the file cannot be read.
    """
    path = _path(out, lane)
    if not path.is_file():
        return None
    try:
        found = Baseline.model_validate_json(path.read_bytes())
    except ValidationError:
        raise OfflineDataError(f"{path} is no baseline of a lane. Remove it, and take another one.") from None
    return found if found.probes == _asked() else None


def write_baseline(out: Path, baseline: Baseline) -> Path:
    """Replace the baseline of a lane."""
    path = _path(out, baseline.lane)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, baseline.model_dump_json(indent=1) + "\n")
    return path


def notices(baseline: Baseline, config: RouterConfig, heard: Heard, *, logged: Iterable[str] = ()) -> list[Notice]:
    """What a lane says it is, or was configured to be, that it was not before.

    Args:
        heard: what it said now. logged: models that it says it served, in executions since the baseline.
    """
    lane = config.lanes[baseline.lane]
    found = []
    if lane.model != baseline.model:
        found.append(Notice("model", baseline.model, lane.model))
    if lane.version != baseline.version:
        found.append(Notice("version", baseline.version, lane.version))
    served = dict.fromkeys([*(model for model, _ in heard.served if model), *logged])
    if new := [model for model in served if model not in baseline.served_models]:
        found.append(Notice("served_model", ", ".join(baseline.served_models), ", ".join(new)))
    prints = dict.fromkeys(name for _, name in heard.served if name)
    if new := [name for name in prints if name not in baseline.fingerprints]:
        found.append(Notice("fingerprint", ", ".join(baseline.fingerprints), ", ".join(new)))
    return found


def served_in(log: EventLog, lane: str, *, since: datetime) -> list[str]:
    """Models that a lane says it served, in executions since a time.

    Raises:
        LogError: the log cannot be read.
    """
    hops = (hop for execution in log.executions(since=since) for hop in execution.hops)
    return list(dict.fromkeys(hop.served_model for hop in hops if hop.lane == lane and hop.served_model))


def _asked() -> str:
    return hashlib.sha256("\0".join(PROBES).encode()).hexdigest()[:16]


def _path(out: Path, lane: str) -> Path:
    return out / FOLDER / f"{quote(lane, safe='')}.json"
