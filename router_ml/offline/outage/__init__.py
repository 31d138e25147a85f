"""If a vendor went dark, what would happen: in closed form, per traffic class and situation, by the router's own rules.

Each kind of request is decided twice by the lines that serve: as things are, and with the vendor reported down. Shares
of lanes are exact probabilities, so nothing is drawn and nothing has to be played.

What this does not know: money that is spent by then, vendors that slow down under the traffic that comes to them, and
rates of a vendor that ``endpoint`` does not say. ``router-ml simulate`` plays these in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.offline.coverage import mildest
from router_ml.offline.outage.asked import Requests, of_decisions, of_kinds
from router_ml.offline.outage.demand import Demand
from router_ml.offline.outage.places import Place, find_place, providers
from router_ml.offline.outage.report import ClassOutage, OutageReport, Situation
from router_ml.offline.outage.tables import report_of
from router_ml.offline.outage.window import Asked, Window
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Demand", "OutageReport", "frame", "outage", "outages"]


def outage(
    learned: Bundle | RouterConfig,
    name: str,
    requests: Kinds | Sequence[RouteDecision],
    *,
    demand: Demand,
    hours: float = 48.0,
    at_hour: float | None = None,
    processes: int = 1,
    now: datetime | None = None,
) -> OutageReport:
    """What would happen while something is dark.

    Args:
        learned: what decides; a bundle by its own configuration.
        name: a provider, failure domain, lane, or ``region:NAME``.
        requests: kinds, of which only lanes with outcomes take part where their truth is not ``believed``; or logged
            decisions.
        demand: how many there are. at_hour: when it begins; by default when it meets most requests.
        processes: that serve, each with breakers and limits of its own.
        now: clock of the report; by default the current time.

    Raises:
        InvalidRequestError: nothing has this name, a number is out of range, or no lane answers any of the requests.
        OfflineDataError: there are no decisions, or none with an estimate.
    """
    window = _window(demand, hours, at_hour, processes)
    asked = _asked(learned, requests, now or datetime.now(UTC))
    return _reports([_place(asked, name)], asked, window)[0]


def outages(
    learned: Bundle | RouterConfig,
    requests: Kinds | Sequence[RouteDecision],
    *,
    demand: Demand,
    hours: float = 48.0,
    at_hour: float | None = None,
    processes: int = 1,
    now: datetime | None = None,
) -> tuple[OutageReport, ...]:
    """``outage`` of every provider, the one that stops most traffic first, then the one that moves most."""
    window = _window(demand, hours, at_hour, processes)
    asked = _asked(learned, requests, now or datetime.now(UTC))
    found = _reports([place for place in providers(asked.rules) if _is_known(asked, place)], asked, window)
    return tuple(sorted(found, key=lambda report: (-report.stops, -report.moves)))


def _window(demand: Demand, hours: float, at_hour: float | None, processes: int) -> Window:
    if not (0 < hours < np.inf and processes >= 1 and (at_hour is None or 0 <= at_hour < np.inf)):
        raise InvalidRequestError(
            f"Found an outage of {hours:g} hours for {processes} processes from hour {at_hour} on, expected numbers "
            "above 0, and no hour before 0."
        )
    at, requests, busiest = demand.window(hours, at_hour)
    return Window(at, hours, requests, busiest, processes, demand.source)


def _asked(learned: Bundle | RouterConfig, requests: Kinds | Sequence[RouteDecision], now: datetime) -> Requests:
    if isinstance(requests, Kinds):
        return of_kinds(learned, requests, now=now)
    return of_decisions(learned, requests, now=now)


def _place(requests: Requests, name: str) -> Place:
    """By all of the rules, since a log may be too short to have an estimate of each lane."""
    place = find_place(requests.rules, name)
    if not _is_known(requests, place):
        raise InvalidRequestError(f"No outcome of a lane of {place} is known here. Ask about one that was measured.")
    return place


def _is_known(requests: Requests, place: Place) -> bool:
    """Whether anything can be said of it: where outcomes are to tell, one of its lanes has to have some."""
    return requests.truth == "believed" or any(requests.weighing.config.lanes[lane].enabled for lane in place.lanes)


def _reports(places: Sequence[Place], requests: Requests, window: Window) -> list[OutageReport]:
    known = requests.weighing
    today = known.decide({})
    if not (requests.weight[today.served] > 0).any():
        raise InvalidRequestError("No lane answers any of these requests as things are. Give requests that it does.")
    situations = mildest(requests.rules)
    return [
        report_of(
            Asked.of(place, requests, today, known.decide(place.health, dark=place.lanes, before=today), window=window),
            situations=situations,
        )
        for place in places
    ]


def frame(report: OutageReport) -> pd.DataFrame:
    """One row per situation, with the columns of its class."""
    import pandas as pd

    return pd.DataFrame([_row(report, item, each) for item in report.classes for each in item.situations])


def _row(report: OutageReport, item: ClassOutage, each: Situation) -> dict[str, object]:
    after = each.after
    return {
        "place": report.place,
        "traffic_class": item.name,
        "because": ", ".join(each.because),
        "share": each.share,
        "survivors": ", ".join(each.survivors),
        "stops": each.stopped is not None,
        "demand_per_minute": each.demand,
        "capacity_per_minute": each.capacity,
        "usd_per_1000_before": each.before.usd_per_1000,
        "usd_per_1000_after": after.usd_per_1000 if after else None,
        "quality_before": each.before.quality.value,
        "quality_after": after.quality.value if after else None,
        "quality_after_low": after.quality.low if after else None,
        "quality_after_high": after.quality.high if after else None,
        "latency_ms_before": each.before.latency_ms,
        "latency_ms_after": after.latency_ms if after else None,
        "floor": item.floor,
        "change": each.stopped.change if each.stopped else "",
    }
