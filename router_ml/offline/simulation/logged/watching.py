"""What a log says of a policy while it is played: quality and cost with their correction, and what is extrapolated.

The loop draws a lane per request; what a log says is told best by the whole distribution. So a request counts

    E[worth under the propensities] + worth(lane that answered) - worth(lane that was drawn)

where worth is the doubly robust one of ``LoggedTruth`` under the lanes and prices of the moment. On average this is the
worth of the lane that answered, outages and fallbacks included; where the drawn lane answers nothing of the draw is
left in it, and the mean is ``ope.dr`` to the last digits.

A lane that could not have been drawn for a decision says nothing but what the model believes. Its part is kept apart:
where a policy puts more than ``MOST_EXTRAPOLATED`` there, its quality is not known, and only bounds are given, with 0
and 1 in place of the unknown part (Manski 1990). Below it, the interval still holds those bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.counting.queueing import PER_HOUR
from router_ml.offline.simulation.logged.changes import ratio, slope
from router_ml.offline.simulation.logged.sums import SUMMED, Sums
from router_ml.offline.simulation.logged.truth import LoggedTruth
from router_ml.offline.simulation.logged.weighings import Weighings
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.policies.policy import Moment, Policy, Told, Weighed
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.offline.simulation.world.world import Phase

if TYPE_CHECKING:
    from router_ml.offline.simulation.logged.findings import Finding

Floats = NDArray[np.float64]
AT_ONCE = 1 << 15  # requests counted together: small pieces would cost a pass over all kinds each
NOT_DUE = tuple(FATES.index(fate) for fate in ("asked_back", "review", "refused"))


class Watched:
    """A policy, played as it is, whose propensities are written down on the way. Give it to the loop in place of the
    policy, and ``add`` all that is carried out; ``finding`` then says what the log knows of it."""

    name: str
    config: RouterConfig
    falls_back: bool
    learns: bool

    def __init__(self, policy: Policy, truth: LoggedTruth) -> None:
        self.policy, self.truth = policy, truth
        self._phases: list[Phase] = []
        self.lanes, self._possible, self._priced = truth.lanes, truth.possible, truth.priced
        self._weighings = Weighings(len(self.lanes))
        self._sums = {name: np.zeros(len(truth)) for name in SUMMED}
        self._class = np.full(len(truth), -1, dtype=np.int64)
        self._classes = tuple(policy.config.traffic_classes)
        self._by_lane = np.zeros((len(self._classes), len(self.lanes)))
        self._used, self._outside_at = np.zeros(len(self.lanes)), np.zeros(0)
        self._held: list[Carried] = []
        self._rows = 0
        self._surplus, self._cost_surplus = truth.surplus, truth.cost_surplus
        self._weight = truth.rating_weight / truth.propensity
        self._cost_weight = truth.cost_weight / truth.propensity

    def __getattr__(self, name: str) -> Any:
        """All else is the policy's own, what the loop finds beyond the protocol included."""
        return getattr(self.__dict__["policy"], name)

    def enter(self, phase: Phase) -> None:
        """See ``Policy.enter``."""
        if not self._phases or self._phases[-1] is not phase:
            self._phases.append(phase)
        if len(phase.lanes) != len(self.lanes):
            self._widen(tuple(phase.lanes))
        self.policy.enter(phase)

    def _widen(self, lanes: tuple[str, ...]) -> None:
        """Make place for lanes that appear in a scenario: nothing that was logged supports them."""
        if lanes[: len(self.truth.lanes)] != self.truth.lanes:
            raise OfflineDataError(
                f"The world has the lanes {', '.join(lanes)}, the log was read for {', '.join(self.truth.lanes)}. Make "
                "both from the same configuration."
            )
        more = len(lanes) - len(self.lanes)
        self.lanes = lanes
        wider = ((0, 0), (0, more))
        self._possible, self._priced = np.pad(self._possible, wider), np.pad(self._priced, wider)
        self._by_lane = np.pad(self._by_lane, wider)
        self._weighings.widen(more)
        self._used = np.pad(self._used, (0, more))

    def learn(self, told: Told) -> None:
        """See ``Policy.learn``."""
        self.policy.learn(told)

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """See ``Policy.weigh``. Rows may be weighed again, see ``Weighings``."""
        weighed = self.policy.weigh(rows, moment)
        self._weighings.put(rows.number, weighed.propensities, down=moment.down, phase=len(self._phases) - 1)
        return weighed

    def add(self, carried: Carried) -> None:
        """Count requests that were carried out.

        Raises:
            OfflineDataError: they were never weighed, or more than ``HELD`` others were since.
        """
        self._held.append(carried)
        self._rows += len(carried.rows)
        if self._rows >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        """Count what was held until there was enough of it."""
        held, self._held, self._rows = self._held, [], 0
        if not held:
            return
        done = _Done(held)
        taken = self._weighings.taken(done.number, done.first, done.propensity)
        if taken is None:
            raise OfflineDataError(
                f"Requests of {self.name!r} were carried out that this policy has not weighed. Play the watched policy."
            )
        phase, shares = taken
        for number in np.unique(phase):
            rows = np.flatnonzero(phase == number)
            self._count(done, rows, shares[rows], self._phases[number])

    def _count(self, done: _Done, rows: NDArray[np.int64], shares: Floats, phase: Phase) -> None:
        truth = self.truth
        kind, first, final, usd = (each[rows] for each in (done.kind, done.first, done.final, done.cost_usd))
        shares = np.where((first >= 0)[:, None], shares, 0.0)
        share = shares.copy()  # probability that a lane answers, without the luck of the draw where nothing failed
        places = np.arange(len(rows))
        _move(share, places, final, 1.0)
        _move(share, places, first, -1.0)
        action = truth.action[kind]
        of_action = np.where(action >= 0, share[places, np.maximum(action, 0)], 0.0)
        quality, cost = phase.quality[kind], phase.cost_usd[kind]
        at = places, np.maximum(action, 0)
        changed = slope(quality[at], truth.quality[kind][at])
        worth = share * quality
        outside = ~self._possible[kind]
        unknown, beyond = np.where(outside, worth, 0.0), np.where(outside, share, 0.0)
        known = (worth - unknown).sum(axis=1) + of_action * self._surplus[kind] * changed
        off = beyond.sum(axis=1)
        drawn = _taken(cost, places, first)
        once = (done.calls[rows] == 1) & (first == final)
        discount = np.where(once, ratio(usd, drawn), 1.0)  # of batch prices
        dearer = ratio(cost[at], truth.cost_usd[kind][at])
        paid = usd + ((shares * cost).sum(axis=1) - drawn + of_action * self._cost_surplus[kind] * dearer) * discount
        unpriced = np.where(self._priced[kind], 0.0, share)
        fate = done.fate[rows]
        added = {
            "due": ~np.isin(fate, NOT_DUE),
            "served": fate == 0,
            "quality": known + unknown.sum(axis=1),
            "least": known,
            "most": known + off,
            "cost_usd": paid,
            "weight": of_action * self._weight[kind] * changed,
            "cost_weight": of_action * self._cost_weight[kind] * dearer * discount,
            "outside": off,
            "unpriced": unpriced.sum(axis=1),
            "believed_usd": (unpriced * cost).sum(axis=1) * discount,
        }
        for name, values in added.items():
            self._sums[name] += np.bincount(kind, values, minlength=len(truth))
        self._class[kind] = done.traffic_class[rows]
        self._used += share.sum(axis=0)
        if off.any():
            np.add.at(self._by_lane, done.traffic_class[rows], beyond)
            at_step = np.bincount((done.hour[rows] * PER_HOUR).astype(np.int64), off)
            self._outside_at = np.pad(self._outside_at, (0, max(len(at_step) - len(self._outside_at), 0)))
            self._outside_at[: len(at_step)] += at_step

    def sums(self) -> Sums:
        """What was counted so far."""
        self._flush()
        return Sums(
            **self._sums,
            traffic_class=self._class,
            classes=self._classes,
            by_lane=self._by_lane,
            lanes=self.lanes,
            used=self._used,
            outside_at=self._outside_at,
        )

    def finding(self) -> Finding:
        """What the log knows of what was played so far."""
        from router_ml.offline.simulation.logged.findings import finding

        return finding(self.name, self.truth, self.sums(), promises=self.config.traffic_classes)


class _Done:
    """What is looked at of requests that were carried out, of several pieces in a row."""

    def __init__(self, pieces: list[Carried]) -> None:
        self.number, self.kind, self.hour = (
            np.concatenate([getattr(piece.rows, name) for piece in pieces]) for name in ("number", "kind", "hour")
        )
        self.first, self.final, self.fate, self.calls, self.traffic_class, self.cost_usd, self.propensity = (
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("first", "final", "fate", "calls", "traffic_class", "cost_usd", "propensity")
        )


def _move(shares: Floats, rows: NDArray[np.int64], lane: NDArray[np.int64], by: float) -> None:
    there = lane >= 0
    shares[rows[there], lane[there]] += by


def _taken(values: Floats, rows: NDArray[np.int64], lane: NDArray[np.int64]) -> Floats:
    return np.where(lane >= 0, values[rows, np.maximum(lane, 0)], 0.0)
