"""``router-ml outage``: if a vendor went dark, what would happen; and a drill of it on a share of sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.cli.inputs import Log, event_log, moment
from router_ml.cli.output import AsJson, Model, render, write, write_json
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError, OfflineDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router_ml.contract import RouteDecision
    from router_ml.offline.outage import Demand
    from router_ml.offline.outage.report import OutageReport
    from router_ml.offline.simulation.traffic.kinds import Kinds
    from router_ml.storage.bundle import Bundle

_SHAPE = "vendor_outage_48h"  # of the traffic, where nobody says more
_UNASKED = 0.2  # share of sessions that a drill takes without --yes


def outage(  # noqa: PLR0913 - a command line has as many options as it has
    place: Annotated[
        str | None, typer.Argument(help="A provider, failure domain, lane, region:NAME, or all providers by one.")
    ] = None,
    *,
    hours: Annotated[float, typer.Option(help="How long it is dark.")] = 48.0,
    at_hour: Annotated[
        float | None, typer.Option(help="When it begins, in hours of the traffic; default: when it hurts most.")
    ] = None,
    requests: Annotated[Path | None, typer.Option(help="Requests, one JSON a line; default: those that ship.")] = None,
    pack: Annotated[Path | None, typer.Option(help="An outcome pack: quality and cost are measured then.")] = None,
    log: Log = None,
    since: Annotated[
        str | None, typer.Option(help="Of --log, decisions from this day or time on; default: its last 30 days.")
    ] = None,
    per_day: Annotated[float | None, typer.Option(help="Requests a day; default: as logged, else assumed.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that serve, each with its own breakers.")] = 1,
    model: Model = None,
    config: Annotated[Path | None, typer.Option(help="A router.yaml that replaces the bundle's.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of HTML for people to this file.")] = None,
    drill: Annotated[
        float | None,
        typer.Option(help="Do it: it counts as down for this share of sessions of running routers."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=f"Drill more than {_UNASKED:.0%} of sessions.")] = False,
    minutes: Annotated[float, typer.Option(help="Of the drill, after which it ends by itself.")] = 15.0,
    who: Annotated[str | None, typer.Option(help="Who drills.")] = None,
    why: Annotated[str | None, typer.Option(help="And why.")] = None,
    even_if_it_stops: Annotated[bool, typer.Option(help="Drill although some requests are left no lane.")] = False,
    even_if_rules_differ: Annotated[
        bool, typer.Option(help="Drill although routers on the log decide by other rules than these.")
    ] = False,
    end_drill: Annotated[str | None, typer.Option(help="End this drill now.")] = None,
    drill_report: Annotated[str | None, typer.Option(help="What a drill showed, by its id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the product would do if a vendor went dark: which classes go on, where, at which cost and quality; which
    stop, and why. With --drill, do it to a share of sessions; with --drill-report, see how they fared."""
    if end_drill is not None or drill_report is not None:
        from router_ml.cli.drill import end, report

        if end_drill is not None:
            end(end_drill, log=log, said=(who, why), as_json=as_json)
        if drill_report is not None:
            report(drill_report, log=log, as_json=as_json)
        return
    if place is None:
        raise InvalidRequestError("Say what goes dark: a provider, a failure domain, a lane, region:NAME, or all.")
    if drill is not None and (place == "all" or not who or not why):
        raise InvalidRequestError("A drill is of one place, and is kept in the audit log: say --who and --why.")
    if drill is not None and _UNASKED < drill <= 1 and not yes:
        raise InvalidRequestError(
            f"Found a drill of {drill:.0%} of sessions, expected at most {_UNASKED:.0%}. Say --yes if you mean it."
        )
    learned = _opened(model, config)
    # what a drill promises is about the traffic of the log that it is written into, as far as there is any
    source = log if drill is None or requests is pack is None else None
    asked, demand = _asked(learned, requests=requests, pack=pack, log=source, since=since, if_any=drill is not None)
    demand = demand if per_day is None else demand.per_day(per_day)
    from router_ml.offline.outage import outage as one
    from router_ml.offline.outage import outages

    settings = {"demand": demand, "hours": hours, "at_hour": at_hour, "processes": processes}
    if place == "all":
        found: Sequence[OutageReport] = outages(learned, asked, **settings)  # type: ignore[arg-type]
    else:
        found = [one(learned, place, asked, **settings)]  # type: ignore[arg-type]
    if drill is None:
        _told(found, html=html, as_json=as_json, several=place == "all")
        return
    from router_ml.cli.drill import begin
    from router_ml.config import RouterConfig

    rules = learned if isinstance(learned, RouterConfig) else learned.config
    _page(found, html)
    begin(
        found[0],
        log=log,
        share=drill,
        minutes=minutes,
        said=(who, why),
        rules=None if even_if_rules_differ else rules,
        anyway=even_if_it_stops,
        as_json=as_json,
    )


def _told(found: Sequence[OutageReport], *, html: Path | None, as_json: bool, several: bool) -> None:
    _page(found, html)
    if as_json:
        write_json([report.to_dict() for report in found] if several else found[0].to_dict())
        return
    from router_ml.cli.show.outage import outage_page, outages_page

    render(outages_page(found) if several else outage_page(found[0]))
    if html is not None:
        write(f"The page is in {html}.")


def _page(found: Sequence[OutageReport], html: Path | None) -> None:
    if html is not None:
        from router_ml.offline.outage.page import page

        html.write_text(page(found) + "\n", encoding="utf-8")


def _opened(model: str | None, config: Path | None) -> Bundle | RouterConfig:
    """The bundle that is meant, with the rules that are; or the rules alone, where only a ``router.yaml`` is named."""
    from dataclasses import replace

    from router_ml.storage.loading import open_learned

    parts = open_learned(model, config=config)
    return parts.config if parts.bundle is None else replace(parts.bundle, config=parts.config)


def _asked(
    learned: Bundle | RouterConfig,
    *,
    requests: Path | None,
    pack: Path | None,
    log: str | None,
    since: str | None,
    if_any: bool,
) -> tuple[Kinds | Sequence[RouteDecision], Demand]:
    """The requests, and how many there are. ``if_any``: the log may be empty, or none be named."""
    from router_ml.offline.judging.packs import read_pack
    from router_ml.offline.outage.demand import of_scenario
    from router_ml.offline.outage.logged import logged
    from router_ml.offline.simulation.scenarios.loading import load_scenario
    from router_ml.offline.simulation.traffic.reading import (
        example_requests,
        kinds_from_pack,
        kinds_from_requests,
        read_requests,
    )

    if sum(each is not None for each in (requests, pack, log)) > 1:
        raise InvalidRequestError("Give --requests, --pack or --log; one of them.")
    if log is not None or (if_any and requests is pack is None):
        with event_log(log) as events:
            found = logged(events, since=moment(since, "--since"))
        if found is not None:
            return found
        if not if_any:
            raise OfflineDataError("The log holds no decision of this time. Check which log it is.")
    if isinstance(learned, RouterConfig):
        raise InvalidRequestError(
            "A router.yaml alone has read no request. Give it with --config, and a bundle; or ask about a --log."
        )
    if pack is not None:
        outcomes = read_pack(pack, encoder=learned.encoder.sha256)
        kinds = kinds_from_pack(outcomes, learned, in_sample=outcomes.digest in json.dumps(learned.manifest.training))
    else:
        kinds = kinds_from_requests(example_requests() if requests is None else read_requests(requests), learned)
    return kinds, of_scenario(load_scenario(_SHAPE), kinds)
