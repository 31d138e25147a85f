"""The audit log: who changed what, when and why."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import Query, Request
from starlette.responses import Response

from router_ml.contract import audit
from router_ml.errors import InvalidRequestError
from router_ml.serve.asked import Served
from router_ml.serve.console.own import log_of
from router_ml.serve.console.pages import page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import OperatesAll

router = console_router()
ROWS = 50


@router.get("/audit")
def audited(
    request: Request,
    who: OperatesAll,
    gateway: Served,
    kind: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    after: str = "",
) -> Response:
    """Audit events, newest first."""
    from router_ml.storage.views.audited import audit_page

    kinds = sorted(one for group in get_args(audit.AuditKind) for one in get_args(group) or (group,))
    if kind and kind not in kinds:
        raise InvalidRequestError("There is no such kind of event. Choose one of the list.")
    found, following = audit_page(
        log_of(gateway), kinds=[kind] if kind else (), words=q.replace("\x00", ""), after=after or None, limit=ROWS
    )
    return page(request, "audit.html", events=found, after=following, kinds=kinds, kind=kind, q=q, first=not after)
