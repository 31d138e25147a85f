"""Fit allocation to outcomes over all configured lanes: what both ``training.retrain`` and certification call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Allocation
from router_ml.config import Lane, RouterConfig
from router_ml.errors import OfflineDataError
from training.allocation import CELL_SHRINKAGE, Outcomes, fit_all

MIN_OUTCOMES = 20


@dataclass(frozen=True)
class Unplaced:
    """Outcomes that a fit does not see, by intent, domain and configured lane, (i, k, L) each: how many there are, by
    weight; how many of these are ``private``; and the sum of the quality of the private ones.

    A private request keeps no embedding, so it cannot say which requests a lane is good at; it still says what the lane
    did in its cell. The others are rows beyond a sample, and count as evidence alone.
    """

    count: NDArray[np.float64]
    private: NDArray[np.float64]
    quality: NDArray[np.float64]

    def __add__(self, other: Unplaced) -> Unplaced:
        return Unplaced(self.count + other.count, self.private + other.private, self.quality + other.quality)

    def seen(self, rows: Unplaced) -> Unplaced:
        """Without the ``rows`` that the fit does see, none of which is private."""
        return replace(self, count=np.maximum(self.count - rows.count, 0))

    def of_lanes(self, columns: Sequence[int]) -> Unplaced:
        """The chosen lanes."""
        return Unplaced(*(part[:, :, list(columns)] for part in (self.count, self.private, self.quality)))


@dataclass(frozen=True)
class Learning:
    """Fitted allocation, and what it believed of each row before having seen its request: quality (n, L) in 0..1 over
    the ``columns`` of lanes that had enough outcomes."""

    allocation: Allocation
    held_out: NDArray[np.float64]
    columns: tuple[int, ...]


def learn(
    parts: Sequence[Outcomes], config: RouterConfig, *, seed: int = 0, unplaced: Unplaced | None = None
) -> Allocation:
    """Fit allocation to outcomes over all configured lanes; lanes with too few outcomes keep their prior alone.

    Raises:
        OfflineDataError: no lane has ``MIN_OUTCOMES``.
    """
    return learn_all(parts, config, seed=seed, unplaced=unplaced).allocation


def learn_all(
    parts: Sequence[Outcomes], config: RouterConfig, *, seed: int = 0, unplaced: Unplaced | None = None
) -> Learning:
    """``learn``, with what was believed of each row of the parts before having seen it; raises likewise."""
    found = [part for part in parts if len(part.contexts)]
    if not any(np.isfinite(part.quality).any() for part in found):
        raise OfflineDataError(
            f"There is no rated outcome to learn from; a lane needs {MIN_OUTCOMES}. Rate more first."
        )
    whole = Outcomes.stack(found) if len(found) > 1 else found[0]
    seen = np.isfinite(whole.quality).sum(axis=0)
    columns = tuple(index for index, count in enumerate(seen) if count >= MIN_OUTCOMES)
    if not columns:
        raise OfflineDataError(f"No lane has {MIN_OUTCOMES} rated outcomes (most: {seen.max()}). Rate more first.")
    names = list(config.lanes)
    lanes: dict[str, Lane] = {names[index]: config.lanes[names[index]] for index in columns}
    allocation, held_out = fit_all(whole.of_lanes(columns), lanes, seed=seed)
    if unplaced is not None:
        allocation = _counted(allocation, unplaced.of_lanes(columns), whole.contexts)
    return Learning(allocation, held_out, columns)


def _counted(allocation: Allocation, unplaced: Unplaced, contexts: Contexts) -> Allocation:
    """The mean of a cell is over all its requests: over the predictions of those whose embedding is known, and over the
    outcomes of those of which nothing else is."""
    model, known = allocation.quality, contexts.cells()[:, :, None] + CELL_SHRINKAGE
    cells = (model.cells * known + unplaced.quality) / (known + unplaced.private)
    quality = replace(
        model, counts=(model.counts + unplaced.count).astype(np.float32), cells=np.clip(cells, 0, 1).astype(np.float32)
    )
    return replace(allocation, quality=quality)
