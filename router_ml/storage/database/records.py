"""What a log keeps of decisions and outcomes, as arrays; no database here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from router_ml.contract import Model
from router_ml.errors import LogError

Kept = TypeVar("Kept", bound=Model)
UNSAID: dict[str, Any] = {
    "late": False,
    "arm": "champion",
    "arm_share": 1.0,
    "risk_tier": "low",
    "abstained": False,
    "subject": "",
}


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

    Also per decision: ``late`` (outcomes came after the attribution window only, and are NaN here), ``arm`` (whose
    bundle decided), ``arm_share`` (the probability of that arm), ``risk_tier``, ``abstained`` (the classifier was not
    sure of intent or domain), ``subject`` (whose request it was, under the name that ``EventLog.subject_of`` gives a
    person; empty where none is known). Arrays made by hand may leave these out: then they are as of a log without
    releases and persons.
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
    late: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    arm: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))
    arm_share: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    risk_tier: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))
    abstained: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    subject: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))

    def __post_init__(self) -> None:
        for name, value in UNSAID.items():
            if len(getattr(self, name)) != len(self):
                object.__setattr__(self, name, np.full(len(self), value))

    def __len__(self) -> int:
        return len(self.decision_ids)

    def select(self, rows: NDArray[Any]) -> LoggedData:
        """The same with only ``rows``: a mask (n,) or indices."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return LoggedData(**{name: v[rows] if isinstance(v, np.ndarray) else v for name, v in values.items()})


def utc(at: datetime) -> datetime:
    """UTC without a zone: what every database keeps and sorts alike. A time without a zone counts as UTC."""
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def parse(model: type[Kept], record: str, what: str) -> Kept:
    """A record as it was written; ``LogError`` when another contract wrote it. ``what`` names it."""
    try:
        return model.model_validate_json(record)
    except ValidationError:
        raise other_contract(what) from None


def readable(model: type[Kept], record: str, *, whole: bool = True) -> Kept | None:
    """A record, None where another contract wrote it and this one cannot read it; without ``whole`` the fields that
    this one knows suffice."""
    try:
        said = from_json(record)
        known = said if whole else {name: value for name, value in said.items() if name in model.model_fields}
        return model.model_validate_json(to_json(known))
    except (ValueError, AttributeError):
        return None


def other_contract(what: str) -> LogError:
    """What to say of a record that this release cannot read; ``what`` names it."""
    return LogError(f"{what} was written under another contract. Read it with the release that wrote it.")
