"""The page to try: a request is decided as it would be now, without a trace."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.counterfactual.nearest import nearest_changes
from router_ml.errors import InvalidRequestError, RouterError
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.asked import Served
from router_ml.serve.console.charts.cost_quality import cost_quality
from router_ml.serve.console.pages import page
from router_ml.serve.console.preview import echo, picture
from router_ml.serve.console.preview.asking import Typed, choices
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.viewer import Posted, Tries
from router_ml.serve.disclosing import disclosed
from router_ml.serve.problems import said_of

router = console_router()
MOST_WORDS = 12


@router.get("/try")
async def form(request: Request, who: Tries, gateway: Served) -> HTMLResponse:
    """The empty form."""
    return _page(request, who, gateway.router, Typed())


@router.post("/try")
async def tried(request: Request, who: Tries, gateway: Served, form: Posted) -> HTMLResponse:
    """The form with what would be decided."""
    typed = Typed.of(form)
    try:
        asked, seed = typed.request(who), typed.seed
        shown = await gateway.decider.aside(lambda: _shown(gateway.router, asked, seed, who))
    except AccessError as error:
        return _page(request, who, gateway.router, typed, status=error.status, problem=str(error))
    except RouterError as error:
        status, said = said_of(error)
        return _page(request, who, gateway.router, typed, status=status, problem=said["error"]["message"])
    return _page(request, who, gateway.router, typed, shown=shown)


def _page(
    request: Request, who: Caller, by: Router | Rollout, typed: Typed, *, status: int = 200, **values: Any
) -> HTMLResponse:
    offered = choices(by.config)
    return page(request, "try.html", status=status, typed=typed, offered=offered, org=who.org, **{**NOTHING, **values})


NOTHING = {"shown": None, "problem": None}


def _shown(by: Router | Rollout, asked: RouteRequest, seed: int | None, viewer: Caller) -> dict[str, Any]:
    """What is shown of a decision that nobody acts on."""
    decision = disclosed(by.preview(asked, seed=seed), viewer)
    return {
        "decision": decision,
        "said": echo.said(asked, decision.findings),
        "words": _words(by, asked),
        "guesses": picture.guesses(decision),
        "lanes": picture.lane_rows(decision),
        "chart": cost_quality(decision),
        "steps": picture.plan_steps(decision),
        "facts": picture.plan_facts(decision),
        "nearest": _nearest(decision),
        "explained": {who: decision.explain(who) for who in ("user", "operator", "auditor")},
    }


def _words(by: Router | Rollout, asked: RouteRequest) -> tuple[echo.Told, ...]:
    try:
        return echo.told(asked.task, by.attribute(asked, top=MOST_WORDS))
    except InvalidRequestError:  # no learned part
        return ()


def _nearest(decision: RouteDecision) -> list[str]:
    return list(nearest_changes(decision).lines())
