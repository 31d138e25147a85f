"""A drill that an outage report speaks for: begun where nothing stops, and judged by what the report promised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from router_ml import drills
from router_ml.drills import Drill
from router_ml.errors import InvalidRequestError
from router_ml.offline.outage.report import OutageReport

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog


def start(
    log: EventLog,
    report: OutageReport,
    *,
    share: float,
    minutes: float,
    who: str,
    why: str,
    even_if_it_stops: bool = False,
    now: datetime | None = None,
) -> Drill:
    """Let what ``report`` is about count as down for a share of the sessions of every router that follows ``log``. The
    event keeps what the report promises.

    Raises:
        InvalidRequestError: some requests would have no lane left, in this traffic or by the rules alone, and
            ``even_if_it_stops`` is false; else as for ``drills.begin``.
        LogError: the event could not be written; nothing has begun then.
    """
    stops = _that_stop(report)
    if stops and not even_if_it_stops:
        more = f" and {len(stops) - 3} more" if len(stops) > 3 else ""
        raise InvalidRequestError(
            f"A drill of {report.place} would leave requests without a lane: {'; '.join(stops[:3])}{more}. Choose "
            "something else, or drill --even-if-it-stops."
        )
    detail: dict[str, JsonValue] = {
        "place": report.place,
        "lanes": list(report.struck),
        "even_if_it_stops": even_if_it_stops,
        "expected": dict(expected(report)),
    }
    return drills.begin(log, report.names, share=share, minutes=minutes, who=who, why=why, detail=detail, now=now)


def expected(report: OutageReport) -> Mapping[str, float]:
    """What the report promises of the requests of a drill."""
    after = report.after
    found = {"stops": report.stops, "usd_per_1000_before": report.before.usd_per_1000}
    if after is None:
        return found
    return {
        **found,
        "usd_per_1000": after.usd_per_1000,
        "quality_before": report.before.quality.value,
        "quality": after.quality.value,
        "latency_ms": after.latency_ms,
    }


def _that_stop(report: OutageReport) -> list[str]:
    seen = [f"{item.stops:.1%} of {item.name}" for item in report.classes if item.stops]
    return [*seen, *map(str, report.by_rules)]
