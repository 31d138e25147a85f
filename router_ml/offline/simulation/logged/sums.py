"""What a log says of a policy, added up while it is played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SUMMED = (
    *("due", "served", "quality", "least", "most", "cost_usd"),
    *("weight", "cost_weight", "outside", "unpriced", "believed_usd"),
)


@dataclass(frozen=True)
class Sums:
    """Of each kind (k,): requests ``due`` and ``served``; sums over them of corrected quality (``quality``), of that
    without the extrapolated part (``least``) and with 1 in its place (``most``), of corrected cost; the ``weight`` of
    its rating and the ``cost_weight`` of its cost; probability ``outside`` the support, and ``unpriced`` of lanes whose
    cost is the bundle's belief, with that cost, ``believed_usd``. ``traffic_class``: (k,) index into ``classes``, -1
    for none. ``by_lane``: (c, L) probability outside the support by class and lane of ``lanes``; ``used``: (L,) of each
    lane. ``outside_at``: (t,) probability outside the support in steps of five minutes, until the last that has any."""

    due: Floats
    served: Floats
    quality: Floats
    least: Floats
    most: Floats
    cost_usd: Floats
    weight: Floats
    cost_weight: Floats
    outside: Floats
    unpriced: Floats
    believed_usd: Floats
    traffic_class: NDArray[np.int64]
    classes: tuple[str, ...]
    by_lane: Floats
    lanes: tuple[str, ...]
    used: Floats
    outside_at: Floats
