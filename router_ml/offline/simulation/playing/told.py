"""Ratings of answers: which come, when, and what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.policies.policy import Told
from router_ml.offline.simulation.scenarios.scenario import Ratings
from router_ml.offline.simulation.traffic.rows import DELAY, GOOD, RATED

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_HOUR_S = 3600.0


class Mailbox:
    """Ratings on their way. Its memory grows with those that have not come in, not with the run."""

    def __init__(self, rules: Ratings) -> None:
        self._rules = rules
        self._parts: list[tuple[Floats, ...]] = []

    def put(
        self,
        number: Integers,
        kind: Integers,
        lane: Integers,
        quality: Floats,
        probability: Floats,
        ended_s: Floats,
        luck: Floats,
    ) -> None:
        """Answers (n,) that were given; ``luck`` (n, LUCK). Where the quality is not known (NaN), nobody rates."""
        rated = (luck[:, RATED] < self._rules.share) & np.isfinite(quality)
        if not rated.any():
            return
        luck = luck[rated]
        delay_s = -np.log1p(-luck[:, DELAY]) * self._rules.delay_hours * _HOUR_S
        good = (luck[:, GOOD] < quality[rated]).astype(np.float64)
        told_s = ended_s[rated] + delay_s
        rows = (number[rated], kind[rated], lane[rated], good, probability[rated])
        self._parts.append((told_s, *(np.asarray(each, np.float64) for each in rows)))

    def take(self, now_s: float) -> Told | None:
        """All that has come in by now, oldest first; None where that is nothing."""
        if not self._parts:
            return None
        told_s, number, *rest = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        order = np.lexsort((number, told_s))
        come = order[told_s[order] <= now_s]
        left = order[told_s[order] > now_s]
        self._parts = [tuple(each[left] for each in (told_s, number, *rest))] if len(left) else []
        if not len(come):
            return None
        kind, lane, good, probability = (each[come] for each in rest)
        return Told(kind.astype(np.int64), lane.astype(np.int64), good, probability)
