"""At which price of quality a champion decided: a budget that is short raises it, a challenger is judged without."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

from router_ml.contract import RouteDecision
from router_ml.offline.gating.champion import class_rule
from router_ml.storage.bundle import Bundle

ALIKE = 1e-6  # of lambda: records are rounded
MOST_DECISIONS = 1000


def paced(champion: Bundle, decisions: Iterable[RouteDecision]) -> list[str]:
    """What to note if some of the first thousand decisions were made at another lambda than the champion's class has.

    Raises:
        OfflineDataError: a traffic class is not configured any more.
    """
    rates: dict[str, float] = {}
    read = apart = 0
    for decision in islice(decisions, MOST_DECISIONS):
        name = decision.traffic_class
        if name not in rates:
            rates[name] = class_rule(champion.config, name, champion.promises).quality_per_usd
        read += 1
        apart += not math.isclose(decision.state.lambda_, rates[name], rel_tol=ALIKE)
    if not apart:
        return []
    return [
        f"{apart} of the first {read} decisions were made at another lambda than their class has, as a budget asks "
        "for. The challenger is judged before any pacing, so part of the difference is the pacing's."
    ]
