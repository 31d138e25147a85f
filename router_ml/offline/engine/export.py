"""A log as partitioned Parquet, day by day, in bounded memory: what ``score`` and ``ope`` read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.engine.columns import lists
from router_ml.offline.engine.files import UNFINISHED, Folder
from router_ml.offline.engine.schemas import ENCODER, noting, with_lanes
from router_ml.offline.gating.champion import CHAMPION, old_lanes
from router_ml.storage.database.records import LoggedData
from router_ml.storage.eventlog import EventLog

SIZE = 50_000  # decisions of a file, at most


@dataclass(frozen=True)
class Exported:
    """``rows`` in ``files``, over ``lanes``; ``left_out``: decisions that cannot be judged, by reason."""

    rows: int
    files: int
    lanes: tuple[str, ...]
    left_out: dict[str, int]
    out: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def export(
    log: EventLog, out: str | Path, *, config: RouterConfig, since: datetime | None = None, size: int = SIZE
) -> Exported:
    """Write the decisions of a log that can be judged: those with a lane and an embedding, of the champion's arm.

    Lists over lanes are over those of ``config``, whose bundle is to score them, then over lanes that are gone, or were
    another model or version: a policy cannot take these any more. Lanes that the log did not know count as eligible
    nowhere.

    Raises:
        OfflineDataError: ``out`` is not empty, or nothing can be judged. EncoderMismatchError: several encoders.
    """
    folder = Folder(str(out))
    if folder.names() or folder.holds(UNFINISHED):
        raise OfflineDataError(
            f"{folder.shown} holds files already. Give an empty folder: a log grows, and days would be mixed."
        )
    with folder.unfinished():
        return _written(log, folder, config=config, since=since, size=size)


def _written(log: EventLog, folder: Folder, *, config: RouterConfig, since: datetime | None, size: int) -> Exported:
    gone = sorted(
        {lane for part in log.batches(since, encoder="none", size=size) for lane in old_lanes(part, config, None)}
    )
    lanes = (*config.lanes, *(f"{lane} (as logged)" for lane in gone))
    files, rows, why = 0, 0, dict.fromkeys(("of another arm", "without a lane", "embedding not kept"), 0)
    for data in log.batches(since, size=size):
        kept = np.ones(len(data), bool)
        embedded = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
        for reason, fits in zip(why, (data.arm == CHAMPION, data.action >= 0, embedded), strict=True):
            why[reason] += int((kept & ~fits).sum())
            kept &= fits
        for day, part in _days(data.select(kept)):
            batch = noting(with_lanes(_batch(part, list(config.lanes), gone), lanes), ENCODER, part.encoder)
            files += 1
            rows += folder.write(f"day={day}/{files:06}.parquet", iter([batch]), {"task": "export"})
    if not rows:
        raise OfflineDataError(f"Nothing in the log can be judged ({why}). See logging.keep in router.yaml.")
    return Exported(rows, files, lanes, {reason: count for reason, count in why.items() if count}, folder.shown)


def _days(data: LoggedData) -> Iterator[tuple[str, LoggedData]]:
    days = data.created_at.astype("datetime64[D]")
    for day in np.unique(days):
        yield str(day), data.select(days == day)


def _batch(data: LoggedData, lanes: list[str], gone: Sequence[str]) -> Any:
    import pyarrow as arrow

    place = np.array([len(lanes) + gone.index(lane) if lane in gone else lanes.index(lane) for lane in data.lanes])
    width = len(lanes) + len(gone)

    def over(values: NDArray[Any], absent: Any) -> Any:
        result = np.full((len(data), width), absent)
        result[:, place] = values
        return lists(result)

    columns = {
        "decision_id": arrow.array(data.decision_ids.tolist(), arrow.string()),
        "traffic_class": arrow.array(data.traffic_class.tolist(), arrow.string()),
        "intent": arrow.array(data.intent.tolist(), arrow.string()),
        "domain": arrow.array(data.domain.tolist(), arrow.string()),
        "org": arrow.array(data.org.tolist(), arrow.string()),
        "person": arrow.array(_persons(data), arrow.string()),
        "action": arrow.array(place[data.action]),
        "randomised": arrow.array(data.randomised),
        "propensities": over(data.propensities, 0.0),
        "eligible": over(data.eligible, False),
        "estimated_quality": over(data.estimated_quality, np.nan),
        "estimated_cost_usd": over(data.estimated_cost_usd, np.nan),
        "quality": arrow.array(data.quality, from_pandas=True),
        "rated_probability": arrow.array(data.rated_probability, from_pandas=True),
        "cost_usd": arrow.array(data.cost_usd, from_pandas=True),
        "embedding": lists(data.embeddings),
        "features": lists(data.features),
    }
    return arrow.RecordBatch.from_pydict(columns)


def _persons(data: LoggedData) -> list[str]:
    """Whose requests they are; one of nobody known is its own."""
    return [who or name for who, name in zip(data.subject.tolist(), data.decision_ids.tolist(), strict=True)]
