"""What the router is compared with: one lane for everything, lanes by a score, and its own choices dealt at random.

None of them has rules of its own: which lanes a request may go to, and what keeps it from every lane, they take from
the champion. Nor do they pace: where a day's money is spent, the class's rule at the cap keeps requests from lanes or
it does not, but nothing gets cheaper before. They do not explore, and a session may change its lane at every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.cost import price
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.policies.policy import NOTHING, Moment, Told, Weighed
from router_ml.offline.simulation.policies.routed import Routed
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.offline.simulation.world.world import Phase, World
from router_ml.state.arms import Arms

Floats = NDArray[np.float64]
Lanes = NDArray[np.int64]
_NO_LANE = FATES.index("no_lane")
NEAREST = 50
_ROWS = 1024
_UNKNOWN = -1e9  # below every score that a lane can have


class Beside:
    """A policy under the champion's rules; it neither learns nor probes: nobody counts its probes, so they would never
    end. ``notes``: what a reader has to know."""

    falls_back = True
    learns = False

    def __init__(self, name: str, champion: Routed) -> None:
        self.name = name
        self._champion = champion.twin(champion.name)
        self.notes: tuple[str, ...] = self._champion.notes

    @property
    def config(self) -> RouterConfig:
        """The champion's, whose rules hold."""
        return self._champion.config

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on."""
        self._champion.enter(phase)
        self._champion.arms = Arms({}, learned={})  # entering has made new ones

    def learn(self, told: Told) -> None:
        """Nothing is learned."""


class Fixed(Beside):
    """Always one lane. Where rules or ceilings keep a request from it, it goes where the champion would send it; while
    the lane is down, requests have none, and what fails there fails.

    Raises:
        OfflineDataError: there is no such lane.
    """

    falls_back = False

    def __init__(self, name: str, lane: str, champion: Routed, kinds: Kinds, world: World) -> None:
        super().__init__(name, champion)
        if lane not in world.lanes:
            raise OfflineDataError(f"Lane {lane!r} has no outcomes; expected one of {', '.join(world.lanes)}.")
        self._lane, self._parts = world.lanes.index(lane), _parts(self.config, world, lane)
        self._permitted = self._champion.permitted()[:, self._lane]
        kept = float(kinds.weight @ ~self._permitted)
        if kept > 0:
            self.notes += (f"Rules and ceilings keep {kept:.1%} of the requests from {lane}.",)

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on."""
        super().enter(phase)
        self._permitted = self._champion.permitted()[:, self._lane]

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """The lane where it may be used; none while it is down."""
        found = self._champion.weigh(rows, moment)
        dark = bool(moment.down[self._parts].any())
        free = found.eligible[:, self._lane]
        stands = self._permitted[rows.kind] & ~free if dark else np.zeros(len(rows), bool)
        return _sent(found, np.where(free, self._lane, np.where(stands, NOTHING, found.exploit)))


class Ranked(Beside):
    """The eligible lane with the highest score; the champion's choice where none has one.

    Args:
        scores: (k, L) by kind and lane of the world, NaN for none; or what gives them from a phase and the champion as
            it is there.
        in_utility: they are quality - lambda * cost at the lambda of a request's class, so that what a later turn of a
            session costs beside its kind is taken off, cached tokens included.

    ``scores``: those of the phase.
    """

    def __init__(
        self,
        name: str,
        scores: Floats | Callable[[Phase, Routed], Floats],
        champion: Routed,
        world: World,
        *,
        in_utility: bool = False,
    ) -> None:
        super().__init__(name, champion)
        self._given, self._in_utility = scores, in_utility
        self._take(world.phases[0])

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on."""
        super().enter(phase)
        self._take(phase)

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """The highest score of what is eligible."""
        found = self._champion.weigh(rows, moment)
        scores = self.scores[rows.kind]
        longer = np.flatnonzero(rows.held > 0)
        if self._in_utility and len(longer):
            scores[longer] -= self._of_history(rows, moment, longer)
        worth = np.where(found.eligible, scores, -np.inf)
        best = worth.argmax(axis=1)
        scored = worth[np.arange(len(rows)), best] > _UNKNOWN / 2
        lane = np.where(scored, best, found.exploit)
        return replace(_sent(found, lane), worth=np.where(scored[:, None], worth, found.worth))

    def _of_history(self, rows: Rows, moment: Moment, at: NDArray[np.intp]) -> Floats:
        """Utility that the conversation so far costs on each lane, (n, L), of the rows ``at``."""
        kind, held, before = rows.kind[at], rows.held[at], moment.incumbent[at]
        nothing, cached = np.zeros((len(at), len(self._lanes))), np.zeros((len(at), len(self._lanes)))
        cached[np.arange(len(at)), before] = np.where(before >= 0, moment.cached[at], 0)
        cost = price(self._lanes, held, nothing, cached_in=cached) * self._discounts[kind]
        result: Floats = self._lambdas[kind, None] * cost
        return result

    def _take(self, phase: Phase) -> None:
        scores = self._given(phase, self._champion) if callable(self._given) else self._given
        self.scores = np.where(np.isnan(scores), _UNKNOWN, scores)
        self._lanes, self._lambdas = list(phase.lanes.values()), self._champion.lambdas()
        self._discounts = self._champion.discounts()


def oracle(champion: Routed, _: Kinds, world: World) -> Ranked:
    """The lane that is truly best by quality - lambda * cost at the lambda of the request's class, floors aside: a
    bound, no target. It knows prices and quality of each phase and what a lane holds of a session; that a session's
    next turn will find something there it does not weigh."""

    def scores(phase: Phase, now: Routed) -> Floats:
        result: Floats = phase.quality - now.lambdas()[:, None] * phase.cost_usd * now.discounts()
        return result

    return Ranked("oracle", scores, champion, world, in_utility=True)


def nearest(champion: Routed, kinds: Kinds, world: World, *, count: int = NEAREST) -> Ranked:
    """kNN: the lane that was best by mean quality - lambda * cost over the ``count`` nearest other requests, by cosine
    of their embeddings; near-duplicates of a request are none of them. What happens later it does not know. Where all
    requests are near-duplicates of each other it knows nothing, does what the champion does, and ``notes`` says so.
    """
    quality, cost = (_neighbours(kinds, values, count) for values in (kinds.quality, kinds.cost_usd))
    column = [world.lanes.index(lane) for lane in kinds.lanes]

    def scores(phase: Phase, now: Routed) -> Floats:
        result = np.full((len(kinds), len(world.lanes)), np.nan)
        result[:, column] = quality - now.lambdas()[:, None] * cost * now.discounts()[:, column]
        return result

    policy = Ranked("kNN", scores, champion, world, in_utility=True)
    if len(np.unique(kinds.cluster)) < 2:
        policy.notes += ("All requests are near-duplicates, so none has neighbours: this is what the champion does.",)
    return policy


def _neighbours(kinds: Kinds, values: Floats, count: int) -> Floats:
    """Means of (k, l) values over each kind's nearest kinds of other clusters; NaN where none of them has a value."""
    points, cluster = kinds.contexts.embedding, kinds.cluster
    if len(np.unique(cluster)) < 2:
        return np.full(values.shape, np.nan)
    known, zeros = np.isfinite(values), np.where(np.isfinite(values), values, 0.0)
    most, parts = min(count, len(points) - 1), []
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        alike = np.where(cluster[rows, None] == cluster, -np.inf, points[rows] @ points.T)
        near = np.argpartition(-alike, most - 1, axis=1)[:, :most]
        other = np.take_along_axis(alike, near, axis=1) > -np.inf
        total = (zeros[near] * other[:, :, None]).sum(axis=1)
        seen = (known[near] & other[:, :, None]).sum(axis=1)
        parts.append(np.where(seen > 0, total / np.maximum(seen, 1), np.nan))
    return np.concatenate(parts)


def _parts(config: RouterConfig, world: World, lane: str) -> list[int]:
    """Columns of a lane and of the lanes that it is made of."""
    cascade = config.lanes[lane].cascade if lane in config.lanes else None
    return [world.lanes.index(part) for part in (lane, *(cascade.parts if cascade else ())) if part in world.lanes]


def _sent(found: Weighed, lane: Lanes) -> Weighed:
    """All to these lanes, (n,), -1 for none, but for what goes to no lane anyway."""
    fate = np.where((found.fate == NOTHING) & (lane == NOTHING), _NO_LANE, found.fate)
    lane = np.where(fate == NOTHING, lane, NOTHING)
    propensities = np.zeros_like(found.propensities)
    rows = np.flatnonzero(lane >= 0)
    propensities[rows, lane[rows]] = 1.0
    return replace(
        found, propensities=propensities, exploit=lane, fate=fate, approval=found.approval & (fate == NOTHING)
    )
