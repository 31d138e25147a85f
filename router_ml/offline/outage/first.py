"""The first seconds of an outage: who meets a dead lane before the breakers open, and who finds out that it is back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from router_ml.config import RouterConfig
from router_ml.config.execution import Breaker
from router_ml.offline.outage.report import FirstSeconds


def all_seconds(
    config: RouterConfig,
    per_minute: Mapping[str, float],
    *,
    hours: float,
    processes: int,
    rescued: float,
) -> FirstSeconds:
    """``first_seconds`` of all lanes that go dark: those of a provider that is dark as a whole share a breaker, else
    each has its own; the last one to open tells how long it takes.

    Args:
        per_minute: calls by lane, none of which is a cascade.
    """
    asked = {"hours": hours, "processes": processes, "rescued": rescued}
    each = [
        first_seconds(config, lanes, per_minute=sum(per_minute[lane] for lane in lanes), **asked)  # type: ignore[arg-type]
        for lanes in _breakers(config, per_minute)
    ]
    found = [one for one in each if one.requests > 0] or each[:1]
    return FirstSeconds(
        failures=max(one.failures for one in found),
        processes=processes,
        seconds=max(one.seconds for one in found),
        seconds_hanging=max(one.seconds_hanging for one in found),
        requests=sum(one.requests for one in found),
        requests_hanging=sum(one.requests_hanging for one in found),
        wait_ms=max(one.wait_ms for one in found),
        probes=sum(one.probes for one in found),
        rescued=rescued,
        breakers=len(found),
    )


def _breakers(config: RouterConfig, struck: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Struck lanes that one breaker leaves alone together: that of a provider opens where several of its lanes fail and
    none answers in between."""
    for provider in dict.fromkeys(config.lanes[lane].provider for lane in struck):
        of_it = [name for name, lane in config.lanes.items() if lane.provider == provider and lane.enabled]
        lanes = tuple(lane for lane in of_it if lane in struck)
        whole = all(lane in struck or config.lanes[lane].cascade is not None for lane in of_it)
        yield from (lanes,) if whole else ((lane,) for lane in lanes)


def first_seconds(
    config: RouterConfig,
    struck: tuple[str, ...],
    *,
    per_minute: float,
    hours: float,
    processes: int,
    rescued: float,
) -> FirstSeconds:
    """What is expected where requests come at random (Poisson) and every call to ``struck`` lanes fails.

    Each process has breakers of its own, so each meets ``n`` failures until it leaves the provider alone (``needed``).
    The n-th arrival of a Poisson process of rate r is expected at n / r. Where calls fail at once, that is when the
    breaker opens, and n requests have met a dead lane. Where they hang for d seconds, it opens d later, and by then
    r * d more calls are under way (Little's law, 1961). Where several lanes of the provider are used, each may take up
    to n of its own instead.

    Args:
        per_minute: calls to these lanes, of all processes. rescued: share of the calls that can fall back elsewhere.
    """
    breaker = config.execution.breaker
    rate = per_minute / 60 / processes
    hang = max((config.lanes[lane].endpoint.timeout_ms for lane in struck), default=0.0)
    if rate <= 0:
        return FirstSeconds(breaker.failures, processes, 0.0, 0.0, 0.0, 0.0, hang, 0, rescued)
    count = needed(breaker, rate=rate)
    longest = 3600 * hours
    most = rate * longest
    at_once, hanging = min(count, most), min(count + rate * hang / 1000, most)
    return FirstSeconds(
        failures=count,
        processes=processes,
        seconds=min(count / rate, longest),
        seconds_hanging=min(count / rate + hang / 1000, longest),
        requests=processes * at_once,
        requests_hanging=processes * hanging,
        wait_ms=hang,
        probes=processes * probes(breaker, hours=hours - count / rate / 3600, rate=rate),
        rescued=rescued,
    )


def needed(breaker: Breaker, *, rate: float) -> int:
    """Failures until a breaker opens after calls that all went well, where so many come a second: ``failures`` in a
    row; or, where a window holds ``least`` calls, their ``share`` of it, if that is less.

    >>> needed(Breaker(), rate=100.0), needed(Breaker(failures=50), rate=1.0), needed(Breaker(failures=50), rate=0.5)
    (5, 15, 50)
    """
    calls = rate * breaker.window_ms / 1000
    by_share = max(math.ceil(breaker.share * calls), 1) if calls >= breaker.least else breaker.failures
    return min(breaker.failures, by_share)


def probes(breaker: Breaker, *, hours: float, rate: float) -> int:
    """Calls that try whether a lane is back and fail: one after each pause, which doubles up to its limit, made by the
    first request that comes then (1 / rate later).

    >>> probes(Breaker(open_ms=5000, max_open_ms=300_000), hours=48, rate=1000)
    580
    """
    left, pause, count, wait = hours * 3_600_000, breaker.open_ms, 0, 1000 / rate
    while left >= pause + wait and pause < breaker.max_open_ms:
        left, count, pause = left - pause - wait, count + 1, min(pause * 2, breaker.max_open_ms)
    return breaker.probes * (count + max(math.floor(left / (pause + wait)), 0))
