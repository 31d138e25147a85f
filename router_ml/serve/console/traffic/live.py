"""The live page: what happens now, of the organisation of whoever looks, or of all."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse

from router_ml.errors import InvalidRequestError, LogError
from router_ml.ruling.case import organisation
from router_ml.serve.access.caller import Caller
from router_ml.serve.asked import Served
from router_ml.serve.console.charts.frame import colours
from router_ml.serve.console.charts.series import shares, stacked
from router_ml.serve.console.pages import fragment, page
from router_ml.serve.console.routes import console_router
from router_ml.serve.console.traffic import standing, traffic
from router_ml.serve.console.traffic.drifting import Drift, Drifting
from router_ml.serve.console.traffic.traffic import NO_LANE, WINDOWS, Window
from router_ml.serve.console.traffic.watching import Answers, Slices, utc_now
from router_ml.serve.console.viewer import Sees
from router_ml.serve.disclosing import operates_all
from router_ml.serve.gateway import Gateway
from router_ml.serve.problems import said_of
from router_ml.state.drills import running_drill
from router_ml.storage.views import overview

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

router = console_router()
COUNTING_S = 0.1  # of a request, for each of decisions and ratings
EVERY_S = 5


class Watched:
    """What pages of one worker have counted."""

    def __init__(self) -> None:
        self.slices, self.answers, self.drifting = Slices(), Answers(), Drifting()


def install(app: FastAPI) -> None:
    """Make a place for what is counted."""
    app.state.watched = Watched()


@router.get("/live")
async def live(request: Request, who: Sees, gateway: Served, window: str = "1h", org: str = "") -> HTMLResponse:
    """The whole page."""
    return page(request, "live.html", **await _values(request, who, gateway, window, org))


@router.get("/live/fragment")
async def live_fragment(
    request: Request, who: Sees, gateway: Served, window: str = "1h", org: str = ""
) -> HTMLResponse:
    """What refreshes itself of it."""
    return fragment(request, "live_shown.html", **await _values(request, who, gateway, window, org))


async def _values(request: Request, who: Caller, gateway: Gateway, window: str, org: str) -> dict[str, Any]:
    chosen = next((one for one in WINDOWS if one.name == window), None)
    if chosen is None:
        raise InvalidRequestError(f"There is no such window. Choose {', '.join(one.name for one in WINDOWS)}.")
    of = organisation(who.org if who.org is not None else org.strip() or None)
    watched: Watched = request.app.state.watched
    seen = await asyncio.to_thread(_seen, watched, gateway, chosen, of)
    whole = who.org is None and of is None
    if not operates_all(who):  # what the service does inside is for those who look after it
        seen = {**seen, "seen": seen["seen"] and {**seen["seen"], "drill": None}}
    return {
        **seen,
        "window": chosen,
        "windows": WINDOWS,
        "of": of,
        "whole": whole,
        "every": EVERY_S,
        "spent": standing.spending(gateway.router, utc_now()) if whole else None,
        "lanes_standing": standing.lanes_standing(gateway.router, whole=operates_all(who)),
        "opens_switches": operates_all(who),
        "processes": standing.processes(gateway) if whole and who.may("admin") else (),
        "drift": _drift(watched, gateway, of) if who.may("admin") else None,
    }


def _drift(watched: Watched, gateway: Gateway, org: str | None) -> Drift | None:
    """What is known of drift; None where no other process can read the log."""
    url = None if gateway.log is None else overview.address_of(gateway.log)
    return None if url is None else watched.drifting.of(url, org)


def _seen(watched: Watched, gateway: Gateway, window: Window, org: str | None) -> dict[str, Any]:
    """What the log says, or why it says nothing."""
    log = gateway.log
    if log is None:
        return {"seen": None, "silent": "No event log is configured, so nothing is counted. Name one with --log."}
    try:
        seen = watched.answers.of((window.name, org), lambda: _look(watched, gateway, log, window, org))
    except LogError as error:
        return {"seen": None, "silent": said_of(error)[1]["error"]["message"]}
    return {"seen": seen, "silent": None}


def _look(watched: Watched, gateway: Gateway, log: EventLog, window: Window, org: str | None) -> dict[str, Any]:
    now = utc_now()
    start = now - window.length
    decided = watched.slices.count(
        ("decided", window.name, org),
        lambda begin, end: overview.decided(log, begin, end, grain=window.grain, org=org),
        start=start,
        end=now,
        step=window.step,
        seconds=COUNTING_S,
    )
    rated = watched.slices.count(
        ("rated", org),
        lambda begin, end: overview.rated(log, begin, end, org=org),
        start=start,
        end=now,
        step=timedelta(hours=1),
        seconds=COUNTING_S,
    )
    groups = [group for part in decided.found for group in part]
    ratings = {rating.decision_id: rating for part in reversed(rated.found) for rating in part}
    ran = overview.executed(log, start, org=org)
    total = sum(group.count for group in groups)
    return _pictured(gateway, groups, list(ratings.values()), ran) | {
        "total": total,
        "unheard": not total and org is not None and not overview.heard_of(log, org),
        "actions": _actions(groups, overview.unanswered(log, start, org=org)),
        "since": decided.since,
        "counted_whole": decided.whole and rated.whole,
        "rated_count": len(ratings),
        "at": now,
        "drill": running_drill(log, now),
        "chart": _chart(groups, decided.since, now, window, look=colours(_order(gateway))),
    }


def _pictured(
    gateway: Gateway, groups: list[overview.Group], ratings: list[overview.Rating], ran: list[overview.Ran]
) -> dict[str, Any]:
    look = colours(_order(gateway))
    lanes = traffic.lane_shares(groups, ran)
    cells = traffic.cells(groups, ratings, gateway.router.config.traffic_classes)
    names = ", ".join(f"{one.lane} {one.share:.0%}" for one in lanes)
    return {
        "lanes": lanes,
        "look": look,
        "shares": shares({one.lane: one.share for one in lanes}, _looks(look, lanes), name=f"Shares: {names}"),
        "classes": traffic.counted(groups, lambda group: group.traffic_class),
        "tiers": traffic.counted(groups, lambda group: group.risk_tier),
        "explored": sum(group.count for group in groups if group.explored),
        "ran": traffic.executions(ran),
        "cells": cells[: traffic.MOST_CELLS],
        "cells_left": max(len(cells) - traffic.MOST_CELLS, 0),
        "below": sum(cell.standing == "below" for cell in cells),
        "rated_cells": sum(cell.mean is not None for cell in cells),
    }


def _order(gateway: Gateway) -> list[str]:
    """Lanes as configured, so that each keeps its colour whatever its share."""
    return [*gateway.router.config.lanes, NO_LANE]


def _looks(look: dict[str, str], lanes: list[traffic.LaneShare]) -> dict[str, str]:
    """Classes of lanes; those that are no longer configured look like the last one."""
    return {one.lane: _look_of(look, one.lane) for one in lanes}


def _look_of(look: dict[str, str], lane: str) -> str:
    return "none" if lane == NO_LANE else look.get(lane, "c7")


def _actions(groups: list[overview.Group], without: Counter[str]) -> list[tuple[str, int, bool]]:
    """Action, count, and whether the count is worked out from a part of those that went to no lane."""
    routed = sum(group.count for group in groups if group.lane is not None)
    total, known = sum(group.count for group in groups if group.lane is None), sum(without.values())
    found = [("route", routed, False)]
    if known:
        found += [(action, round(total * count / known), known < total) for action, count in without.most_common()]
    return [one for one in found if one[1]]


def _chart(
    groups: list[overview.Group], since: datetime, now: datetime, window: Window, *, look: dict[str, str]
) -> Any:
    begins, counts = traffic.by_bucket(groups, since, now, window.grain)
    per_minute = 60 / overview.SECONDS[window.grain]
    rates = {lane: [value * per_minute for value in values] for lane, values in counts.items()}
    clock = "%a %H:%M" if window.length > timedelta(days=1) else "%H:%M"
    return stacked(
        [f"{at:{clock}}" for at in begins],
        rates,
        {lane: _look_of(look, lane) for lane in rates},
        name=f"Requests per minute by lane over the last {window.words}, in UTC",
        unit="requests per minute",
    )
