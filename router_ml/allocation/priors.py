"""What evaluations say of each lane in each (intent, domain) cell, before any outcome of traffic.

A Beta belief per lane and cell; ``training.evals.priors`` makes them. Without them, each lane has the one prior that is
configured, in all cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.config import Lane

Floats = NDArray[np.float64]
STRENGTH_CAP = 50.0  # answers that a prior may be worth: what traffic says later has to be able to move it
OTHER_VERSION = 0.2  # how much counts what another model or version of the lane answered


@dataclass(frozen=True)
class CellPriors:
    """Beta priors of ``lanes`` by ``intents`` and ``domains``.

    quality: (i, k, L) means in 0..1; strength: (i, k, L) answers that each is worth, capped; counted: (i, k, L)
    answers that were evaluated in the cell itself, after discounts; low, high: (i, k, L) equal-tailed intervals at
    ``level`` of the posterior before the cap. ``arms``: model and version of each lane that they speak of; ``made``:
    from what, digests and settings.
    """

    lanes: tuple[str, ...]
    intents: tuple[str, ...]
    domains: tuple[str, ...]
    quality: Floats
    strength: Floats
    counted: Floats
    low: Floats
    high: Floats
    level: float
    arms: Mapping[str, tuple[str, str]]
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Before:
    """What is believed of lanes for requests before any outcome, (n, L) each: mean, how many answers that is worth, and
    how many answers were evaluated in the requests' cells."""

    quality: Floats
    strength: Floats
    counted: Floats


def before_outcomes(priors: CellPriors | None, lanes: Mapping[str, Lane], contexts: Contexts) -> Before:
    """The priors of all configured ``lanes`` for requests, averaged over their class probabilities; a lane that was not
    evaluated has the one that is configured.

    What was evaluated as another model or version than is configured now counts for ``OTHER_VERSION``, and the
    configured prior for the rest.
    """
    quality = np.repeat([[lane.prior.quality for lane in lanes.values()]], len(contexts), axis=0)
    strength = np.repeat([[lane.prior.strength for lane in lanes.values()]], len(contexts), axis=0)
    found = Before(quality, strength, np.zeros(quality.shape))
    evaluated = [] if priors is None else [name for name in priors.lanes if name in lanes]
    if priors is None or not evaluated:
        return found
    ours = [list(lanes).index(name) for name in evaluated]
    theirs = [priors.lanes.index(name) for name in evaluated]
    same = np.array([priors.arms.get(name) == (lanes[name].model, lanes[name].version) for name in evaluated])
    share = np.where(same, 1.0, OTHER_VERSION)

    def of(table: Floats) -> Floats:
        return contexts.in_cells(table[:, :, theirs].astype(np.float32)).astype(np.float64)

    worth = of(priors.strength)
    configured = np.where(same, 0.0, strength[:, ours])  # the posterior of the lane itself holds it already
    weight = share * worth + configured
    mean = (share * worth * of(priors.quality) + configured * quality[:, ours]) / weight
    found.quality[:, ours] = np.clip(mean, 0, 1)
    found.strength[:, ours] = weight
    found.counted[:, ours] = share * of(priors.counted)
    return found
