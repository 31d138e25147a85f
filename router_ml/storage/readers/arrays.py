"""Rows of the log as arrays, filled row by row, so that no more than the arrays is ever in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from router_ml.errors import LogError
from router_ml.storage.database.records import LoggedData, other_contract
from router_ml.storage.readers.executed import fill
from router_ml.storage.readers.vectors import Vectors

WORDS = ("traffic_class", "intent", "domain", "risk_tier")  # columns of a row that are arrays as they are


@dataclass(frozen=True)
class Reading:
    """How rows become arrays: the columns of lanes, the encoder whose embeddings to keep (None: of none), and how long
    after a decision an outcome still teaches."""

    lanes: tuple[str, ...]
    encoder: str | None
    window: timedelta


def to_arrays(
    decisions: Iterable[Any], outcomes: Iterable[Any], reading: Reading, executions: Iterable[Any] = ()
) -> LoggedData:
    """Rows of the log as arrays.

    Args:
        decisions: in the order wanted, with ``decision_id, created_at, traffic_class, intent, domain, risk_tier, lane,
            randomised, record`` (the decision as JSON), ``encoder, embedding, surface`` (float32 bytes or None),
            ``subject``.
        outcomes: oldest first, with ``decision_id, source, at, executed_lane, quality, rated_probability, cost_usd,
            latency_ms``. The latest rating of a decision counts, with its ``rated_probability``, and the latest known
            cost, latency and executed lane; what an outcome does not say changes nothing. What came after the window
            counts for nothing.
        executions: oldest first, with ``decision_id, execution_id, at, final_lane, record``: what they say of cost,
            latency and executed lane counts where no outcome says it.

    Raises:
        LogError: rows of different width, as two versions of a bundle may have written them.
    """
    filler = _Filler(reading)
    for row in decisions:
        filler.add(row)
    return filler.finish(outcomes, executions)


class _Columns(dict[str, int]):
    """The column of each lane."""

    def __missing__(self, lane: str) -> int:
        raise LogError("A lane that the log had never named was logged while it was read. Read it again.")


class _Filler:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._index = _Columns({lane: number for number, lane in enumerate(reading.lanes)})
        self._rows: list[tuple[Any, ...]] = []
        self._by_lane = array("d")
        self._blank = [0.0] * (2 * len(reading.lanes)) + [float("nan")] * (2 * len(reading.lanes))
        self._embeddings, self._features = Vectors("embeddings"), Vectors("features")
        self._versions: list[dict[str, str]] = []

    def add(self, row: Any) -> None:
        """One decision."""
        try:
            parts = from_json(row.record)
            self._by_lane.extend(self._lanes_of(parts))
            versions, state, language = parts["versions"], parts["state"], parts["language"]["code"]
            org = parts.get("circumstances", {}).get("org") or ""
            model, floor, prices = parts["model"] or "", parts["floor"], versions.get("prices", "")
            arm, share = state.get("arm", "champion"), state.get("arm_share", 1.0)
            abstained = any(parts[head].get("abstained", False) for head in ("intent", "domain"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise other_contract(f"Decision {row.decision_id}") from None
        said = (language, org, model, prices, floor, arm, share, abstained, row.subject or "")
        columns = (row.decision_id, row.created_at, row.lane, row.randomised, *(getattr(row, word) for word in WORDS))
        self._rows.append((*columns, *said))
        self._versions.append(versions.get("lanes") or {})
        self._embeddings.add(row.embedding if row.encoder == self._reading.encoder else None)
        self._features.add(row.surface)

    def _lanes_of(self, parts: dict[str, Any]) -> list[float]:
        """Of one record and by lane: propensity, eligible, estimated quality, estimated cost in USD."""
        found, index, lanes = self._blank.copy(), self._index, len(self._index)
        for lane, value in parts["propensities"].items():
            found[index[lane]] = value
        for lane in parts["eligible"]:
            found[lanes + index[lane]] = 1.0
        for lane, estimate in parts["estimates"].items():
            column = index[lane]
            found[2 * lanes + column], found[3 * lanes + column] = estimate["quality"], estimate["cost_usd"]
        return found

    def finish(self, outcomes: Iterable[Any], executions: Iterable[Any]) -> LoggedData:
        """All that was added, with what came of it."""
        names = ("decision_ids", "created_at", "lane", "randomised", *WORDS)
        said = ("language", "org", "model", "prices", "floor", "arm", "arm_share", "abstained", "subject")
        columns = list(zip(*self._rows, strict=True)) or [()] * (len(names) + len(said))
        values: dict[str, Sequence[Any]] = dict(zip((*names, *said), columns, strict=True))
        planned = values.pop("lane")
        whose = {name: values[name] for name in ("decision_ids", "created_at")}
        learned = self._learned(outcomes, **whose)
        fill(learned, executions, self._index, **whose, window=self._reading.window)
        lanes = self._reading.lanes
        answered = [lanes[at] if at >= 0 else lane for at, lane in zip(learned["executed"], planned, strict=True)]
        versions = [known.get(lane, "1") for known, lane in zip(self._versions, answered, strict=True)]
        by_lane = np.frombuffer(self._by_lane).reshape(len(planned), 4, len(lanes))
        return LoggedData(
            lanes=lanes,
            encoder=self._reading.encoder,
            action=np.array([self._index.get(lane, -1) for lane in planned], dtype=np.int64),
            propensities=np.ascontiguousarray(by_lane[:, 0]),
            eligible=by_lane[:, 1] > 0,
            estimated_quality=np.ascontiguousarray(by_lane[:, 2]),
            estimated_cost_usd=np.ascontiguousarray(by_lane[:, 3]),
            embeddings=self._embeddings.matrix(),
            features=self._features.matrix(),
            lane_version=np.array(versions, dtype=np.str_),
            **{name: np.array(column, dtype=_TYPES.get(name, np.str_)) for name, column in values.items()},
            **learned,
        )

    def _learned(
        self, outcomes: Iterable[Any], decision_ids: Sequence[str], created_at: Sequence[Any]
    ) -> dict[str, NDArray[Any]]:
        row_of = {name: number for number, name in enumerate(decision_ids)}
        late, in_time = np.zeros((2, len(row_of)), dtype=bool)
        quality, rated_probability, cost_usd, latency_ms = np.full((4, len(row_of)), np.nan)
        executed = np.full(len(row_of), -1, dtype=np.int64)
        for outcome in outcomes:
            row = row_of.get(outcome.decision_id)
            if row is None:
                continue
            if outcome.at - created_at[row] > self._reading.window:
                late[row] = True
                continue
            in_time[row] = True
            if outcome.quality is not None:
                quality[row], rated_probability[row] = outcome.quality, outcome.rated_probability
            elif np.isnan(quality[row]):
                rated_probability[row] = outcome.rated_probability
            if outcome.cost_usd is not None:
                cost_usd[row] = outcome.cost_usd
            if outcome.latency_ms is not None:
                latency_ms[row] = outcome.latency_ms
            if outcome.executed_lane is not None:
                executed[row] = self._index[outcome.executed_lane]
        known = {"quality": quality, "cost_usd": cost_usd, "latency_ms": latency_ms, "late": late & ~in_time}
        return {**known, "rated_probability": rated_probability, "executed": executed}


_TYPES: dict[str, Any] = {
    "created_at": "datetime64[us]",
    "randomised": bool,
    "floor": np.float64,
    "arm_share": np.float64,
    "abstained": bool,
}
