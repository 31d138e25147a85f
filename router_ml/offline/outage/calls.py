"""How often each lane is called: a cascade calls its draft, what checks it, and now and then its final lane."""

from __future__ import annotations

from router_ml.allocation.cascades import cascades
from router_ml.offline.outage.decisions import Decided, Floats, Weighing


def calls_of(weighing: Weighing, decided: Decided, weight: Floats) -> dict[str, float]:
    """Calls of each lane per request; of a cascade those of the whole, which its parts have as well.

    Args:
        weight: (k,) of the kinds, sum 1.
    """
    through = decided.shares * weight[:, None]
    calls = through.sum(axis=0)
    for made_of in cascades(weighing.config.lanes):
        each = through[:, made_of.column]
        calls[made_of.draft] += each.sum()
        if made_of.judge is not None:
            calls[made_of.judge] += each.sum()
        calls[made_of.final] += each @ (1 - made_of.accepted(weighing.estimates.belief.quality))
    return dict(zip(weighing.lanes, calls.tolist(), strict=True))
