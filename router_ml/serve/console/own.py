"""What is there to show, and whose: the log behind the pages, and records that are the viewer's to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from router_ml.contract import Approval
from router_ml.errors import LogError, ReviewError
from router_ml.execution.reviews.reviews import Reviews, Suspended
from router_ml.execution.story.story import Story, story
from router_ml.ruling.case import organisation
from router_ml.serve.access.caller import Caller
from router_ml.serve.api.owned import sees
from router_ml.serve.gateway import Gateway

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

NOT_THERE = (
    "No such decision is known here, or not yet: what was decided moments ago may still be on its way to the log."
)
GONE = "The decision was erased or has expired. What is left is its place in the log's chain."
ARCHIVED = "The decision was moved to the archive. Read it with router-ml explain ID --archive FOLDER."


def log_of(gateway: Gateway) -> EventLog:
    """The log that the pages show.

    Raises:
        HTTPException: there is none.
    """
    if gateway.log is None:
        raise HTTPException(404, "There is no event log. Start the gateway with --log, or set ROUTER_ML_LOG.")
    return gateway.log


def recorded_org(who: Caller) -> str | None:
    """The organisation of a viewer as decisions record it; None: all."""
    return None if who.org is None else organisation(who.org)


def own_story(gateway: Gateway, decision_id: str, who: Caller) -> Story:
    """The story of a decision that is the viewer's; the decision alone while it is on its way to the log.

    Raises:
        HTTPException: it is not known, not theirs, or no longer here. LogError: the log cannot be read.
    """
    owned = gateway.router.owners([decision_id]).get(decision_id)
    if owned is None or not sees(who, owned):
        raise HTTPException(404, NOT_THERE)
    if owned.where != "here":
        raise HTTPException(410, ARCHIVED if owned.where == "archive" else GONE)
    decided, log = gateway.router.find(decision_id), gateway.log
    if decided is None:
        raise HTTPException(404, NOT_THERE)
    if log is None:
        return Story(decided)
    try:
        return story(log, decision_id)
    except LogError:
        if log.decision(decision_id) is None:  # it is in the spool
            return Story(decided)
        raise


def own_steps(gateway: Gateway, steps: Sequence[Approval], who: Caller) -> list[Approval]:
    """Those steps of approvals that are the viewer's to see."""
    if who.org is None:
        return list(steps)
    owners = gateway.router.owners([step.decision_id for step in steps])
    found = []
    for step in steps:
        owned = owners.get(step.decision_id)
        if owned is None and (waits := suspended(gateway.executor.reviews, step.approval_id)) is not None:
            if waits.decision.circumstances.org == recorded_org(who):  # while nothing is logged
                found.append(step)
        elif sees(who, owned):
            found.append(step)
    return found


def suspended(reviews: Reviews, approval_id: str) -> Suspended | None:
    """What waits under an id; None where that is over."""
    try:
        return reviews.suspended(approval_id)
    except ReviewError:
        return None
