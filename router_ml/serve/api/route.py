"""``POST /v1/route`` and ``/v1/route/batch``: decisions, and nothing carried out."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import PlainTextResponse, Response

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.contract.explanation import Audience
from router_ml.deciding.arguments import numbered
from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import AccessError
from router_ml.serve.access.guard import EXTRA
from router_ml.serve.asked import Body, MayRoute, Served
from router_ml.serve.disclosing import disclosed
from router_ml.serve.headers import of_decision
from router_ml.serve.patience import Deadline, while_there

router = APIRouter(prefix="/v1", tags=["route"])

Explain = Annotated[Audience | None, Query()]
Accept = Annotated[str, Header()]


@router.post("/route")
async def route(
    asked: Request,
    body: Body,
    caller: MayRoute,
    gateway: Served,
    explain: Explain = None,
    deadline_ms: Deadline = None,
    accept: Accept = "*/*",
) -> Response:
    """Decide where a request goes.

    The answer is the decision. With ``explain`` it is ``{"decision": ..., "explanation": ...}``, or the explanation
    alone where ``text/plain`` is accepted. With ``x-router-ml-deadline-ms``, what is not decided by then is decided by
    the rules alone.
    """
    request = RouteRequest.parse(caller.stamped(body))
    decision = await while_there(asked, gateway.decider.decide(request, deadline_ms=deadline_ms))
    return _answer(disclosed(decision, caller), explain, plain=_wants_plain(accept))


@router.post("/route/batch")
async def route_batch(
    request: Request, body: Body, caller: MayRoute, gateway: Served, deadline_ms: Deadline = None
) -> Response:
    """Decide a list of requests, all or none of them: ``{"requests": [...]}`` to ``{"decisions": [...]}``.

    A list has no deadline: a request with ``x-router-ml-deadline-ms`` goes to ``/v1/route``.
    """
    if deadline_ms is not None:
        raise InvalidRequestError("A list has no deadline. Leave x-router-ml-deadline-ms out, or use /v1/route.")
    asked, most = body.get("requests"), gateway.settings.max_list
    if set(body) != {"requests"} or not isinstance(asked, list) or not asked:
        raise InvalidRequestError('Expected an object with "requests", a list of at least one request, and no more.')
    if len(asked) > most:
        raise AccessError(413, "too_many", f"Found {len(asked)} requests, at most {most} are decided in one call.")

    rate = caller.requests_per_minute
    if rate is not None and len(asked) > rate:
        raise InvalidRequestError(
            f"Found {len(asked)} requests, and the key makes at most {rate} a minute, each of them counted. Send fewer."
        )

    def read(one: Any) -> RouteRequest:
        if not isinstance(one, dict):
            raise InvalidRequestError(f"It is a {type(one).__name__}, expected an object.")
        return RouteRequest.parse(caller.stamped(one))

    requests = [numbered(index, read, one) for index, one in enumerate(asked)]
    if len(requests) > 1 and (counted := gateway.limits.readmit(caller, calls=len(requests))) is not None:
        request.scope[EXTRA].update(counted.headers())
    decisions = await while_there(request, gateway.decider.decide_many(requests))
    shown = [disclosed(decision, caller) for decision in decisions]
    return _json(f'{{"decisions":[{",".join(decision.to_json() for decision in shown)}]}}')


def _answer(decision: RouteDecision, explain: Audience | None, *, plain: bool) -> Response:
    headers = of_decision(decision)
    if plain:
        return PlainTextResponse(f"{decision.explain(explain or 'operator')}\n", headers=headers)
    if explain is None:
        return _json(decision.to_json(), headers)
    said = json.dumps(decision.explain(explain))
    return _json(f'{{"decision":{decision.to_json()},"explanation":{said}}}', headers)


def _wants_plain(accept: str) -> bool:
    """Whether the type that is named first is a plain text; names of types have no case."""
    return accept.partition(",")[0].partition(";")[0].strip().lower() == "text/plain"


def _json(text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, media_type="application/json", headers=headers)
