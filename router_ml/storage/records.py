"""What a log keeps of decisions and outcomes, as rows going in and as arrays coming out; no database here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import from_json

from router_ml.contract import AuditEvent, Model, Outcome, OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.vectors import one_encoder, stack

Kept = TypeVar("Kept", bound=Model)
LANE_PARTS = ("eligible", "estimates", "propensities")


@dataclass(frozen=True)
class Features:
    """What a decision was made from: ``embedding`` (d,) float32, None where policy forbids to keep it; ``surface`` (f,)
    float32 surface features and class probabilities; ``encoder`` the sha256 of the encoder."""

    encoder: str
    embedding: NDArray[np.float32] | None
    surface: NDArray[np.float32]


@dataclass(frozen=True)
class LoggedData:
    """A log as arrays, one row per decision, oldest first; NaN means not kept, not known or not rated.

    Per decision (n,): ``decision_ids``, ``created_at`` (datetime64[us], UTC), ``traffic_class``, ``floor`` (promised),
    ``intent``, ``domain``, ``language`` (ISO 639-1), ``org`` (empty where none was named, or its name may not be kept),
    ``action`` (the planned lane as index into ``lanes``, -1 without one), ``executed`` (the lane that answered, -1 not
    known), ``randomised`` (drawn from several lanes), ``quality`` 0..1, ``rated_probability``, ``cost_usd``,
    ``latency_ms``, ``model`` (of the planned lane, empty without one), ``lane_version`` (of the lane that answered, of
    the planned one where that is not known), ``prices`` (digest of those it was decided at). Per decision and lane
    (n, lanes): ``propensities`` (0 where it could not be drawn), ``eligible``, ``estimated_quality``,
    ``estimated_cost_usd``. ``embeddings`` (n, d) float32, all of one ``encoder``; ``features`` (n, f) float32.
    """

    lanes: tuple[str, ...]
    encoder: str | None
    decision_ids: NDArray[np.str_]
    created_at: NDArray[np.datetime64]
    traffic_class: NDArray[np.str_]
    floor: NDArray[np.float64]
    intent: NDArray[np.str_]
    domain: NDArray[np.str_]
    language: NDArray[np.str_]
    org: NDArray[np.str_]
    action: NDArray[np.int64]
    executed: NDArray[np.int64]
    randomised: NDArray[np.bool_]
    propensities: NDArray[np.float64]
    eligible: NDArray[np.bool_]
    estimated_quality: NDArray[np.float64]
    estimated_cost_usd: NDArray[np.float64]
    quality: NDArray[np.float64]
    rated_probability: NDArray[np.float64]
    cost_usd: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    embeddings: NDArray[np.float32]
    features: NDArray[np.float32]
    model: NDArray[np.str_]
    lane_version: NDArray[np.str_]
    prices: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.decision_ids)

    def select(self, rows: NDArray[Any]) -> LoggedData:
        """The same with only ``rows``: a mask (n,) or indices."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return LoggedData(**{name: v[rows] if isinstance(v, np.ndarray) else v for name, v in values.items()})


def utc(at: datetime) -> datetime:
    """UTC without a zone: what every database keeps and sorts alike. A time without a zone counts as UTC."""
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def decision_row(decision: RouteDecision) -> dict[str, Any]:
    """The row of a decision: what queries need, and the decision itself as JSON."""
    drawable = sum(probability > 0 for probability in decision.propensities.values())
    return {
        "decision_id": decision.decision_id,
        "created_at": utc(decision.created_at),
        "traffic_class": decision.traffic_class,
        "intent": decision.intent.label,
        "domain": decision.domain.label,
        "risk_tier": decision.risk_tier,
        "guard_state": decision.guard_state,
        "lane": decision.lane,
        "propensity": decision.propensity,
        "explored": decision.explored,
        "randomised": decision.propensity is not None and drawable > 1,
        "bundle": decision.versions.bundle,
        "record": decision.to_json(),
    }


def refuse_other(record: str, row: Mapping[str, Any]) -> None:
    """``LogError`` when a decision already kept under the id of ``row`` is another one."""
    if record != row["record"]:
        raise LogError(f"Another decision is already logged as {row['decision_id']}. Give each decision its own id.")


def features_row(decision_id: str, features: Features) -> dict[str, Any]:
    """The row of what a decision was made from; vectors as little-endian float32."""
    return {
        "decision_id": decision_id,
        "encoder": features.encoder,
        "embedding": None if features.embedding is None else _bytes(features.embedding, "embedding"),
        "surface": _bytes(features.surface, "surface"),
    }


def _bytes(vector: Any, what: str) -> bytes:
    array = np.asarray(vector, dtype="<f4")
    if array.ndim != 1 or not np.isfinite(array).all():
        raise LogError(f"The {what} of a decision must be one vector of finite numbers; its shape is {array.shape}.")
    return array.tobytes()


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """The row of an outcome."""
    names = ("decision_id", "source", "executed_lane", "quality", "rated_probability", "cost_usd", "latency_ms")
    row = {name: getattr(outcome, name) for name in names}
    return {**row, "at": utc(outcome.at), "record": outcome.model_dump_json()}


def output_check_row(check: OutputCheck) -> dict[str, Any]:
    """The row of a check of an answer."""
    row = {"check_id": check.check_id, "decision_id": check.decision_id, "action": check.action}
    return {**row, "at": utc(check.at), "record": check.model_dump_json()}


def audit_event_row(event: AuditEvent) -> dict[str, Any]:
    """The row of a change of the rules in force."""
    return {"event_id": event.event_id, "at": utc(event.at), "kind": event.kind, "record": event.model_dump_json()}


def parse(model: type[Kept], record: str, what: str) -> Kept:
    """A record as it was written; ``LogError`` when another contract wrote it. ``what`` names it."""
    try:
        return model.model_validate_json(record)
    except ValidationError:
        raise _other_contract(what) from None


def _other_contract(what: str) -> LogError:
    return LogError(f"{what} was written under another contract. Read it with the release that wrote it.")


def to_arrays(decisions: Sequence[Any], outcomes: Iterable[Any], encoder: str | None = None) -> LoggedData:
    """Rows of the log as arrays.

    Args:
        decisions: in the order wanted, with ``decision_id, created_at, traffic_class, intent, domain, lane, randomised,
            record`` (the decision as JSON), ``encoder, embedding, surface`` (float32 bytes or None).
        outcomes: oldest first, with ``decision_id, executed_lane, quality, rated_probability, cost_usd``. The latest
            rating of a decision counts, and the latest known cost and executed lane.
        encoder: the one whose embeddings to keep; None where there is only one.

    Raises:
        EncoderMismatchError: embeddings of several encoders, and none was named.
        LogError: rows of different width, as two versions of a bundle may have written them.
    """
    records = [_parts(row.record, row.decision_id) for row in decisions]
    outcomes = list(outcomes)
    answered = {outcome.executed_lane for outcome in outcomes if outcome.executed_lane is not None}
    lanes = tuple(sorted(answered | {lane for record in records for part in LANE_PARTS for lane in record[part]}))
    index = {lane: number for number, lane in enumerate(lanes)}
    encoder = one_encoder({row.encoder for row in decisions if row.embedding is not None}, encoder)

    def by_lane(part: str, key: str | None, absent: float) -> NDArray[np.float64]:
        values = np.full((len(records), len(lanes)), absent)
        for number, record in enumerate(records):
            for lane, value in record[part].items():
                values[number, index[lane]] = value if key is None else value[key]
        return values

    eligible = np.zeros((len(records), len(lanes)), dtype=bool)
    for number, record in enumerate(records):
        eligible[number, [index[lane] for lane in record["eligible"]]] = True

    latest = _latest(outcomes, {row.decision_id: number for number, row in enumerate(decisions)}, index)
    answered_by = [lanes[at] if at >= 0 else row.lane for at, row in zip(latest["executed"], decisions, strict=True)]

    return LoggedData(
        lanes=lanes,
        encoder=encoder,
        decision_ids=np.array([row.decision_id for row in decisions], dtype=np.str_),
        created_at=np.array([row.created_at for row in decisions], dtype="datetime64[us]"),
        traffic_class=np.array([row.traffic_class for row in decisions], dtype=np.str_),
        floor=np.array([record["floor"] for record in records], dtype=np.float64),
        intent=np.array([row.intent for row in decisions], dtype=np.str_),
        domain=np.array([row.domain for row in decisions], dtype=np.str_),
        language=np.array([record["language"]["code"] for record in records], dtype=np.str_),
        org=np.array([record["circumstances"].get("org") or "" for record in records], dtype=np.str_),
        action=np.array([index.get(row.lane, -1) for row in decisions], dtype=np.int64),
        randomised=np.array([row.randomised for row in decisions], dtype=bool),
        propensities=by_lane("propensities", None, 0.0),
        eligible=eligible,
        estimated_quality=by_lane("estimates", "quality", np.nan),
        estimated_cost_usd=by_lane("estimates", "cost_usd", np.nan),
        embeddings=stack([row.embedding if row.encoder == encoder else None for row in decisions], "embeddings"),
        features=stack([row.surface for row in decisions], "features"),
        model=np.array([record["model"] or "" for record in records], dtype=np.str_),
        prices=np.array([record["prices"] for record in records], dtype=np.str_),
        lane_version=np.array(
            [record["versions"].get(lane, "1") for record, lane in zip(records, answered_by, strict=True)],
            dtype=np.str_,
        ),
        **latest,
    )


def _parts(record: str, decision_id: str) -> dict[str, Any]:
    try:
        whole = from_json(record)
        needed = {part: whole[part] for part in (*LANE_PARTS, "floor", "language", "model")}
        more = {"circumstances": whole.get("circumstances", {}), "versions": whole["versions"].get("lanes", {})}
        more["prices"] = whole["versions"].get("prices", "")
        return {**needed, **more}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _other_contract(f"Decision {decision_id}") from None


def _latest(outcomes: Iterable[Any], row_of: Mapping[str, int], index: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    quality, rated_probability, cost_usd, latency_ms = np.full((4, len(row_of)), np.nan)
    executed = np.full(len(row_of), -1, dtype=np.int64)
    for outcome in outcomes:
        row = row_of.get(outcome.decision_id)
        if row is None:
            continue
        if outcome.quality is not None:
            quality[row], rated_probability[row] = outcome.quality, outcome.rated_probability
        elif np.isnan(quality[row]):
            rated_probability[row] = outcome.rated_probability
        if outcome.cost_usd is not None:
            cost_usd[row] = outcome.cost_usd
        if outcome.latency_ms is not None:
            latency_ms[row] = outcome.latency_ms
        if outcome.executed_lane is not None:
            executed[row] = index[outcome.executed_lane]
    known = {"quality": quality, "cost_usd": cost_usd, "latency_ms": latency_ms}
    return {**known, "rated_probability": rated_probability, "executed": executed}
