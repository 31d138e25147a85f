"""What the fitted models say of requests: everything about them that has not to do with prices or with what was learned
since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.cost import expected_tokens_out
from router_ml.allocation.priors import before_outcomes
from router_ml.config import Lane

if TYPE_CHECKING:
    from router_ml.allocation.estimate import Allocation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """What the fitted models say of requests, whatever lanes cost and outcomes have said since.

    tokens_out, cell_tokens_out, cell, evidence: (n, L) of the request, and of a typical one of its cell, per configured
    lane. quality: (n, l) of the lanes that the models know. prior, strength, counted: (n, L) what is believed of each
    lane before any outcome, how many answers that is worth, and how many were evaluated in the cell.
    """

    tokens_out: Floats
    cell_tokens_out: Floats
    cell: Floats
    evidence: Floats
    quality: NDArray[np.float32]
    prior: Floats
    strength: Floats
    counted: Floats

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Known:
        """The chosen rows."""
        return Known(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @staticmethod
    def stack(parts: Sequence[Known]) -> Known:
        """Several batches as one."""
        return Known(**{item.name: np.concatenate([getattr(p, item.name) for p in parts]) for item in fields(Known)})


def look_up(allocation: Allocation | None, lanes: Mapping[str, Lane], contexts: Contexts) -> Known:
    """What the fitted models say of requests. The products of matrices in it may round otherwise by the number of
    rows: requests that are decided one by one are looked up one by one."""
    near = allocation.quality.similarity.near(contexts) if allocation else None
    observed = allocation.cost.lanes if allocation else ()
    tokens = allocation.cost.tokens_out(contexts, near) if allocation else None
    typical = allocation.cost.of_cell(contexts) if allocation else None
    before = before_outcomes(allocation.priors if allocation else None, lanes, contexts)
    cell = before.quality.copy()
    evidence = np.zeros(cell.shape)
    quality = np.zeros((len(contexts), 0), np.float32)
    if allocation is not None:
        theirs, ours = columns_of(allocation, lanes)
        cell[:, ours] = allocation.quality.of_cell(contexts)[:, theirs]
        evidence[:, ours] = allocation.quality.evidence(contexts)[:, theirs]
        quality = allocation.quality.predict(contexts, near)
    return Known(
        tokens_out=expected_tokens_out(tokens, contexts, lanes, observed),
        cell_tokens_out=expected_tokens_out(typical, contexts, lanes, observed),
        cell=cell,
        evidence=evidence,
        quality=quality,
        prior=before.quality,
        strength=before.strength,
        counted=before.counted,
    )


def columns_of(allocation: Allocation, lanes: Mapping[str, Lane]) -> tuple[list[int], list[int]]:
    """The columns of the lanes that are both learned and configured: those of the models, and those of ``lanes``."""
    names = list(lanes)
    known = [(column, names.index(lane)) for column, lane in enumerate(allocation.quality.lanes) if lane in lanes]
    return [column for column, _ in known], [column for _, column in known]
