"""``GET /v1/decisions/{id}``: a decision, what came of it, and why, for whoever may know."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from router_ml.errors import InvalidRequestError, LogError
from router_ml.execution.story.story import Story, story
from router_ml.execution.story.words import told
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.api.owned import AnyOf, sees, unknown
from router_ml.serve.asked import Served
from router_ml.serve.gateway import Gateway

router = APIRouter(prefix="/v1", tags=["decisions"])
View = Literal["record", "story", "explain"]
Audience = Literal["user", "operator", "auditor"]
Reader = Annotated[Caller, Depends(AnyOf("route", "admin"))]


@router.get("/decisions/{decision_id}")
async def decision(
    decision_id: str,
    caller: Reader,
    gateway: Served,
    view: View = "record",
    audience: Audience = "operator",
) -> Response:
    """A decision: its `record`, its `story` with all that came of it, or an explanation in words.

    `audience` says for whom: a user reads the explanation alone, and none of lanes, prices or rules; what an auditor
    reads takes the scope admin. What was decided moments ago may not be known everywhere: the answer is 404 then, with
    the code `unknown_decision`, and it is worth repeating.
    """
    if audience == "auditor" and not caller.may("admin"):
        raise AccessError(403, "missing_scope", "The key lacks the scope admin, which the view of an auditor takes.")
    if audience == "user" and view != "explain":
        raise InvalidRequestError("A user reads the explanation alone. Ask with view=explain, or for an operator.")
    found = await asyncio.to_thread(_found, gateway, caller, decision_id, view == "record")
    if view == "record":
        return Response(found.decision.to_json(), media_type="application/json")
    return JSONResponse(await asyncio.to_thread(_shown, found, view, audience))


def _found(gateway: Gateway, caller: Caller, decision_id: str, alone: bool) -> Story:
    """The story of a decision, or the decision ``alone``.

    Raises:
        AccessError: it is not known, not the caller's, or no longer here. LogError: the log cannot be read.
    """
    owned = gateway.router.owners([decision_id]).get(decision_id)
    if owned is None or not sees(caller, owned):
        raise unknown()
    if owned.where == "archive":
        raise AccessError(410, "archived", "It was moved to the archive, which router-ml explain --archive reads.")
    if owned.where == "gone":
        raise AccessError(410, "erased", "The decision was erased or has expired. Its place in the chain is left.")
    decided = gateway.router.find(decision_id)
    if decided is None:
        raise unknown()
    log = gateway.log
    if alone or log is None:
        return Story(decided)
    try:
        return story(log, decision_id)
    except LogError:
        if log.decision(decision_id) is None:  # it is in the spool
            return Story(decided)
        raise


def _shown(found: Story, view: View, audience: Audience) -> dict[str, Any]:
    if view == "story":
        return found.to_dict()
    said: dict[str, Any] = {"decision_id": found.decision.decision_id, "audience": audience}
    said["explanation"] = told(found, audience)
    if audience != "user":
        said["nearest_changes"] = [asdict(change) for change in found.decision.nearest_changes().changes]
    return said
