"""What is there to show, and whose: the log behind the pages, and decisions that are the viewer's to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from router_ml.guardrails.views import normalize
from router_ml.serve.access.caller import Caller
from router_ml.serve.gateway import Gateway

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

NOT_THERE = "The event log holds no such decision that you may see. It may still be on its way there, or be gone."


def log_of(gateway: Gateway) -> EventLog:
    """The log that the pages show.

    Raises:
        HTTPException: there is none.
    """
    if gateway.log is None:
        raise HTTPException(404, "There is no event log. Start the gateway with --log, or set ROUTER_ML_LOG.")
    return gateway.log


def recorded_org(who: Caller) -> str | None:
    """The organisation of a viewer as decisions record it, without case and disguise; None: all.

    >>> recorded_org(Caller("k1", "Ann", frozenset(), " ACME "))
    'acme'
    """
    return None if who.org is None else normalize(who.org).strip().casefold()


def check_own(log: EventLog, decision_id: str, who: Caller) -> None:
    """See to it that a decision is the viewer's to see.

    Raises:
        HTTPException: it is not, or nobody knows whose it is.
    """
    from router_ml.storage.browsing import org_of

    own, found = recorded_org(who), org_of(log, decision_id)
    if own is not None and found != (own,):
        raise HTTPException(404, NOT_THERE)
