"""Releases: what is served, the versions beside it, and whether the gate would let the challenger in."""

from __future__ import annotations

import shlex
from typing import Any, get_args

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.contract.audit import ReleaseKind
from router_ml.errors import InvalidRequestError
from router_ml.serve.asked import Served
from router_ml.serve.console.forms import Form
from router_ml.serve.console.own import log_of
from router_ml.serve.console.pages import fragment, page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.service import working
from router_ml.serve.console.service.served import arms, model_name, registered, routers, status_of
from router_ml.serve.console.viewer import OperatesAll
from router_ml.serve.gateway import Gateway
from router_ml.storage.views.overview import address_of

router = console_router()
JUDGING = "gate"
EVENTS = 20


@router.get("/releases")
def releases(request: Request, who: OperatesAll, gateway: Served) -> Response:
    """What is served, the versions in the registry, the last verdict that was asked for here, and what happened."""
    job = gateway.background.last(JUDGING)
    shown: dict[str, Any] = {"arms": arms(gateway), "rollout": status_of(gateway), "found": registered(gateway)}
    shown |= {
        "model": model_name(gateway),
        "job": job,
        "verdict": None if job is None else job.result,
        "history": _history(gateway),
    }
    return page(request, "releases.html", commands=_commands(gateway), **shown)


@router.get("/releases/job")
def judging(request: Request, who: OperatesAll, gateway: Served) -> Response:
    """How the verdict that was asked for stands, for the page to refresh."""
    job = gateway.background.last(JUDGING)
    if job is None:
        raise HTTPException(404, "No verdict was asked for here.")
    return fragment(request, "releases_job.html", job=job, verdict=job.result)


@router.post("/releases/judge")
def judge(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """Ask the gate, beside the requests; nothing is changed by it."""
    log_of(gateway)
    version = fields.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10) or model_name(gateway) is None:
        raise InvalidRequestError("Choose a version of the model that is served.")
    if not gateway.background.start(JUDGING, f"version {version}", lambda: _judged(gateway, version)):
        raise InvalidRequestError("Something else is being worked out. Wait until it is done.")
    return RedirectResponse("/console/releases#verdict", 303)


def _judged(gateway: Gateway, version: str) -> Any:
    """The verdict as the page shows it; its own page goes to the folder of reports, where there is one."""
    log, reports = address_of(log_of(gateway)), gateway.settings.reports
    if log is None:
        raise InvalidRequestError("The event log is in memory, where no other process can read it. Give it a file.")
    asked: dict[str, Any] = {"work": "judge", "name": model_name(gateway), "version": version, "log": log}
    asked |= {
        "bundle": working.served_bundle(routers(gateway)[0].bundle),
        "tracking_uri": gateway.settings.tracking_uri,
    }
    return gateway.background.beside(working.COMMAND, {**asked, "reports": None if reports is None else str(reports)})


def _history(gateway: Gateway) -> tuple[Any, ...]:
    if gateway.log is None:
        return ()
    from router_ml.storage.views.audited import audit_page

    return audit_page(gateway.log, kinds=get_args(ReleaseKind), limit=EVENTS)[0]


def _commands(gateway: Gateway) -> list[tuple[str, str]]:
    """What each step of a release is taken with, as its words on a command line."""
    name = model_name(gateway)
    if name is None:
        return []
    rows = registered(gateway).rows
    newest = next((row["version"] for row in rows if "champion" not in row["aliases"]), "N")
    said = ["--version", str(newest), "--who", "YOU", "--why", "WHY", *(["--name", name] if name != "router" else [])]
    back = ["router-ml", "rollback", *said[2:]]
    steps = {"Judge": ["router-ml", "evaluate", "--bundle", f"models:/{name}/{newest}", "--report", "gate.html"]}
    steps |= {word.capitalize(): ["router-ml", word, *said] for word in ("shadow", "canary", "approve", "promote")}
    return [(step, shlex.join(words)) for step, words in {**steps, "Roll back": back}.items()]
