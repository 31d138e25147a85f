"""What every run has for itself: the people who look first, when nothing is served, and each day's money.

Requests, calls and money of several runs (seeds) are added up and then looked at. These are not: a queue is as long as
its own people leave it, a run is dark while it serves nothing itself, and a day's budget is that of its own day. So
they are found for each run, and what was found is added up.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.counting.queueing import queue, waited
from router_ml.offline.simulation.counting.results import Reviews

if TYPE_CHECKING:
    from router_ml.offline.simulation.counting.tally import Tally

Floats = NDArray[np.float64]

OVERRUN = 0.01  # of a day's budget: the request that spends the last of it always goes a little over
STEP_MINUTES = 5.0


@dataclass(frozen=True)
class Alone:
    """Sums over ``runs``, for C classes and F steps of five minutes: ``waiting`` (F,) for people at the end of each
    step; ``looked`` (F + 1,) at how many by the steps that they waited; ``people`` (4,) asked, granted, expired, and
    the longest queue; ``dark`` minutes (C + 1,) of each class, and of all together; ``over`` (C,) days over a budget.
    """

    runs: int
    waiting: Floats
    looked: Floats
    people: Floats
    dark: Floats
    over: NDArray[np.int64]

    @classmethod
    def of(cls, tally: Tally) -> Alone:
        """Of one run, all of which has been counted."""
        sums, promises = tally.sums, [tally.promises[name] for name in tally.classes]
        found = queue(sums["asked"].astype(np.int64), tally.scenario.reviewers, start=tally.start)
        people = found.reviews
        due, served = (np.column_stack([sums[name], sums[name].sum(axis=1)]) for name in ("due", "served"))
        budgets = [one.budget_usd_per_day for one in promises]
        most = np.array([np.inf if each is None else each * (1 + OVERRUN) for each in budgets])
        return cls(
            runs=1,
            waiting=found.waiting,
            looked=found.looked,
            people=np.array([people.asked, people.granted, people.expired, people.longest], np.float64),
            dark=STEP_MINUTES * ((due > 0) & (served == 0)).sum(axis=0),
            over=(sums["usd_of_day"] > most).sum(axis=0),
        )

    def __add__(self, other: Alone) -> Alone:
        """Of the runs of both."""
        return Alone(**{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)})

    @property
    def reviews(self) -> Reviews:
        """What went to people: in all runs, but for the longest queue, which is the mean of theirs."""
        asked, granted, expired, longest = self.people.tolist()
        half, most = (waited(self.looked, share) for share in (0.5, 0.95))
        return Reviews(int(asked), int(granted), int(expired), round(longest / self.runs), half, most)
