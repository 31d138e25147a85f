"""Whether what is left has room for the traffic, by the limits that are configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from router_ml.config import Lane

Capacity = Mapping[str, float | None]


def capacity_of(lane: Lane, latency_ms: float, *, processes: int) -> float | None:
    """Calls per minute that a lane is let take: ``requests_per_minute``, and ``max_concurrency`` times as many calls as
    fit into a minute at its latency; of each process. None without a limit.

    >>> from router_ml.config import load_config
    >>> lane = load_config("models/default/router.yaml").lanes["private"]
    >>> ends = lane.endpoint.model_copy(update={"max_concurrency": 4, "requests_per_minute": 200})
    >>> capacity_of(lane.model_copy(update={"endpoint": ends}), 2000.0, processes=1)
    120.0
    >>> capacity_of(lane, 2000.0, processes=1) is None
    True
    """
    end = lane.endpoint
    limits = []
    if end.requests_per_minute is not None:
        limits.append(float(end.requests_per_minute))
    if end.max_concurrency is not None and latency_ms > 0:
        limits.append(end.max_concurrency * 60_000 / latency_ms)
    return min(limits) * processes if limits else None


def together(lanes: Iterable[str], capacity: Capacity) -> float | None:
    """What some lanes take together; None where one of them has no limit, 0 for none."""
    each = [capacity[lane] for lane in lanes]
    return None if any(one is None for one in each) else sum(one for one in each if one is not None)


def overflow(groups: Sequence[tuple[frozenset[str], float]], capacity: Capacity) -> float:
    """Demand that finds no room however it is spread: groups of requests, with the lanes that may answer each.

    By the theorem of Ford and Fulkerson (1956) it is the most, over sets of lanes, by which the demand that only they
    may answer is above what they take. Only unions of the groups' lanes need to be looked at.

    >>> overflow([(frozenset("a"), 5.0), (frozenset("ab"), 5.0)], {"a": 4.0, "b": 3.0})
    3.0
    >>> overflow([(frozenset("a"), 5.0), (frozenset("ab"), 5.0)], {"a": 4.0, "b": None})
    1.0
    """
    bounded = [(lanes, demand) for lanes, demand in groups if lanes and together(lanes, capacity) is not None]
    unions: set[frozenset[str]] = set()
    for lanes, _ in bounded:
        unions |= {lanes, *(lanes | other for other in unions)}
    above = (
        sum(demand for lanes, demand in bounded if lanes <= union) - (together(union, capacity) or 0.0)
        for union in unions
    )
    return max((0.0, *above))
