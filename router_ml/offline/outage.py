"""If a vendor went dark, what would happen: in closed form, per traffic class and situation, by the router's own rules.

Each kind of request is decided twice by the lines that serve: as things are, and with the vendor reported down. Shares
of lanes are exact probabilities, so nothing is drawn and nothing has to be played.

What this does not know: money that is spent by then, vendors that slow down under the traffic that comes to them, and
rates of a vendor that ``endpoint`` does not say. ``router-ml simulate`` plays these in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError
from router_ml.offline.coverage import mildest
from router_ml.offline.outage_decisions import weighing
from router_ml.offline.outage_demand import Demand
from router_ml.offline.outage_places import Place, find_place, providers
from router_ml.offline.outage_report import ClassOutage, OutageReport, Situation
from router_ml.offline.outage_service import Worth
from router_ml.offline.outage_tables import Asked, Window, report_of
from router_ml.offline.simulation.kinds import Kinds
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Demand", "OutageReport", "frame", "outage", "outages"]


def outage(
    learned: Bundle | RouterConfig,
    name: str,
    kinds: Kinds,
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
        kinds: the requests. Where their truth is not ``believed``, only lanes with outcomes take part.
        demand: how many there are. at_hour: when it begins; by default when it meets most requests.
        processes: that serve, each with breakers and limits of its own.
        now: clock of the report; by default the current time.

    Raises:
        InvalidRequestError: nothing has this name, or a number is out of range.
    """
    config = _taking_part(learned, kinds)
    window = _window(demand, hours, at_hour, processes)
    return _reports(learned, [find_place(config, name)], kinds, window, config=config, now=now)[0]


def outages(
    learned: Bundle | RouterConfig,
    kinds: Kinds,
    *,
    demand: Demand,
    hours: float = 48.0,
    at_hour: float | None = None,
    processes: int = 1,
    now: datetime | None = None,
) -> tuple[OutageReport, ...]:
    """``outage`` of every provider, the one that stops most traffic first, then the one that moves most."""
    config = _taking_part(learned, kinds)
    window = _window(demand, hours, at_hour, processes)
    found = _reports(learned, providers(config), kinds, window, config=config, now=now)
    return tuple(sorted(found, key=lambda report: (-report.stops, -report.moves)))


def _window(demand: Demand, hours: float, at_hour: float | None, processes: int) -> Window:
    if not (0 < hours < np.inf and processes >= 1 and (at_hour is None or 0 <= at_hour < np.inf)):
        raise InvalidRequestError(
            f"Found an outage of {hours:g} hours for {processes} processes from hour {at_hour} on, expected numbers "
            "above 0, and no hour before 0."
        )
    at, requests, busiest = demand.window(hours, at_hour)
    return Window(at, hours, requests, busiest, processes, demand.source)


def _reports(
    learned: Bundle | RouterConfig,
    places: Sequence[Place],
    kinds: Kinds,
    window: Window,
    *,
    config: RouterConfig,
    now: datetime | None,
) -> list[OutageReport]:
    bundle, now = learned if isinstance(learned, Bundle) else None, now or datetime.now(UTC)
    known = weighing(config, bundle, kinds, now=now)
    worth, today = Worth.of(known, kinds), known.decide({})
    if not (kinds.weight[today.served] > 0).any():
        raise InvalidRequestError("No lane answers any of these requests as things are. Give requests that it does.")
    situations, reports = mildest(config), []
    for place in places:
        during = known.decide(place.health, dark=place.lanes, before=today)
        asked = Asked.of(place, known, worth, (today, during), kinds=kinds, window=window)
        report = report_of(asked, situations=situations, now=now)
        ids = {"bundle": bundle.manifest.id if bundle else "none"}
        reports.append(replace(report, versions={**ids, **report.versions}))
    return reports


def _taking_part(learned: Bundle | RouterConfig, kinds: Kinds) -> RouterConfig:
    """The configuration without the lanes of which no outcome is known, where outcomes are to tell."""
    config = learned.config if isinstance(learned, Bundle) else learned
    if kinds.truth == "believed":
        return config
    lanes = {
        name: lane if name in kinds.lanes else lane.model_copy(update={"enabled": False})
        for name, lane in config.lanes.items()
    }
    return config.model_copy(update={"lanes": lanes})


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
