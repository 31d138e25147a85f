"""What a caller is shown of why places are down: that they are, and not which switch, drill or machine said so.

The log keeps the whole; whoever administers the service for all organisations is shown it.
"""

from __future__ import annotations

import re

from router_ml.contract import RouteDecision
from router_ml.serve.access.caller import Caller

_WHY = re.compile(r"(?P<before>(?:^|counts as )down)(?:: |, )(?P<why>.*)", re.DOTALL)
_KEPT = ("switched off", "drill")


def disclosed(decision: RouteDecision, caller: Caller) -> RouteDecision:
    """A decision as a caller may see it."""
    if not decision.state.lane_health or operates_all(caller):
        return decision
    health = {place: _plain(why) for place, why in decision.state.lane_health.items()}
    excluded = {lane: tuple(map(_reason, reasons)) for lane, reasons in decision.excluded.items()}
    state = decision.state.model_copy(update={"lane_health": health})
    return decision.model_copy(update={"state": state, "excluded": excluded})


def operates_all(caller: Caller) -> bool:
    """Whether a caller looks after the service for everybody."""
    return caller.org is None and caller.may("admin")


def _reason(reason: str) -> str:
    return _plain(reason) if reason.startswith("health: ") else reason


def _plain(said: str) -> str:
    """
    >>> _plain("down: switched off, aud_1"), _plain("down: heard from host-1")
    ('down: switched off', 'down')
    >>> _plain("health: provider acme counts as down, switched off, aud_1")
    'health: provider acme counts as down, switched off'
    """
    found = _WHY.search(said)
    if found is None:
        return said
    kept = next((word for word in _KEPT if found["why"].startswith(word)), None)
    between = said[found.end("before") : found.start("why")]
    return said[: found.end("before")] + (f"{between}{kept}" if kept else "")
