"""``GET /v1/decisions`` and ``/v1/decisions/{id}``: what was decided, what came of it and why, for whoever may know."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from router_ml.errors import InvalidRequestError, LogError
from router_ml.execution.story.story import Story, story
from router_ml.execution.story.words import told
from router_ml.ruling.case import organisation
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.access.entering import must_have
from router_ml.serve.api.owned import AnyOf, sees, unknown
from router_ml.serve.asked import MayAdmin, Served
from router_ml.serve.disclosing import disclosed
from router_ml.serve.gateway import Gateway
from router_ml.storage.views.browsing import browse
from router_ml.storage.views.looked_for import NAMES, LookedFor

router = APIRouter(prefix="/v1", tags=["decisions"])
View = Literal["record", "story", "explain"]
Audience = Literal["user", "operator", "auditor"]
Reader = Annotated[Caller, Depends(AnyOf("route", "admin"))]


_WORDS = {
    "id": "what their id begins with",
    "class": "the traffic class",
    "lane": "planned, or that answered",
    "ended": "how an execution ended",
    "below": "some rating is lower",
    "fallback": "another lane than the planned one answered: yes or no",
    "since": "from then on: ISO 8601, or 90m, 2h, 7d, 4w ago",
    "until": "before then",
    "cursor": "`next` of the page before",
    "limit": "1 to 200, by default 50",
}
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}, "description": _WORDS.get(name, name)}
    for name in (*NAMES, "cursor", "limit")
]


@router.get("/decisions", openapi_extra={"parameters": _PARAMETERS})
async def decisions(request: Request, caller: MayAdmin, gateway: Served) -> Response:
    """Decisions that are in the log, the newest first, each in a line. Takes the scope admin.

    `next` is the cursor of the page after, null where there is none. A page that took too long to fill is shorter:
    `looked_to` says how far back it looked, and `next` goes on from there.
    """
    said = dict(request.query_params)
    after, limit = said.pop("cursor", None), _number(said.pop("limit", "50"))
    wanted = LookedFor.read(said, now=datetime.now(UTC))
    org = wanted.org if caller.org is None else caller.org
    wanted = replace(wanted, org=None if org is None else organisation(org))
    if gateway.log is None:
        raise AccessError(404, "no_log", "Nothing is logged here, so there is nothing to look through.")
    page = await asyncio.to_thread(browse, gateway.log, wanted, after=after, limit=limit)
    rows = [{**asdict(row), "at": row.at.isoformat()} for row in page.rows]
    looked_to = None if page.looked_to is None else page.looked_to.isoformat()
    return JSONResponse({"decisions": rows, "next": page.after, "looked_to": looked_to})


@router.get("/decisions/{decision_id:path}")  # an id that a caller of the library chose may hold a slash
async def decision(
    decision_id: str,
    caller: Reader,
    gateway: Served,
    view: View = "record",
    audience: Audience = "operator",
) -> Response:
    """A decision: its `record`, its `story` with all that came of it, or an explanation in words.

    `audience` says for whom: a user reads the explanation alone, and none of lanes, prices or rules; what an auditor
    reads, and the story, take the scope admin. What was decided moments ago may not be known everywhere: the answer is
    404 then, with the code `unknown_decision`, and it is worth repeating.
    """
    if audience == "auditor" and not caller.may("admin"):
        raise AccessError(403, "missing_scope", "The key lacks the scope admin, which the view of an auditor takes.")
    if view == "story":
        must_have(caller, "admin")
    if audience == "user" and view != "explain":
        raise InvalidRequestError("A user reads the explanation alone. Ask with view=explain, or for an operator.")
    found = await asyncio.to_thread(_found, gateway, caller, decision_id, view == "record")
    found = replace(found, decision=disclosed(found.decision, caller))
    if view == "record":
        return Response(found.decision.to_json(), media_type="application/json")
    return JSONResponse(await asyncio.to_thread(_shown, found, view, audience))


def _number(word: str) -> int:
    if len(word) > 3 or not (word.isascii() and word.isdigit()):
        raise InvalidRequestError("limit: expected a whole number from 1 to 200.")
    return int(word)


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
