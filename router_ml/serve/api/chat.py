"""``POST /v1/chat/completions``: a request is decided and carried out, in the shape of the OpenAI API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from router_ml.integrations import chats
from router_ml.serve.asked import Body, MayExecute, Served
from router_ml.serve.chat.answer import Answer
from router_ml.serve.chat.call import Call
from router_ml.serve.patience import Deadline

router = APIRouter(prefix="/v1", tags=["chat"])


@router.post("/chat/completions")
async def chat_completions(
    request: Request, body: Body, caller: MayExecute, gateway: Served, deadline_ms: Deadline = None
) -> Response:
    """Answer a conversation: the lane, its fallbacks, tools and checks are those of the decision.

    ``model`` is ``auto``, a traffic class, a lane, or a lane's model. The body is that of the OpenAI API; ``router`` in
    it takes fields of a ``RouteRequest``, and ``router`` in the answer says what was decided and done.
    """
    call = Call.read(chats, body, headers=request.headers, caller=caller, gateway=gateway, decide_ms=deadline_ms)
    return Answer(gateway, call)
