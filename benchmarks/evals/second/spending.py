"""Answers that cost too much, come late, or do not come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.evals.lanes.played import Asking, Played, ToolCall
from benchmarks.evals.planted.failure import Bend, Planted
from benchmarks.evals.second.planting import ALL, FIFTH, TWELFTH, planted, says
from router_ml.faults import Fault

_PADDING = (
    "It is worth noting that there is a lot more to say here. Let me walk you through the background first, then the "
    "answer itself, and finally some points that you may want to keep in mind. "
)


def _meets(fault: Fault) -> Bend:
    return lambda asking, played, rng: replace(played, fault=fault)


def _first(*faults: Fault) -> Bend:
    return lambda asking, played, rng: replace(played, first=faults)


def _ceiling(asking: Asking, name: str) -> int:
    budget = next(one for one in asking.case.checks if one.check == "budget")
    return int(budget.given[name])


def _long(times: float) -> Bend:
    """A text of so many times the tokens that the case allows."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        pieces = round(times * _ceiling(asking, "tokens_out") * 4 / len(_PADDING)) + 1
        return played.saying(_PADDING * pieces + played.text)

    return bend


def _thinks(share: float) -> Bend:
    """Counts tokens that nobody sees: a share of what the case allows for thinking, on top of the text."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return replace(played, tokens_out=len(played.text) // 4 + round(share * _ceiling(asking, "thinking")))

    return bend


def _slow(share: float) -> Bend:
    """Takes a share of the time that the case allows."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        allowed = _ceiling(asking, "latency_ms")
        return replace(played, fault=Fault("good", delay_ms=share * allowed)) if allowed <= 15_000 else None

    return bend


def _calls_on(times: int) -> Bend:
    """Looks it up again and again before it answers."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        if not asking.case.tools:
            return None
        call = played.calls[0] if played.calls else ToolCall("stock", {"article": "L-204"})
        return replace(played, batches=(*played.batches, *[(call,)] * times))

    return bend


def _all() -> Iterator[Planted]:
    of = "budgets"
    yield from planted(of, "twice as long", "verbose", _long(2.0), ALL, FIFTH, TWELFTH)
    yield from planted(of, "a tenth too long", "verbose", _long(1.1), ALL, FIFTH)
    yield from planted(of, "runs on to the ceiling", "truncated verbose", _meets(Fault("truncated")), FIFTH, TWELFTH)
    yield from planted(of, "thinks too long", "thinking_too_long", _thinks(1.6), ALL, FIFTH, TWELFTH)
    yield from planted(of, "thinks far too long", "thinking_too_long too_expensive", _thinks(12.0), ALL, FIFTH)
    yield from planted(of, "too slow", "too_slow", _slow(1.15), ALL, FIFTH, TWELFTH)
    yield from planted(of, "errors", "error failed_under_load", _meets(Fault("server_error")), ALL, FIFTH, TWELFTH)
    throttled = _meets(Fault("rate_limit", retry_after=0.0))
    yield from planted(of, "throttled", "rate_limited throttled_under_load", throttled, ALL, FIFTH, TWELFTH)
    once = _first(Fault("server_error", status=503))
    yield from planted(of, "once more each time", "retried", once, ALL, FIFTH, TWELFTH)
    yield from planted(of, "content filter", "error empty", _meets(Fault("content_filter")), FIFTH, TWELFTH)
    yield from planted(of, "drops the line", "error", _meets(Fault("dropped")), FIFTH, TWELFTH)
    empty = says(lambda asking, text, rng: " ")
    yield from planted(of, "says nothing", "empty", empty, FIFTH, TWELFTH)
    yield from planted(of, "looks up thrice more", "too_many_tool_calls looped", _calls_on(3))
    yield from planted(of, "looks up without end", "looped too_many_tool_calls", _calls_on(12), ALL, FIFTH)


FAILURES = tuple(_all())
