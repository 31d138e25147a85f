"""What an outage report assumes and does not know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from router_ml.config import RouterConfig
from router_ml.offline.outage.report import OutageReport

_ROUNDING = 1e-9
_TRUTH = {
    "believed": "Quality, cost and latency are what the router believes of each lane; nobody has measured an outage.",
    "measured": "Quality and cost are measured: answers of every lane to these requests were judged.",
    "logged": "Quality and cost are what a log shows, corrected for lanes that were not chosen.",
}


def notes(report: OutageReport, config: RouterConfig) -> tuple[str, ...]:
    """The assumptions, most important first."""
    return tuple(_notes(report, config))


def _notes(report: OutageReport, config: RouterConfig) -> Iterator[str]:
    yield f"Requests: {report.source.rstrip('.')}. Number of requests: {report.demand}."
    yield _TRUTH[report.truth]
    if report.truth == "believed":
        yield "Intervals of quality are the mean of the lanes' 90% bounds, as if all of their errors went together."
    if report.stops:
        yield "Before and after are of the requests that are answered during it; what stops is in neither."
    if report.in_sample:
        yield "The router has learned from these very requests, which flatters it."
    left_out = [name for name, lane in config.lanes.items() if not lane.enabled]
    if left_out:
        yield f"Lanes that take no part, being disabled or without outcomes: {', '.join(left_out)}."
    if report.due < 1 - _ROUNDING:
        share = f"{1 - report.due:.1%}" if report.due < 0.9995 else "Less than 0.1%"
        yield f"{share} of the requests go to no lane as things are: to people, refused, or asked back."
    free = [load.lane for load in report.lanes if not load.struck and load.capacity is None]
    if free:
        yield f"No limit is configured for {', '.join(free)}: what these vendors let through is not known here."
    if report.overflow > 0:
        yield f"Limits leave no room for {report.overflow:.1f} requests a minute in the busiest hour, at best."
    yield "Vendors are taken to fail apart: one cloud or region behind several of them is region:NAME or a lane's own."
    yield (
        "Lanes are left alone at once where requests are carried out by router_ml; where they are not, once somebody "
        "reports the vendor down."
    )
    yield "Budgets of a day are taken as not spent. What a session has in a vendor's cache is paid for again elsewhere."
