"""Prompts that could be evaluated next, and what the bundle believes of every lane on them. Never their texts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import estimate
from router_ml.errors import OfflineDataError
from router_ml.offline.gating.champion import class_rule, logged_contexts
from router_ml.offline.judging.judged import columns_of
from router_ml.offline.judging.packs import Pack
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.surface import NAMES

Floats = NDArray[np.float64]
Z_90 = 1.6448536269514722


@dataclass(frozen=True)
class Candidates:
    """The traffic (n) over ``lanes`` (L). ``ids``: decision ids of a log, row numbers of a pack; ``embedding`` (n, d);
    ``quality``, ``deviation`` and ``cost_usd`` (n, L): the posterior mean and standard deviation of quality, and
    expected USD; ``allowed`` (n, L): where rules let it go; ``seen`` (n, L): where an outcome is known already;
    ``quality_per_usd`` and ``cell`` (intent/domain), (n,)."""

    lanes: tuple[str, ...]
    ids: NDArray[np.str_]
    embedding: NDArray[np.float32]
    quality: Floats
    deviation: Floats
    cost_usd: Floats
    allowed: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    quality_per_usd: Floats
    cell: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: NDArray[Any]) -> Candidates:
        """The same with only ``rows``: a mask (n,) or indices."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return Candidates(**{name: v[rows] if isinstance(v, np.ndarray) else v for name, v in values.items()})


def from_pack(pack: Pack, bundle: Bundle, *, traffic_class: str) -> Candidates:
    """A pack's prompts; what is to be evaluated are lanes that it has no outcome of, on any row or on some.

    Raises:
        OfflineDataError: no configured lane names a column of the pack, or the class is not configured.
    """
    names, rows = list(bundle.config.lanes), len(pack.group)
    seen = np.zeros((rows, len(names)), bool)
    for lane, column in columns_of(pack, bundle.config).items():
        seen[:, names.index(lane)] = np.isfinite(pack.quality[:, column])
    spec, contexts = bundle.classifier.spec, pack.contexts
    if (contexts.intent.shape[1], contexts.domain.shape[1]) != (len(spec.intent.labels), len(spec.domain.labels)):
        raise OfflineDataError(
            "The pack was made with other labels than the bundle's. Build it again with this bundle."
        )
    return _candidates(
        bundle,
        contexts,
        ids=np.arange(rows).astype(np.str_),
        allowed=np.tile([lane.enabled for lane in bundle.config.lanes.values()], (rows, 1)),
        seen=seen,
        rate=np.full(rows, class_rule(bundle.config, traffic_class).quality_per_usd),
        cell=_cells(
            np.array(spec.intent.labels, np.str_)[contexts.intent.argmax(axis=1)],
            np.array(spec.domain.labels, np.str_)[contexts.domain.argmax(axis=1)],
        ),
    )


def from_log(data: LoggedData, bundle: Bundle) -> Candidates:
    """A log's decisions whose embedding was kept; an outcome is known of the lane that answered, if it was rated.

    Raises:
        OfflineDataError: there is no such decision, or the log was written by a bundle with other features.
    """
    config, spec = bundle.config, bundle.classifier.spec
    embedded = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
    known_class = np.isin(data.traffic_class, list(config.traffic_classes))
    part = data.select(embedded & known_class & (data.action >= 0))
    if len(part) == 0:
        raise OfflineDataError(
            f"None of {len(data)} logged decisions kept its embedding and has a lane and a configured traffic class. "
            "Policies with 'log: record' keep no embedding; see logging.keep, or use another log."
        )
    sizes = (len(NAMES), len(spec.intent.labels), len(spec.domain.labels))
    names = list(config.lanes)
    allowed, seen = np.zeros((2, len(part), len(names)), bool)
    answered = np.where(part.executed >= 0, part.executed, part.action)
    for column, lane in enumerate(part.lanes):
        if lane in names:
            allowed[:, names.index(lane)] = part.eligible[:, column]
            seen[:, names.index(lane)] = (answered == column) & np.isfinite(part.quality)
    rates = {name: each.quality_per_usd for name, each in config.traffic_classes.items()}
    return _candidates(
        bundle,
        logged_contexts(part, sizes),
        ids=part.decision_ids,
        allowed=allowed,
        seen=seen,
        rate=np.array([rates[str(name)] for name in part.traffic_class]),
        cell=_cells(part.intent, part.domain),
    )


def _candidates(
    bundle: Bundle,
    contexts: Contexts,
    *,
    ids: NDArray[np.str_],
    allowed: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    rate: Floats,
    cell: NDArray[np.str_],
) -> Candidates:
    found = estimate(bundle.allocation, bundle.config.lanes, contexts)
    deviation = (found.belief.high - found.belief.low) / (2 * Z_90)
    lanes = tuple(bundle.config.lanes)
    return Candidates(
        lanes, ids, contexts.embedding, found.belief.quality, deviation, found.cost_usd, allowed, seen, rate, cell
    )


def _cells(intent: NDArray[np.str_], domain: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(intent, "/"), domain)
