"""How often a key may call, and what it may spend: over counters that the processes of a service share.

Calls are counted by the minute. The rate is that of a sliding minute: all of this one, and of the last one the part
that it still covers, as if its calls had come evenly. What other processes counted is known as of the last look, so a
limit may be passed by what happens between two looks; a budget also by what is under way when it ends.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from router_ml.serve.access.caller import AccessError, Caller
from router_ml.state.sharing.counts import Counts

CALLS, SPEND = "key_calls", "key_spend"
MINUTE_S = 60.0


@dataclass(frozen=True)
class Rate:
    """Where a key stands after a call. ``reset_s``: until none of its calls counts any more."""

    limit: int
    remaining: int
    reset_s: float

    def headers(self) -> dict[str, str]:
        """As clients of the OpenAI API know it."""
        return {
            "x-ratelimit-limit-requests": str(self.limit),
            "x-ratelimit-remaining-requests": str(self.remaining),
            "x-ratelimit-reset-requests": f"{self.reset_s:.0f}s",
        }


class Limits:
    """``clock``: seconds since 1970."""

    def __init__(self, counts: Counts, *, clock: Callable[[], float] = time.time) -> None:
        self._counts, self._clock = counts, clock
        self._lock = threading.Lock()  # between looking and adding
        self._minute = ""

    def admit(self, caller: Caller, *, calls: int = 1) -> Rate | None:
        """Count a call, or as many as one does the work of, all or none; None where the key has no limit.

        Raises:
            AccessError: it comes too soon.
        """
        most = caller.requests_per_minute
        if most is None:
            return None
        now = self._clock()
        minute, before = _minute(now), _minute(now - MINUTE_S)
        gone = now % MINUTE_S / MINUTE_S
        with self._lock:
            self._forget(minute, before)
            last, this = (self._counts.total(CALLS, caller.key_id, period) for period in (before, minute))
            if last * (1 - gone) + this + calls > most:
                wait = _wait_s(last, this, most - calls, gone)
                said = f"The key makes more than {most} requests a minute. Try again in {math.ceil(wait)} s."
                limits = Rate(most, 0, wait).headers()
                raise AccessError(429, "rate_limit_exceeded", said, retry_after_s=wait, headers=limits)
            self._counts.add(CALLS, caller.key_id, minute, float(calls))
        left = most - (last * (1 - gone) + this + calls)
        return Rate(most, max(0, math.floor(left)), MINUTE_S * (2 - gone))

    def readmit(self, caller: Caller, *, calls: int) -> Rate | None:
        """Count a call that has been let in as so many. What is refused no longer counts at all, or whoever tries again
        as told would never get in.

        Raises:
            AccessError: they come too soon.
        """
        if caller.requests_per_minute is not None:
            with self._lock:
                minute = _minute(self._clock())
                if self._counts.total(CALLS, caller.key_id, minute) >= 1:  # else it was let in before this minute
                    self._counts.add(CALLS, caller.key_id, minute, -1.0)
        return self.admit(caller, calls=calls)

    def within_budget(self, caller: Caller) -> None:
        """See to it that a key may still spend.

        Raises:
            AccessError: what it may spend today is spent.
        """
        if caller.usd_per_day is None or self.spent_today(caller) < caller.usd_per_day:
            return
        now = datetime.fromtimestamp(self._clock(), UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        said = f"The key has spent its {caller.usd_per_day:g} USD of today. The next day begins at 00:00 UTC."
        raise AccessError(402, "over_budget", said, retry_after_s=(midnight - now).total_seconds())

    def spent(self, caller: Caller, usd: float) -> None:
        """Count what a request of a key has cost, whatever came of it."""
        if usd > 0:
            day = _day(self._clock())
            self._counts.add(SPEND, caller.key_id, day, usd)

    def spent_today(self, caller: Caller) -> float:
        """What a key has spent since midnight UTC, in USD, in all processes."""
        return self._counts.total(SPEND, caller.key_id, _day(self._clock()))

    def _forget(self, minute: str, before: str) -> None:
        if minute != self._minute:
            self._minute = minute
            self._counts.forget(kind=CALLS, before=before)
            self._counts.forget(kind=SPEND, before=_day(self._clock() - 86_400))


def _wait_s(last: float, this: float, most: int, gone: float) -> float:
    """Seconds until no more than ``most`` calls count, if no other one comes."""
    if this <= most and last > 0:  # later in this minute, when less of the last one counts
        return max(0.0, (1 - (most - this) / last - gone) * MINUTE_S)
    left = (1 - gone) * MINUTE_S  # only in the next one, of which this is the last
    return left + max(0.0, 1 - most / this) * MINUTE_S if this else left


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
