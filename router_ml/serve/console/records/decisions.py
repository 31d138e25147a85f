"""Decisions: a list to search in, and the whole story of one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.responses import Response

from router_ml.contract.explanation import Audience
from router_ml.errors import InvalidRequestError
from router_ml.execution.story.words import told
from router_ml.serve.asked import Served
from router_ml.serve.console.charts.cost_quality import cost_quality
from router_ml.serve.console.forms import Form
from router_ml.serve.console.own import log_of, own_story, recorded_org
from router_ml.serve.console.pages import page
from router_ml.serve.console.records.replaying import replayed
from router_ml.serve.console.records.search import EXAMPLES, looked_for
from router_ml.serve.console.records.timeline import moments, runs_of
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import Operates
from router_ml.serve.disclosing import disclosed

if TYPE_CHECKING:
    from router_ml.execution.story.story import Story
    from router_ml.serve.gateway import Gateway

router = console_router()
ROWS = 50
AUDIENCES: tuple[Audience, ...] = ("operator", "user", "auditor")
PROBABLE = 5  # labels shown of each head


@router.get("/decisions")
def listed(request: Request, who: Operates, gateway: Served, q: str = "", after: str = "") -> Response:
    """Decisions that a query finds, newest first."""
    from router_ml.storage.views.browsing import Page, browse
    from router_ml.storage.views.looked_for import NAMES

    log, found, problem = log_of(gateway), Page(()), None
    try:
        wanted = looked_for(q, org=recorded_org(who), now=datetime.now(UTC))
        found = browse(log, wanted, after=after or None, limit=ROWS)
    except InvalidRequestError as error:
        problem = str(error)
    shown: dict[str, Any] = {"rows": found.rows, "after": found.after, "looked_to": found.looked_to, "first": not after}
    return page(
        request,
        "decisions.html",
        q=q,
        problem=problem,
        examples=EXAMPLES,
        names=NAMES,
        **shown,
        status=_status(problem),
    )


@router.get("/decisions/{decision_id:path}")  # callers may choose ids, also with a slash
def one(request: Request, decision_id: str, who: Operates, gateway: Served) -> Response:
    """The whole story of a decision."""
    found = own_story(gateway, decision_id, who)
    return _story_page(request, replace(found, decision=disclosed(found.decision, who)), gateway)


@router.post("/decisions/{decision_id:path}/replay")
def replay(request: Request, decision_id: str, who: Operates, gateway: Served, fields: Form) -> Response:
    """Make a decision again from what was recorded, and say whether it comes out the same; nothing is written."""
    found = own_story(gateway, decision_id, who)
    again = replayed(gateway, found.decision)
    return _story_page(request, replace(found, decision=disclosed(found.decision, who)), gateway, again=again)


def _status(problem: str | None) -> int:
    return 200 if problem is None else 400


def _story_page(request: Request, found: Story, gateway: Gateway, **values: Any) -> Response:
    from router_ml.storage.proof.chained import places

    decision = found.decision
    heads = {"intent": decision.intent, "domain": decision.domain, "mode": decision.mode}
    shown: dict[str, Any] = {
        "told": [(audience, told(found, audience)) for audience in AUDIENCES],
        "labels": {name: _likeliest(label.probabilities) for name, label in heads.items()},
        "chart": cost_quality(decision),
        "moments": moments(found),
        "runs": runs_of(found),
        "places": [] if gateway.log is None else places(gateway.log, decision.decision_id),
        "record": json.dumps(found.to_dict(), indent=2, ensure_ascii=False),
        "again": None,
        **values,
    }
    return page(request, "decision.html", here="decisions", story=found, decision=decision, **shown)


def _likeliest(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(probabilities.items(), key=lambda pair: -pair[1])[:PROBABLE]
