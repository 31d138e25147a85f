"""Pages: who sees which, how a template becomes an answer, and the files that they load."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from router_ml.serve.access.caller import NOBODY, Caller, Scope
from router_ml.serve.console.words import FILTERS

HERE = Path(__file__).parent
SHEETS = ("console.css", "charts.css", "try.css", "live.css", "pages.css")


@dataclass(frozen=True)
class Page:
    """``letter``: after ``g``, opens it. ``scope``: that a key needs, None: route or admin. ``whole``: only for keys of
    all organisations."""

    name: str
    title: str
    letter: str
    scope: Scope | None = "admin"
    whole: bool = False
    starts_group: bool = False

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/console/{self.name}"

    @property
    def icon(self) -> str:
        """The drawing beside its title."""
        return self.name

    def open_to(self, caller: Caller) -> bool:
        """Whether someone finds it among the pages."""
        fits = caller.may(self.scope) if self.scope is not None else caller.may("route") or caller.may("admin")
        return fits and not (self.whole and caller.org is not None)


NAVIGATION = (
    Page("try", "Try", "t", scope="route"),
    Page("live", "Live", "l", scope=None),
    Page("decisions", "Decisions", "d"),
    Page("approvals", "Approvals", "a"),
    Page("releases", "Releases", "r", whole=True, starts_group=True),
    Page("reports", "Reports", "p", whole=True),
    Page("access", "Keys", "k", starts_group=True),
    Page("switches", "Switches", "s", whole=True),
    Page("audit", "Audit", "u", whole=True),
)
BY_NAME = {one.name: one for one in NAVIGATION}

router = APIRouter(prefix="/console", include_in_schema=False)


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """What pages load: name -> content and the hash that is part of its address."""
    found = {path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir()) if path.is_file()}
    return {name: (content, hashlib.sha256(content).hexdigest()[:16]) for name, content in found.items()}


def static(name: str) -> str:
    """The address of a file, which changes with its content."""
    return f"/console/static/{files()[name][1]}/{name}"


@router.get("/static/{digest}/{name}")
async def static_file(digest: str, name: str) -> Response:
    """A file, to be kept for good if it is the one that was asked for; another release may ask for another."""
    if name not in files():
        raise HTTPException(404, "No such file.")
    content, current = files()[name]
    kept = "public, max-age=31536000, immutable" if digest == current else "no-store"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers={"cache-control": kept})


@cache
def templates() -> jinja2.Environment:
    """The templates: everything that is put into them is escaped, and what is missing is an error."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(FILTERS)
    found.globals.update(static=static, sheets=[name for name in SHEETS if name in files()])
    return found


def fragment(request: Request, name: str, **values: Any) -> HTMLResponse:
    """A part of a page, for one that refreshes itself."""
    shown: dict[str, Any] = {"viewer": _viewer(request), "csrf": _csrf(request), **values}
    return HTMLResponse(templates().get_template(name).render(shown), headers={"cache-control": "no-store"})


def page(request: Request, name: str, *, here: str = "", status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page: ``page(request, "decisions.html", decisions=found)``.

    Args:
        name: of the template; up to the first ``_`` or ``.`` it is the page that is marked in the navigation.
        here: that page, where the template is named otherwise.
        values: for the template, with ``notice`` and ``notice_kind`` (good, warn, bad) for what just happened.
    """
    caller = _viewer(request)
    marked = BY_NAME.get(here or name.partition(".")[0].partition("_")[0])
    shown: dict[str, Any] = {
        "here": marked,
        "viewer": caller,
        "csrf": _csrf(request),
        "has_session": caller is not NOBODY,
        "navigation": [one for one in NAVIGATION if one.open_to(caller)],
        "notice": None,
        "notice_kind": None,
        **values,
    }
    return HTMLResponse(templates().get_template(name).render(shown), status, {"cache-control": "no-store"})


def _viewer(request: Request) -> Caller:
    """Who ``viewer`` found; a page that asked for nobody (a login) has none to show."""
    found: Caller = getattr(request.state, "viewer", NOBODY)
    return found


def _csrf(request: Request) -> str:
    found: str = getattr(request.state, "csrf", "")
    return found
