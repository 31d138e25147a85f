"""Requests and features in batches: what a bundle reads in a request, and what it would do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import RouteRequest
from router_ml.deciding.reading import read
from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.offline.engine.columns import add, drop, lists, matrix, vector
from router_ml.offline.engine.opening import open_bundle
from router_ml.offline.engine.schemas import ENCODER, lanes_of, need, noting, with_lanes
from router_ml.offline.gating.champion import policy_of, split_features
from router_ml.ruling.case import features_vector
from router_ml.storage.bundle import Bundle
from router_ml.understanding.surface import NAMES

OVER_LANES = ("eligible", "propensities", "estimated_quality", "estimated_cost_usd", "target")
MADE = ("target", "quality_estimate", "quality_low", "quality_high", "cost_estimate", "latency_estimate")
AT_ONCE = 64  # requests: longer batches make the encoder no faster
SCORED = 2_048  # rows: more make scoring no faster, and need more memory


@dataclass(frozen=True)
class Embed:
    """``request`` (JSON of a ``RouteRequest``) to ``embedding`` and ``features`` as the event log keeps them (surface
    features, probabilities of intents and domains, tokens in), ``intent`` and ``domain`` (the likeliest label) and
    ``tokens_in``. The requests themselves are left out of the result; other columns stay."""

    model: str | None = None
    bundle: str | None = None
    column: str = "request"
    name: str = field(default="embed", init=False)

    def said(self) -> Mapping[str, Any]:
        """The encoder and classifier."""
        return {"bundle": self.bundle, "column": self.column}

    def columns(self, schema: Any) -> list[str] | None:
        """All; requests as text."""
        need(schema, {self.column: "text"}, what="embed")
        return None

    def open(self, schema: Any) -> Reader:
        """The bundle, opened."""
        return Reader(open_bundle(self.model, self.bundle), self.column)


class Reader:
    """``Embed``, opened."""

    def __init__(self, bundle: Bundle, column: str) -> None:
        self._bundle, self._column = bundle, column

    def batch(self, batch: Any) -> Any:
        """Requests, read."""
        import pyarrow as arrow

        requests = [_request(text, row) for row, text in enumerate(batch.column(self._column).to_pylist())]
        count, asked = len(requests), requests or [RouteRequest(text="nothing")]  # widths show without a row, too
        pieces = [asked[start : start + AT_ONCE] for start in range(0, len(asked), AT_ONCE)]
        found = [one for piece in pieces for one in read(self._bundle.config, self._bundle, piece)]
        embedding = np.stack([one.embedding for one in found])
        features = np.stack([features_vector(one) for one in found])
        found = found[:count]
        made = add(
            drop(batch, [self._column]),
            embedding=lists(embedding[:count]),
            features=lists(features[:count]),
            intent=arrow.array([one.intent_label.label for one in found], arrow.string()),
            domain=arrow.array([one.domain_label.label for one in found], arrow.string()),
            tokens_in=arrow.array([one.tokens_in for one in found], arrow.int64()),
        )
        return noting(made, ENCODER, self._bundle.encoder.sha256)

    def finish(self) -> None:
        """Nothing is left."""
        return


@dataclass(frozen=True)
class Score:
    """``embedding`` and ``features`` to what a bundle would do: ``target`` (propensities over the lanes) and its
    estimates ``quality_estimate``, ``quality_low``, ``quality_high``, ``cost_estimate`` (USD) and ``latency_estimate``
    (ms), lists over the lanes: the bundle's, then others that the files have and no policy can take any more.

    ``traffic_class``: of rows without a column of this name. Where there is a column ``eligible``, lanes stay within
    it; by default all that are enabled are allowed. Where no lane is, ``target`` is 0 everywhere.
    """

    model: str | None = None
    bundle: str | None = None
    traffic_class: str = "default"
    name: str = field(default="score", init=False)

    def said(self) -> Mapping[str, Any]:
        """The bundle and the class."""
        return {"bundle": self.bundle, "traffic_class": self.traffic_class}

    def columns(self, schema: Any) -> list[str] | None:
        """All; lists over lanes only of the lanes that the bundle has."""
        need(schema, {"embedding": "list", "features": "list"}, what="score")
        if "eligible" in schema.names:
            need(schema, {"eligible": "list"}, what="score")
        if "traffic_class" in schema.names:
            need(schema, {"traffic_class": "text"}, what="score")
        return None

    def open(self, schema: Any) -> Scorer:
        """The bundle, opened.

        Raises:
            OfflineDataError: lists in the files are over other lanes than the bundle's, or it is another bundle.
            EncoderMismatchError: the embeddings come from another encoder.
        """
        bundle = open_bundle(self.model, self.bundle)
        made = (schema.metadata or {}).get(ENCODER, b"").decode()
        if made and json.loads(made) != bundle.encoder.sha256:
            raise EncoderMismatchError(
                f"The embeddings were made by encoder {json.loads(made)[:12]}, the bundle has "
                f"{bundle.encoder.sha256[:12]}. Embed the requests with this bundle."
            )
        lanes, there = tuple(bundle.config.lanes), lanes_of(schema)
        over = [name for name in OVER_LANES if name in schema.names]
        if over and (there is None or there[: len(lanes)] != lanes):
            named = "nobody says which" if there is None else ", ".join(there)
            raise OfflineDataError(
                f"{', '.join(over)} are lists over lanes ({named}); the bundle has {', '.join(lanes)}. Export the log "
                "with this bundle's configuration."
            )
        return Scorer(bundle, self.traffic_class, there if over and there else lanes)


class Scorer:
    """``Score``, opened."""

    def __init__(self, bundle: Bundle, traffic_class: str, lanes: tuple[str, ...]) -> None:
        spec = bundle.classifier.spec
        self._bundle, self._class, self._lanes = bundle, traffic_class, lanes
        self._sizes = len(NAMES), len(spec.intent.labels), len(spec.domain.labels)
        self._width = len(bundle.encoder.encode(["one"])[0].representation)
        self._enabled = np.array([lane.enabled for lane in bundle.config.lanes.values()])

    def batch(self, batch: Any) -> Any:
        """Requests, scored."""
        pieces = [batch.slice(start, SCORED) for start in range(0, batch.num_rows, SCORED)]
        parts = [self._scored(piece, start=number * SCORED) for number, piece in enumerate(pieces)]

        def over_all(name: str, absent: float) -> Any:
            """Over lanes of the files too that the bundle does not have."""
            result = np.full((batch.num_rows, len(self._lanes)), absent)
            if parts:
                result[:, : len(self._enabled)] = np.concatenate([part[name] for part in parts])
            return lists(result)

        made = {name: over_all(name, 0.0 if name == "target" else np.nan) for name in MADE}
        return with_lanes(add(batch, **made), self._lanes)

    def _scored(self, batch: Any, *, start: int) -> dict[str, NDArray[np.float64]]:
        """What a bundle makes of a piece, by name of the column, (n, lanes) each."""
        bundle, own = self._bundle, len(self._enabled)
        embedding = matrix(batch, "embedding", dtype=np.float32, width=self._width)
        features = matrix(batch, "features", dtype=np.float32)
        _finite("embedding", embedding, start)
        _finite("features", features, start)
        contexts = split_features(embedding, features, self._sizes)
        allowed: NDArray[np.bool_] = np.repeat(self._enabled[None], batch.num_rows, axis=0)
        if "eligible" in batch.schema.names:
            allowed = allowed & matrix(batch, "eligible", dtype=bool, width=len(self._lanes))[:, :own]
        named = "traffic_class" in batch.schema.names
        classes = vector(batch, "traffic_class", dtype=np.str_) if named else np.full(batch.num_rows, self._class)
        target, found = policy_of(
            bundle.allocation,
            bundle.config,
            contexts,
            eligible=allowed,
            traffic_class=classes,
            promises=bundle.promises,
        )
        target[~allowed.any(axis=1)] = 0.0
        belief = found.belief
        values = (target, belief.quality, belief.low, belief.high, found.cost_usd, found.latency_ms)
        return dict(zip(MADE, values, strict=True))

    def finish(self) -> None:
        """Nothing is left."""
        return


def _finite(name: str, values: NDArray[np.float32], start: int) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise OfflineDataError(
            f"{name} holds NaN or infinite numbers in {int(bad.sum())} rows, first in row {start + int(bad.argmax())} "
            "of the batch. Embed them again, or leave them out."
        )


def _request(text: Any, row: int) -> RouteRequest:
    try:
        return RouteRequest.from_json(text)
    except (InvalidRequestError, TypeError) as error:
        raise OfflineDataError(f"Row {row} of the batch is no request: {error}") from None
