"""A drill that an outage report speaks for: begun where nothing stops, and judged by what the report promised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from router_ml.config import RouterConfig, config_sha256
from router_ml.errors import InvalidRequestError
from router_ml.offline.outage.report import OutageReport
from router_ml.state import drills
from router_ml.state.drills import Drill

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

RECENT = timedelta(days=1)
"""How old decisions may be that tell by which rules the routers on a log decide."""


def start(  # noqa: PLR0913 - what is to be, why, and what it was checked by
    log: EventLog,
    report: OutageReport,
    *,
    share: float,
    minutes: float,
    who: str,
    why: str,
    rules: RouterConfig | None = None,
    even_if_it_stops: bool = False,
    now: datetime | None = None,
) -> Drill:
    """Let what ``report`` is about count as down for a share of the sessions of every router that follows ``log``. The
    event keeps what the report promises.

    Args:
        rules: those that the report was made by; None: nobody compares them with those of the routers.

    Raises:
        InvalidRequestError: some requests would have no lane left, in this traffic or by the rules alone, and
            ``even_if_it_stops`` is false; routers on the log decide by other ``rules``, overrides included; else as for
            ``drills.begin``.
        LogError: the event could not be written; nothing has begun then.
    """
    now = now or datetime.now(UTC)
    if rules is not None:
        _check_rules(log, rules, now)
    stops = that_stop(report)
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
        "rules_compared": rules is not None,
        "expected": dict(expected(report)),
    }
    return drills.begin(log, report.names, share=share, minutes=minutes, who=who, why=why, detail=detail, now=now)


def expected(report: OutageReport) -> Mapping[str, float]:
    """What the report promises of the requests of a drill."""
    after = report.after
    before = report.before
    found = {
        "stops": report.stops,
        "usd_per_1000_before": before.usd_per_1000,
        "quality_before": before.quality.value,
        "latency_ms_before": before.latency_ms,
    }
    if after is not None:
        found |= {
            "usd_per_1000": after.usd_per_1000,
            "quality": after.quality.value,
            "latency_ms": after.latency_ms,
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def that_stop(report: OutageReport) -> list[str]:
    """What would be left without a lane, in words: of this traffic, and by the rules alone."""
    seen = [f"{item.stops:.1%} of {item.name}" for item in report.classes if item.stops]
    return [*seen, *map(str, report.by_rules)]


def _check_rules(log: EventLog, rules: RouterConfig, now: datetime) -> None:
    """Refuse where the routers on a log decide by other rules than those that say that a drill is safe."""
    own, found = config_sha256(rules), log.recent_configs(now - RECENT)
    others = {name[:12]: count for name, count in found.most_common() if name != own}
    if others:
        told = ", ".join(f"{name} ({count})" for name, count in others.items())
        raise InvalidRequestError(
            f"Routers on this log decide by other rules than those that this drill was checked by: of the newest "
            f"{found.total()} decisions of the last day {sum(others.values())} are not of configuration {own[:12]} but "
            f"of {told}. An override makes another one, too. Give the routers' own with --config, or drill "
            "--even-if-rules-differ."
        )
