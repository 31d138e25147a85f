"""Approvals: what waits for a person, what they have to see, and what they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.contract import Approval
from router_ml.errors import InvalidRequestError, ReviewError
from router_ml.execution.reviews.reviews import Suspended
from router_ml.serve.access.caller import Caller
from router_ml.serve.asked import Served
from router_ml.serve.console.forms import Form, why_of
from router_ml.serve.console.own import own_steps, recorded_org, suspended
from router_ml.serve.console.pages import page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import Operates
from router_ml.serve.gateway import Gateway

if TYPE_CHECKING:
    from router_ml.storage.views.about import About

router = console_router()
ROWS = 200
SETTLED = 25
SOON_S = 900
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""What could hide something from whoever decides."""
_DIRECTIONS = dict.fromkeys((0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�")


@dataclass(frozen=True)
class Row:
    """An approval that waits; ``waited``, ``left``: milliseconds; ``soon``: it expires soon; ``about``: what it is of,
    where that is known."""

    step: Approval
    waited: float
    left: float | None
    soon: bool
    about: About | None = None


@router.get("/approvals")
def listed(
    request: Request,
    who: Operates,
    gateway: Served,
    queue: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    after: str = "",
) -> Response:
    """What waits, the first to expire first, and what was decided, newest first, to search in; ``queue``: what waits in
    that one alone."""
    now = datetime.now(UTC)
    waiting = own_steps(gateway, gateway.executor.reviews.pending(now), who)
    queues = sorted(Counter(step.queue for step in waiting if step.queue).items())
    steps = [step for step in waiting if queue in ("", step.queue)]
    known = _about(gateway, steps[:ROWS])
    rows = [replace(_row(step, now), about=known.get(step.approval_id)) for step in steps[:ROWS]]
    shown: dict[str, Any] = {"rows": rows, "waiting": len(steps), "queues": queues, "chosen": queue}
    settled: tuple[Approval, ...] = ()
    following = None
    if gateway.log is not None:
        from router_ml.storage.views.audited import settled as last

        settled, following = last(
            gateway.log, org=recorded_org(who), words=q.replace("\x00", ""), after=after or None, limit=SETTLED
        )
    return page(request, "approvals.html", settled=settled, after=following, q=q, first=not after, **shown)


@router.get("/approvals/{approval_id}")
def one(request: Request, approval_id: str, who: Operates, gateway: Served, done: str = "") -> Response:
    """What waits under an id, as far as it may be seen here, and what became of it."""
    step = _own_step(gateway, approval_id, who)
    said = {"granted": "Granted. Whoever carries requests out takes it from here.", "denied": "Denied."}
    notice = said.get(step.state) if done else None
    return _page(request, gateway, step, notice=notice, notice_kind="good" if step.state == "granted" else "warn")


@router.post("/approvals/{approval_id}/{word}")
def decide(request: Request, approval_id: str, word: str, who: Operates, gateway: Served, fields: Form) -> Response:
    """Grant or deny."""
    if word not in ("grant", "deny"):
        raise HTTPException(404, "An approval can be granted or denied.")
    step = _own_step(gateway, approval_id, who)
    try:
        gateway.executor.reviews.decide(approval_id, word == "grant", who=who.who, why=why_of(fields))
    except (ReviewError, InvalidRequestError) as error:
        step = _own_step(gateway, approval_id, who)
        return _page(request, gateway, step, status=409, notice=str(error), notice_kind="bad")
    return RedirectResponse(f"/console/approvals/{step.approval_id}?done=1", 303)


def _about(gateway: Gateway, steps: Sequence[Approval]) -> dict[str, About]:
    """What approvals are of, by their id; what the log does not have yet is read from what waits."""
    from router_ml.storage.views.about import About, about

    ids = [step.decision_id for step in steps]
    logged = {} if gateway.log is None else about(gateway.log, ids)
    found: dict[str, About] = {}
    for step in steps:
        if step.decision_id in logged:
            found[step.approval_id] = logged[step.decision_id]
        elif (waits := suspended(gateway.executor.reviews, step.approval_id)) is not None:
            said = waits.decision
            org = said.circumstances.org
            found[step.approval_id] = About(org, said.domain.label, said.intent.label, said.risk_tier)
    return found


def _page(request: Request, gateway: Gateway, step: Approval, *, status: int = 200, **values: Any) -> Response:
    waits = suspended(gateway.executor.reviews, step.approval_id)
    known = [] if gateway.log is None else _steps(gateway, step.approval_id)
    shown: dict[str, Any] = {"step": step, "row": _row(step, datetime.now(UTC)), "waits": waits, "steps": known}
    shown |= {"said": () if waits is None else _conversation(waits), "arguments": _arguments(waits)}
    shown["answer"] = None if waits is None or waits.answer is None else shown_whole(waits.answer)
    return page(request, "approval.html", here="approvals", status=status, **shown, **values)


def _own_step(gateway: Gateway, approval_id: str, who: Caller) -> Approval:
    try:
        found = own_steps(gateway, [gateway.executor.reviews.state(approval_id)], who)
    except ReviewError:
        found = []
    if not found:
        raise HTTPException(404, "No such approval is known here. Check the id.")
    return found[0]


def _steps(gateway: Gateway, approval_id: str) -> list[Approval]:
    from router_ml.storage.service.waiting import Waiting

    assert gateway.log is not None
    return Waiting(gateway.log).steps(approval_id)


def _row(step: Approval, now: datetime) -> Row:
    left = None if step.expires_at is None else (step.expires_at - now).total_seconds()
    waited = max((now - step.at).total_seconds(), 0.0)
    return Row(step, waited * 1000, None if left is None else max(left, 0.0) * 1000, left is not None and left < SOON_S)


def _conversation(waits: Suspended) -> list[tuple[str, str]]:
    """Role and text of each message, whole: what is cut off cannot be agreed to."""
    return [(str(message.get("role")), shown_whole(message.get("content"))) for message in waits.messages]


def _arguments(waits: Suspended | None) -> list[tuple[str, str]]:
    """Name and value of each argument of the call that waits; what is no JSON object as it is."""
    if waits is None or waits.tool_request is None:
        return []
    said = waits.tool_request.arguments
    try:
        given = json.loads(said)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return [("arguments", shown_whole(said))]
    return [(shown_whole(name), shown_whole(json.dumps(value, ensure_ascii=False))) for name, value in given.items()]


def shown_whole(said: object) -> str:
    """A text with nothing left out, in which nothing can hide or reorder what is read.

    >>> shown_whole(["a"]), shown_whole("pay\\N{RIGHT-TO-LEFT OVERRIDE}001") == "pay\\N{REPLACEMENT CHARACTER}001"
    ('["a"]', True)
    """
    if said is None:
        return ""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, default=str)
    return text.translate({**_CONTROLS, **_DIRECTIONS})
