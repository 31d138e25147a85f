"""Releases: what is served, the versions beside it, and whether the gate would let the challenger in."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from router_ml.contract.audit import ReleaseKind
from router_ml.errors import InvalidRequestError
from router_ml.serve.asked import Served
from router_ml.serve.background import Job
from router_ml.serve.console.forms import Form
from router_ml.serve.console.own import log_of
from router_ml.serve.console.pages import fragment, page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.service.served import arms, model_name, registered, routers, status_of
from router_ml.serve.console.viewer import OperatesAll
from router_ml.serve.gateway import Gateway

if TYPE_CHECKING:
    from router_ml.offline.gate import Verdict
    from router_ml.storage.bundle import Bundle

router = console_router()
JUDGING = "gate"
EVENTS = 20
PARTS = 8  # of the traffic, the worst first


@router.get("/releases")
def releases(request: Request, who: OperatesAll, gateway: Served) -> Response:
    """What is served, the versions in the registry, the last verdict that was asked for here, and what happened."""
    job = gateway.background.last(JUDGING)
    shown: dict[str, Any] = {"arms": arms(gateway), "rollout": status_of(gateway), "found": registered(gateway)}
    shown |= {"model": model_name(gateway), "job": job, "verdict": _shown(job), "history": _history(gateway)}
    return page(request, "releases.html", commands=_commands(gateway), **shown)


@router.get("/releases/job")
def judging(request: Request, who: OperatesAll, gateway: Served) -> Response:
    """How the verdict that was asked for stands, for the page to refresh."""
    job = gateway.background.last(JUDGING)
    if job is None:
        raise HTTPException(404, "No verdict was asked for here.")
    return fragment(request, "releases_job.html", job=job, verdict=_shown(job))


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


def _judged(gateway: Gateway, version: str) -> Verdict:
    """The verdict; its page goes to the folder of reports, where there is one."""
    from router_ml.offline.gate import evaluate
    from router_ml.offline.gate_report import write_report

    name = model_name(gateway)
    found = evaluate(_opened(gateway, f"models:/{name}/{version}"), routers(gateway)[0].bundle, log_of(gateway))
    if (folder := gateway.settings.reports) is not None:
        write_report(found, folder / f"gate-{name}-{version}-{datetime.now(UTC):%Y%m%dT%H%M%S}.html")
    return found


def _opened(gateway: Gateway, uri: str) -> Bundle:
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.registry import fetch

    return Bundle.load(fetch(uri, tracking_uri=gateway.settings.tracking_uri)[0])


def _shown(job: Job | None) -> dict[str, Any] | None:
    """A verdict as the page shows it; None where there is none."""
    if job is None or job.result is None:
        return None
    from router_ml.offline.gate_words import STATES, differences, headline, left_out

    found: Verdict = job.result
    kinds = {True: "good", None: "unknown", False: "bad"}
    return {
        "word": found.verdict,
        "headline": headline(found),
        "checks": [(check, STATES[check.passed], kinds[check.passed]) for check in found.checks],
        "differences": list(differences(found)),
        "slices": found.slices[:PARTS],
        "notes": [note for note in (left_out(found), *found.notes) if note],
    }


def _history(gateway: Gateway) -> tuple[Any, ...]:
    if gateway.log is None:
        return ()
    from router_ml.storage.audited import audit_page

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
