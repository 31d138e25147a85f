"""The people who look first: a queue, first come first served, as a fluid on a grid of five minutes.

A fluid has no requests, only amounts of them: people look at ``per_hour`` / 12 of what waits in five minutes of work.
What a queue of whole requests adds to that, less than a request per reviewer, is nothing beside hours of waiting.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.results import Reviews
from router_ml.offline.simulation.scenarios.scenario import Reviewers

Floats = NDArray[np.float64]

PER_HOUR = 12  # steps of the grid
SPARE = 1.2  # of the work that comes on average, where a scenario does not say how much people can do


@dataclass(frozen=True)
class Queue:
    """``waiting``: (t,) what waits at the end of each step; ``looked``: (t + 1,) how much was looked at, by the steps
    that it had waited; ``reviews``: what came of it."""

    waiting: Floats
    looked: Floats
    reviews: Reviews


def queue(asked: NDArray[np.int64], reviewers: Reviewers, *, start: datetime) -> Queue:
    """What becomes of requests that people are asked about.

    What still waits at the end was neither looked at nor has it expired.

    Args:
        asked: (t,) requests of one run by five minutes from ``start`` on; each run has people of its own.
    """
    due, waiting = deque[list[float]](), np.zeros(len(asked))
    looked = np.zeros(len(asked) + 1)
    length, expired = 0.0, 0.0
    at_work = working_steps(len(asked), reviewers, start=start)
    per_step = reviewers.per_hour / PER_HOUR if reviewers.per_hour is not None else _enough(asked, at_work)
    for step, working in enumerate(at_work):
        if asked[step]:
            due.append([step, float(asked[step])])
            length += float(asked[step])
        while due and (step - due[0][0]) / PER_HOUR > reviewers.expires_hours:
            gone = due.popleft()[1]
            expired, length = expired + gone, length - gone
        left = per_step if working else 0.0
        while due and left > 0:
            taken = min(left, due[0][1])
            looked[step - int(due[0][0])] += taken
            due[0][1] -= taken
            left, length = left - taken, length - taken
            if due[0][1] <= 0:
                due.popleft()
        waiting[step] = length if due else 0.0
        length = waiting[step]
    longest = round(float(waiting.max(initial=0.0)))
    half, most = (waited(looked, share) for share in (0.5, 0.95))
    granted = round(reviewers.granted * float(looked.sum()))
    return Queue(waiting, looked, Reviews(int(asked.sum()), granted, round(expired), longest, half, most))


def _enough(asked: NDArray[np.int64], at_work: NDArray[np.bool_]) -> float:
    """What people look at in a step of work when there are enough of them for what comes."""
    return SPARE * float(asked.sum()) / max(int(at_work.sum()), 1)


def working_steps(steps: int, reviewers: Reviewers, *, start: datetime) -> NDArray[np.bool_]:
    """Whether people work in each step (steps,); a shift whose ``end`` is before its ``start`` goes through the night
    that begins on its day."""
    first = start.astimezone(UTC) if start.tzinfo else start
    clock = first.hour * 60 + first.minute + first.second / 60 + np.arange(steps) * (60 / PER_HOUR)
    hour, day = clock / 60 % 24, (first.weekday() + (clock // 1440).astype(np.int64)) % 7
    if reviewers.start <= reviewers.end:
        return (hour >= reviewers.start) & (hour < reviewers.end) & np.isin(day, reviewers.days)
    late = (hour >= reviewers.start) & np.isin(day, reviewers.days)
    return late | ((hour < reviewers.end) & np.isin((day - 1) % 7, reviewers.days))


def waited(looked: Floats, share: float) -> float:
    """Hours that ``share`` of what was looked at had waited at most; NaN where nothing was."""
    total = float(looked.sum())
    if total <= 0:
        return float("nan")
    return int(np.searchsorted(np.cumsum(looked), share * total * (1 - 1e-12))) / PER_HOUR
