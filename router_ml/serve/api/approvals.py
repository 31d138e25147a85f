"""``/v1/approvals``: what waits for a person, what they say, and going on with it."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from router_ml.contract import Approval
from router_ml.errors import InvalidRequestError, ReviewError
from router_ml.execution.reviews.reviews import Reviews
from router_ml.integrations.answering import body as answered
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.access.words import checked_why
from router_ml.serve.api.owned import AnyOf, sees
from router_ml.serve.asked import Body, MayAdmin, MayExecute, Served
from router_ml.serve.chat.headers import of_completion
from router_ml.serve.gateway import Gateway
from router_ml.storage.views.owners import Owned

MOST = 200
router = APIRouter(prefix="/v1", tags=["approvals"])
Looker = Annotated[Caller, Depends(AnyOf("admin", "execute"))]


@router.get("/approvals")
async def pending(caller: MayAdmin, gateway: Served) -> Response:
    """What waits for a person, at most 200, the first to expire first."""
    found = await asyncio.to_thread(_pending, gateway, caller)
    shown = [step.model_dump(mode="json") for step in found[:MOST]]
    return JSONResponse({"approvals": shown, "more": len(found) > MOST})


@router.get("/approvals/{approval_id}")
async def approval(approval_id: str, caller: Looker, gateway: Served) -> Response:
    """How an approval stands; with the scope admin also what waits for it, as far as it may be seen here."""
    return JSONResponse(await asyncio.to_thread(_seen, gateway, caller, approval_id))


@router.post("/approvals/{approval_id}/grant")
async def grant(approval_id: str, body: Body, caller: MayAdmin, gateway: Served) -> Response:
    """Let it go on. It says who and why in the log; whoever carries requests out takes it from there."""
    return await _decide(gateway, caller, approval_id, body, granted=True)


@router.post("/approvals/{approval_id}/deny")
async def deny(approval_id: str, body: Body, caller: MayAdmin, gateway: Served) -> Response:
    """Let it not go on, and delete what waited."""
    return await _decide(gateway, caller, approval_id, body, granted=False)


@router.post("/approvals/{approval_id}/resume")
async def resume(approval_id: str, caller: MayExecute, gateway: Served) -> Response:
    """Go on with what was decided, and answer as `/v1/chat/completions` does; it goes on once."""
    await asyncio.to_thread(_state, gateway, caller, approval_id)
    spent = partial(gateway.limits.spent, caller)
    done = await gateway.executor.aresume(approval_id, on_spent=spent)
    return JSONResponse(answered(done), headers=of_completion(done))


async def _decide(
    gateway: Gateway, caller: Caller, approval_id: str, given: dict[str, Any], *, granted: bool
) -> Response:
    why = given.get("why")
    if set(given) != {"why"} or not isinstance(why, str):
        raise InvalidRequestError("Expected an object with 'why', a text, and nothing else: it is kept in the log.")
    why = checked_why(why)

    def do() -> Approval:
        _state(gateway, caller, approval_id)
        return _reviews(gateway).decide(approval_id, granted, who=caller.who, why=why)

    return JSONResponse((await asyncio.to_thread(do)).model_dump(mode="json"))


def _reviews(gateway: Gateway) -> Reviews:
    return gateway.executor.reviews


def _state(gateway: Gateway, caller: Caller, approval_id: str) -> Approval:
    """The last step of an approval of the caller's.

    Raises:
        AccessError: there is none. LogError: the log cannot be read.
    """
    try:
        last = _reviews(gateway).state(approval_id)
    except ReviewError:
        raise _unknown() from None
    if not sees(caller, _owners(gateway, [last]).get(last.decision_id)):
        raise _unknown()
    return last


def _seen(gateway: Gateway, caller: Caller, approval_id: str) -> dict[str, Any]:
    said: dict[str, Any] = {"approval": _state(gateway, caller, approval_id).model_dump(mode="json")}
    if caller.may("admin"):
        try:
            said["waits"] = json.loads(_reviews(gateway).suspended(approval_id).to_json())
        except ReviewError:  # it is over
            said["waits"] = None
    return said


def _pending(gateway: Gateway, caller: Caller) -> list[Approval]:
    found = _reviews(gateway).pending()
    if caller.org is None:
        return found
    owners = _owners(gateway, found)
    return [step for step in found if sees(caller, owners.get(step.decision_id))]


def _owners(gateway: Gateway, steps: list[Approval]) -> dict[str, Owned]:
    """Whose the decisions of approvals are; where nothing is logged, what waits in memory says so."""
    known = gateway.router.owners([step.decision_id for step in steps])
    for step in steps:
        if step.decision_id not in known:
            try:
                waits = _reviews(gateway).suspended(step.approval_id)
            except ReviewError:
                continue
            known[step.decision_id] = Owned(waits.decision.circumstances.org)
    return known


def _unknown() -> AccessError:
    return AccessError(404, "unknown_approval", "No such approval is known here. Check the id.")
