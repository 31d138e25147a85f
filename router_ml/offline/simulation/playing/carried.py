"""What became of requests: what the loop hands to whoever counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.traffic.rows import Rows

Floats = NDArray[np.float64]

Fate = Literal["served", "asked_back", "review", "refused", "queued", "failed", "no_lane", "refused_by_budget"]
FATES: tuple[Fate, ...] = get_args(Fate)
"""``review``: a rule gave it to people; ``refused``: by a rule; ``queued`` and ``refused_by_budget``: because the money
was spent; ``failed``: every call that was left failed; ``no_lane``: rules, limits and health left none to call."""


@dataclass(frozen=True)
class Carried:
    """n requests, carried out, in order of arrival.

    fate: (n,) index into ``FATES``. first, final: (n,) the lane that was drawn and the one that answered, -1 for none.
    exploit: (n,) the lane that would have been taken without exploring. propensity: (n,) of ``first``, NaN without.
    cost_usd: (n,) of all calls. latency_ms: (n,) until the answer, NaN without one. quality: (n,) expected true quality
    of the answer, NaN without one. calls, failed_calls, violations: (n,). approval: (n,) whether people have to approve
    what it would change. explored_usd and explored_quality: (n,) expected truth of ``first`` less that of ``exploit``,
    0 where that is not known. traffic_class: (n,) index into ``classes``.
    """

    rows: Rows
    classes: tuple[str, ...]
    traffic_class: NDArray[np.int64]
    fate: NDArray[np.int64]
    first: NDArray[np.int64]
    final: NDArray[np.int64]
    exploit: NDArray[np.int64]
    propensity: Floats
    cost_usd: Floats
    latency_ms: Floats
    quality: Floats
    calls: NDArray[np.int64]
    failed_calls: NDArray[np.int64]
    violations: NDArray[np.int64]
    approval: NDArray[np.bool_]
    explored_usd: Floats
    explored_quality: Floats
