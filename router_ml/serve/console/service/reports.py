"""Reports: HTML files of a folder, each in a frame that may do nothing; and a small simulation on demand."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from router_ml.errors import InvalidRequestError
from router_ml.serve.asked import Served
from router_ml.serve.console.forms import Form
from router_ml.serve.console.pages import fragment, page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.service import working
from router_ml.serve.console.service.served import routers
from router_ml.serve.console.viewer import OperatesAll
from router_ml.serve.gateway import Gateway

router = console_router()
SIMULATING = "simulation"
MOST = 200  # files that are listed
LOOKED_AT = 2_000
REQUESTS = 10_000
POLICIES = ("premium", "oracle")  # beside the champion: each takes as long again
HEAD_BYTES = 4_096
_TITLE = re.compile(r"<title>([^<]{1,200})</title>", re.IGNORECASE)
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
)
"""What a report may do: show itself. It is somebody's file, so no script of it runs and nothing is fetched."""


@dataclass(frozen=True)
class Report:
    """A file by its ``name`` within the folder."""

    name: str
    title: str
    at: datetime
    size: int


@router.get("/reports")
def reports(
    request: Request, who: OperatesAll, gateway: Served, show: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """The reports, newest first, and one of them."""
    folder = gateway.settings.reports
    found = [] if folder is None else listed(folder)
    shown = None
    if show:
        report_file(folder, show)
        shown = next((one for one in found if one.name == show), None)
    values: dict[str, Any] = {"folder": folder, "found": found, "shown": shown, "requests": REQUESTS}
    return page(request, "reports.html", job=gateway.background.last(SIMULATING), scenarios=_scenarios(), **values)


@router.get("/reports/job")
def simulation(request: Request, who: OperatesAll, gateway: Served) -> Response:
    """How the simulation that was asked for stands, for the page to refresh."""
    job = gateway.background.last(SIMULATING)
    return fragment(request, "reports_job.html", job=job, scenarios=_scenarios())


@router.get("/reports/file/{name:path}")
def report(name: str, who: OperatesAll, gateway: Served) -> Response:
    """A report as it is, for the frame."""
    found = report_file(gateway.settings.reports, name)
    return FileResponse(
        found,
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": FRAMED, "cache-control": "no-store"},
    )


@router.post("/reports/simulate")
def simulate(request: Request, who: OperatesAll, gateway: Served, fields: Form) -> Response:
    """Play a scenario of the library with the bundle that is served, beside the requests, and keep its page."""
    folder, scenario = gateway.settings.reports, fields.get("scenario", "")
    if folder is None:
        raise InvalidRequestError("There is no folder of reports. Set ROUTER_ML_SERVE_REPORTS.")
    if scenario not in _scenarios():
        raise InvalidRequestError("There is no such scenario. Choose one of the list.")
    if not gateway.background.start(SIMULATING, scenario, lambda: _simulated(gateway, folder, scenario)):
        raise InvalidRequestError("Something else is being worked out. Wait until it is done.")
    return RedirectResponse("/console/reports", 303)


def listed(folder: Path) -> list[Report]:
    """HTML files below a folder that are really there, newest first."""
    found = []
    for number, path in enumerate(folder.rglob("*.html")):
        if number >= LOOKED_AT:
            break
        name = path.relative_to(folder).as_posix()
        try:
            file = report_file(folder, name)
            said = file.stat()
            title = _title(file) or path.stem
        except (HTTPException, OSError):
            continue
        found.append(Report(name, title, datetime.fromtimestamp(said.st_mtime, UTC), said.st_size))
    return sorted(found, key=lambda one: one.at, reverse=True)[:MOST]


def report_file(folder: Path | None, name: str) -> Path:
    """The file of a report.

    Raises:
        HTTPException: there is none of this name below the folder; a link that leads out of it counts as none.
    """
    try:
        if folder is not None and name.endswith(".html") and "\\" not in name:
            root = folder.resolve()
            found = (root / name).resolve()
            if found.is_relative_to(root) and found.is_file():
                return found
    except (OSError, ValueError):  # names that no file can have
        pass
    raise HTTPException(404, "There is no such report.")


def _title(file: Path) -> str:
    with file.open("rb") as opened:
        found = _TITLE.search(opened.read(HEAD_BYTES).decode("utf-8", "replace"))
    return html.unescape(found[1]).strip() if found else ""


def _scenarios() -> tuple[str, ...]:
    from router_ml.offline.simulation.scenarios.loading import library

    return tuple(library())


def _simulated(gateway: Gateway, folder: Path, scenario: str) -> str:
    bundle = working.served_bundle(routers(gateway)[0].bundle)
    if bundle is None:
        raise InvalidRequestError("What is served has learned nothing, so there is nothing to simulate.")
    asked = {"work": "simulate", "bundle": bundle, "scenario": scenario, "count": REQUESTS, "policies": POLICIES}
    return str(gateway.background.beside(working.COMMAND, {**asked, "reports": str(folder)}))
