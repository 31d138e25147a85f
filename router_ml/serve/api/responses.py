"""``POST /v1/responses``: a request is decided and carried out, in the shape of OpenAI's Responses API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from router_ml.integrations import responses as responses_api
from router_ml.serve.asked import Body, MayExecute, Served
from router_ml.serve.chat.answer import Answer
from router_ml.serve.chat.call import Call
from router_ml.serve.patience import Deadline

router = APIRouter(prefix="/v1", tags=["chat"])


@router.post("/responses")
async def responses(
    request: Request, body: Body, caller: MayExecute, gateway: Served, deadline_ms: Deadline = None
) -> Response:
    """Answer ``input``: a text, or the items of a conversation. See ``/v1/chat/completions``.

    No responses are kept: ``store``, ``previous_response_id``, ``conversation`` and ``background`` are refused.
    """
    call = Call.read(
        responses_api, body, headers=request.headers, caller=caller, gateway=gateway, decide_ms=deadline_ms
    )
    return Answer(gateway, call)
