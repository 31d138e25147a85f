"""Entries as the database holds them: the row of each, and the bytes that its place in the chain vouches for.

Every column is worked out from the JSON of the record, by this code alone, so that a column that says something else
than its record is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from router_ml.contract.base import is_unacted
from router_ml.errors import LogRefusedError
from router_ml.storage.database.entries import Entry, Kind
from router_ml.storage.database.records import Features, other_contract, utc
from router_ml.storage.proof.chain import joined

LANE_PARTS = ("eligible", "estimates", "propensities")
_SEPARATOR = "\n"  # between names of lanes, which hold no line ends


@dataclass(frozen=True)
class Stored:
    """An entry as bytes; ``vectors`` little-endian float32, ``text`` UTF-8, ``keep_until`` UTC without a zone."""

    kind: Kind
    record_id: str
    decision_id: str | None
    record: str
    encoder: str | None = None
    embedding: bytes | None = None
    surface: bytes | None = None
    text: bytes | None = None
    subject: str | None = None
    keep_until: datetime | None = None

    @property
    def payload(self) -> bytes:
        """All of it as one byte string that no other entry gives."""
        until = None if self.keep_until is None else self.keep_until.isoformat()
        made_from = (self.encoder, self.embedding, self.surface, self.text, self.subject, until)
        return joined(self.kind, self.record_id, self.decision_id, self.record, *made_from)


def stored(entry: Entry) -> Stored:
    """An entry as bytes.

    Raises:
        LogRefusedError: a vector that is none.
    """
    features = entry.features
    return Stored(
        kind=entry.kind,
        record_id=entry.record_id,
        decision_id=entry.decision_id,
        record=entry.record,
        encoder=None if features is None else features.encoder,
        embedding=None if features is None or features.embedding is None else _bytes(features.embedding, "embedding"),
        surface=None if features is None else _bytes(features.surface, "surface"),
        text=None if entry.text is None else entry.text.encode("utf-8", "surrogatepass"),
        subject=entry.subject,
        keep_until=None if entry.keep_until is None else utc(entry.keep_until),
    )


def _bytes(vector: Any, what: str) -> bytes:
    array = np.asarray(vector, dtype="<f4")
    if array.ndim != 1 or not np.isfinite(array).all():
        raise LogRefusedError(
            f"The {what} of a decision must be one vector of finite numbers; its shape is {array.shape}."
        )
    return array.tobytes()


def as_entry(entry: Stored) -> Entry:
    """An entry as it was given to the log; vectors as arrays, times in UTC."""
    row = row_of(entry)
    at, until = row["created_at" if entry.kind == "decision" else "at"], entry.keep_until
    features = None
    if entry.encoder is not None:
        features = Features(entry.encoder, _vector(entry.embedding), _vector(entry.surface or b""))
    return Entry(
        kind=entry.kind,
        record_id=entry.record_id,
        decision_id=entry.decision_id,
        at=at.replace(tzinfo=UTC),
        record=entry.record,
        features=features,
        text=None if entry.text is None else entry.text.decode("utf-8", "surrogatepass"),
        subject=entry.subject,
        keep_until=None if until is None else until.replace(tzinfo=UTC),
    )


@overload
def _vector(raw: bytes) -> NDArray[np.float32]: ...
@overload
def _vector(raw: None) -> None: ...
def _vector(raw: bytes | None) -> NDArray[np.float32] | None:
    return None if raw is None else np.frombuffer(raw, dtype="<f4").astype(np.float32)


def row_of(entry: Stored) -> dict[str, Any]:
    """The row of an entry in the table of its kind: what queries need, and the record as JSON.

    Raises:
        LogRefusedError: the record is not one of this contract, or names another id than the entry.
    """
    try:
        record = from_json(entry.record)
        row = _ROWS[entry.kind](entry.record_id, record)
        named = record.get("decision_id")
    except (ValueError, KeyError, TypeError, AttributeError):
        error = other_contract(f"{_NAMES.get(entry.kind, 'Record')} {entry.record_id}")
        raise LogRefusedError(str(error)) from None
    if named != entry.decision_id:
        raise LogRefusedError(f"{_NAMES[entry.kind]} {entry.record_id} is of another decision than its entry says.")
    return {**row, "record": entry.record}


def features_row(entry: Stored) -> dict[str, Any] | None:
    """The row of what a decision was made from; None where nothing of it is kept."""
    if entry.encoder is None:
        return None
    vectors = {"embedding": entry.embedding, "surface": entry.surface}
    return {"decision_id": entry.decision_id, "encoder": entry.encoder, **vectors}


def refuse_other(record: str, entry: Stored) -> None:
    """``LogRefusedError`` when what is already kept under the id of ``entry`` is something else. An execution that was
    reported again later is not: what is kept has its first time."""
    if record != entry.record and not (entry.kind == "execution" and _untimed(record) == _untimed(entry.record)):
        what = "decision" if entry.kind == "decision" else "record"
        raise LogRefusedError(f"Another {what} is already logged as {entry.record_id}. Give each {what} its own id.")


def _untimed(record: str) -> dict[str, Any]:
    try:
        return {**from_json(record), "at": None}
    except (ValueError, TypeError):
        raise other_contract("An execution") from None


def split_lanes(names: str) -> list[str]:
    """The lanes of a ``lanes`` column."""
    return names.split(_SEPARATOR) if names else []


def _at(text: str) -> datetime:
    return utc(datetime.fromisoformat(text))


def _plain(text: str | None) -> str | None:
    """PostgreSQL keeps no NUL in a text."""
    return None if text is None else text.replace("\x00", "�")


def _decision(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    propensities = record["propensities"]
    drawable = sum(probability > 0 for probability in propensities.values())
    lanes = {lane for part in LANE_PARTS for lane in record[part]}
    return {
        "decision_id": key,
        "created_at": _at(record["created_at"]),
        "traffic_class": record["traffic_class"],
        "intent": record["intent"]["label"],
        "domain": record["domain"]["label"],
        "risk_tier": record["risk_tier"],
        "guard_state": record["guard_state"],
        "lane": record["lane"],
        "propensity": record["propensity"],
        "explored": record["explored"],
        "randomised": record["propensity"] is not None and drawable > 1 and not is_unacted(key),
        "bundle": record["versions"]["bundle"],
        "org": _plain(record.get("circumstances", {}).get("org")),
        "lanes": _SEPARATOR.join(sorted(lanes)),
    }


def _outcome(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "outcome_id": key,
        "decision_id": record["decision_id"],
        "source": _plain(record["source"]),
        "executed_lane": _plain(record["executed_lane"]),
        "at": _at(record["at"]),
        **{name: record[name] for name in ("quality", "rated_probability", "cost_usd", "latency_ms")},
    }


def _execution(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    lane = _plain(record["final_lane"])
    return {"execution_id": key, "decision_id": record["decision_id"], "at": _at(record["at"]), "final_lane": lane}


def _approval(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {"step_id": key, **{name: record[name] for name in ("decision_id", "state")}, "at": _at(record["at"])}


def _output_check(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {"check_id": key, **{name: record[name] for name in ("decision_id", "action")}, "at": _at(record["at"])}


def _audit_event(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {"event_id": key, "kind": record["kind"], "at": _at(record["at"])}


_ROWS: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
    "decision": _decision,
    "outcome": _outcome,
    "execution": _execution,
    "approval": _approval,
    "output_check": _output_check,
    "audit_event": _audit_event,
}
_NAMES = {
    "decision": "Decision",
    "outcome": "Outcome",
    "execution": "Execution",
    "approval": "Approval",
    "output_check": "Output check",
    "audit_event": "Audit event",
}
