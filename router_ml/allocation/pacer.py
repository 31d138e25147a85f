"""How much a dollar has to buy so that the day's money lasts. Pure: money and clock are passed in.

A daily budget adds a multiplier to the class's own lambda: the best that a budget can buy is quality - (lambda + mu) *
cost for some mu (Lagrange). Mu is found as in adaptive pacing (Balseiro & Gur 2019, Management Science 65(9)), by
descent on the dual: up where more is spent than the day allows, down where less. Three things differ. The step is
multiplicative (mirror descent with the entropic map, Balseiro, Lu & Mirrokni 2023, Operations Research 71(1)), because
a lambda in quality per USD may be 1 or 10,000. The target is the money that is left for the demand that is left, not a
fixed rate, so that a mistake of the morning is made good by the evening. And the descent is summed up in closed form:
with d(log lambda) = GAIN * (spend / money left - demand / demand left), lambda depends on what has been spent and on
the time of day alone. So the state is one number, and a decision can be checked from its record.

What it does not know: what other processes spend, and what the rest of the day will ask for beyond the profile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

HOURS = 24
UNIFORM = (1 / HOURS,) * HOURS
GAIN = 20.0
SLACK = 0.02  # of a day: keeps the last requests of a day from deciding alone
LEAST_STEP = 1.0  # quality per USD from which a class whose own lambda is 0 starts
MOST = 1e6  # quality per USD: a millionth of a dollar weighs as much as an answer, so cost alone decides


def expected_share(now: datetime, profile: Sequence[float] = UNIFORM) -> float:
    """Share 0..1 of a day's demand that is expected by this time of the day.

    Args:
        now: in UTC. profile: share of each hour, 24 numbers that sum to 1.
    """
    within = (now.minute * 60 + now.second + now.microsecond / 1e6) / 3600
    share = sum(profile[: now.hour]) + profile[now.hour] * within
    return min(max(share, 0.0), 1.0)


def paced(
    own: float,
    *,
    budget_usd: float,
    spent_usd: float,
    now: datetime,
    profile: Sequence[float] = UNIFORM,
    largest: float | None = None,
) -> float:
    """Lambda in force, in quality per USD: the class's ``own`` up to the day's line of spending, more above it.

    Args:
        budget_usd: of the day, above 0. spent_usd: of it so far. now: time of the day, in UTC.
        profile: when demand comes, see ``expected_share``.
        largest: lambda up to which the class's floor is certified; it holds whatever is spent.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> [round(paced(30, budget_usd=10, spent_usd=spent, now=noon), 1) for spent in (4, 5, 5.5, 6)]
    [30.0, 30.0, 226.6, 2148.8]
    """
    demand_left = 1 - expected_share(now, profile)
    money_left = max(1 - spent_usd / budget_usd, 0.0)
    pressure = math.pow((demand_left + SLACK) / (money_left + SLACK), GAIN)
    result = own + max(own, LEAST_STEP) * max(pressure - 1, 0.0)
    return min(result, max(own, MOST) if largest is None else largest)
