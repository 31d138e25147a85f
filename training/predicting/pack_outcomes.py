"""An outcome pack as outcomes over all configured lanes, at the prices of today."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.priors import OTHER_VERSION
from router_ml.config import Lane, RouterConfig
from router_ml.errors import OfflineDataError
from training.allocation import Outcomes
from training.outcomes import Pack

FIRST_VERSION = "1"


def from_pack(pack: Pack, config: RouterConfig) -> tuple[Outcomes, dict[str, int]]:
    """A pack as outcomes over all configured lanes (NaN for lanes it does not know).

    Lanes are matched by ``outcomes`` in ``router.yaml``.

    Raises:
        OfflineDataError: no configured lane names a column of the pack.
    """
    lanes = list(config.lanes)
    column = {name: pack.lanes.index(x.outcomes) for name, x in config.lanes.items() if x.outcomes in pack.lanes}
    if not column:
        raise OfflineDataError(
            f"No lane has 'outcomes' set to one of {', '.join(pack.lanes)}. Name the columns in router.yaml."
        )
    quality, cost = np.full((2, len(pack.group), len(lanes)), np.nan)
    for name, index in column.items():
        quality[:, lanes.index(name)] = pack.quality[:, index]
        cost[:, lanes.index(name)] = _at_price_of(config.lanes[name], pack, index)
    # a pack does not say which version of a lane it is of: the first
    weight = np.array([1.0 if lane.version == FIRST_VERSION else OTHER_VERSION for lane in config.lanes.values()])
    return Outcomes(pack.contexts, quality, cost, np.ones_like(quality), np.tile(weight, (len(quality), 1))), column


def _at_price_of(lane: Lane, pack: Pack, column: int) -> NDArray[np.float64]:
    """What a pack's answers of a lane would cost today, (n,): a price that has changed since is no change of tokens."""
    cost, tokens_in, now = pack.cost_usd[:, column], pack.contexts.tokens_in, lane.price
    paid = pack.prices.get(pack.lanes[column])
    if paid is None:
        return cost
    tokens_out = np.maximum(cost * 1e6 - tokens_in * paid[0], 0) / max(paid[1], 1e-12)
    result: NDArray[np.float64] = (tokens_in * now.input_per_mtok + tokens_out * now.output_per_mtok) / 1e6
    return result
