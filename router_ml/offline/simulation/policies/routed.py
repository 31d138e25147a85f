"""The router as a policy: its own tables, estimates, terms and distribution, for many requests at once.

What does not change between two requests of a kind is computed once per kind and state (what is down, lambdas in
force, probes, what was learned) and gathered; later turns of sessions, which are longer and have a lane to stay on, row
by row.

What differs from a router that decides these requests one by one: the embedding, labels and risks of a later turn are
those of its kind, not of the whole conversation; risks of an earlier turn do not pin a later one; and the bandit's part
of quality in a session is right to 1e-6 instead of the last bit (see ``foreseen``).
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.config import Lane, RouterConfig
from router_ml.offline.simulation.policies.configured import configure, missing
from router_ml.offline.simulation.policies.foreseen import Foreseen, check_read
from router_ml.offline.simulation.policies.phased import Phased
from router_ml.offline.simulation.policies.policy import NOTHING, Moment, Told, Weighed
from router_ml.offline.simulation.policies.remembering import Memo
from router_ml.offline.simulation.policies.ruled import Ruled
from router_ml.offline.simulation.policies.weighing import Columns
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.offline.simulation.world.world import Phase, World
from router_ml.state.arms import Arms
from router_ml.state.learning import OnlineLearner, versions_learned
from router_ml.storage.bundle import Bundle

Rank = NDArray[np.int64]
Mask = NDArray[np.bool_]
NO_RULE_ASKS = {"price": None, "latency": None, "prior": None, "probe": None, "version": "", "endpoint": None}
_AT_ONCE = 64  # ratings that are learned against one prediction: more would be taken for drift of the lane


class Routed:
    """A bundle with its rules, or with others.

    Args:
        config: in the place of the bundle's. learns: whether ratings of the run teach it; it learns in a copy.

    ``notes``: what a reader of its results has to know. ``arms``: the probes that lanes are owed; ``took`` counts.

    Raises:
        EncoderMismatchError: the bundle reads requests otherwise than the kinds were read.
        OfflineDataError: not one of its lanes is in the world.
        InvalidRequestError: a kind names a class, tool or lane that is not configured.
    """

    falls_back = True

    def __init__(
        self,
        name: str,
        bundle: Bundle,
        kinds: Kinds,
        world: World,
        *,
        config: RouterConfig | None = None,
        learns: bool = False,
    ) -> None:
        check_read(bundle, kinds)
        self.name, self.learns, self.kinds, self.world = name, learns, kinds, world
        self._own, self._promises, learned = config or bundle.config, bundle.promises, bundle.allocation
        self._allocation = replace(learned, bandit=learned.bandit.copy()) if learns else learned
        absent = missing(self._own, world)
        self.notes: tuple[str, ...] = (
            (f"Without the lanes {', '.join(absent)}, of which no outcome is known.",) if absent else ()
        )
        self._learner: OnlineLearner | None = None
        self._ruled: tuple[list[Lane], Ruled] | None = None
        self._phased: Phased | None = None
        self.arms = Arms({}, learned={})
        self.enter(world.phases[0])

    def twin(self, name: str) -> Routed:
        """The same router, which does not learn and owes no probes until it enters a phase: for policies that are made
        from its decisions."""
        other = copy(self)
        other.name, other.learns, other._learner = name, False, None
        other.enter(self.world.phases[0])
        other.arms = Arms({}, learned={})
        return other

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on; what was learned and probed stays."""
        at = configure(self._own, self.world, phase)
        self.config, place = at.config, at.place
        self._same = len(place) == len(self.world.lanes) and bool((place == np.arange(len(place))).all())
        lanes, before = at.config.lanes, self.arms.state()
        there = {name: lane for name, lane in lanes.items() if name in self.world.lanes}
        self.arms = Arms(there, learned=versions_learned(self._allocation))
        self.arms.restore(before)
        if self.learns:
            learner, known = OnlineLearner(self._allocation, lanes), self._learner
            if known is not None:
                learner.posterior.restore(known.posterior.state())
            self._learner = learner
        ruled, last = self._rules(), self._phased
        foreseen = Foreseen(
            self._allocation,
            lanes,
            self.kinds,
            batch=ruled.table.batch,
            learner=self._learner,
            before=last.foreseen if last is not None else None,
        )
        promises = at.config.traffic_classes.items()
        certified = [self._promises.largest(name, one, prices_sha256=at.prices) for name, one in promises]
        self._phased = Phased.of(self.kinds, at, ruled, foreseen, certified)
        self._memo = Memo(self._now)

    def learn(self, told: Told) -> None:
        """Learn from ratings in order, and estimate anew. They are learned some at a time, each against what was
        predicted before these."""
        lane = self._now.at.own[told.lane]
        known, names = np.flatnonzero(lane >= 0), list(self.config.lanes)
        if self._learner is None or not len(known):
            return
        for start in range(0, len(known), _AT_ONCE):
            rows = known[start : start + _AT_ONCE]
            self._learner.update_many(
                self.kinds.contexts.take(told.kind[rows]),
                [names[column] for column in lane[rows].tolist()],
                quality=told.quality[rows],
                probability=told.probability[rows],
            )
        self._now.foreseen.learned()
        self._memo = Memo(self._now)

    def took(self, rows: Rows, lane: Rank) -> int:
        """Count requests that went to ``lane`` (n,), -1 for none, until a lane is owed no probe any more; how many were
        counted. Those after them have to be weighed again. Costs are those that were expected of their kinds."""
        owed, last = self.arms.owed, len(rows)
        if not owed:
            return last
        names, columns, usd = list(self.config.lanes), self.world.lanes, self.estimates.cost_usd
        sent = {name: np.flatnonzero(lane == columns.index(name)) for name in owed}
        cost = {name: usd[rows.kind[at], names.index(name)] for name, at in sent.items()}
        for name, at in sent.items():
            enough = self.arms.lasts(name, [*cost[name].tolist(), 0.0])
            last = int(at[enough - 1]) + 1 if 0 < enough <= len(at) and at[enough - 1] < last else last
        for name, at in sent.items():
            self.arms.count_many(name, cost[name][at < last].tolist())
        return last

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """What to do with requests that come at about the same time."""
        asked, up = self._memo.ask(moment, self.arms), self._now.up(moment.down)
        later = rows.turn > 0
        kinds, talking = rows.kind, bool(np.logical_or.reduce(later))
        self._memo.fill(kinds[~later] if talking else kinds, asked, up)
        found = self._memo.table.take(kinds)
        if talking:
            at = np.flatnonzero(later)
            told = replace(moment, incumbent=moment.incumbent[at], cached=moment.cached[at])
            found.put(at, self._now.later_turns(rows.take(at), told, up, asked))
        return self._as_weighed(kinds, found)

    @property
    def estimates(self) -> Estimates:
        """What is believed of each kind on the router's own lanes now, (k, K)."""
        return self._now.foreseen.now

    def permitted(self) -> Mask:
        """The lanes that rules and ceilings leave each kind, (k, L), whatever is down."""
        return self._over_world(self._now.ruled.whole(self._memo.fits.copy()), False)

    def lambdas(self) -> NDArray[np.float64]:
        """Quality per USD that is asked for in each kind's class, (k,), before any pacing."""
        asked = np.array([one.plain.quality_per_usd for one in self._memo.ask_calmly()])
        result: NDArray[np.float64] = asked[self._now.ruled.table.traffic_class]
        return result

    def discounts(self) -> NDArray[np.float64]:
        """What requests of each kind cost on each lane, (k, L), in times of their full price: batch discounts."""
        lanes = self.config.lanes
        given = np.array([lanes[name].price.batch_discount if name in lanes else 0.0 for name in self.world.lanes])
        result: NDArray[np.float64] = np.where(self._now.ruled.table.batch[:, None], 1 - given, 1.0)
        return result

    def calm(self, *, quality_per_usd: float | None = None) -> Weighed:
        """All kinds while nothing is down, owed or short; at another lambda in all classes, where one is given."""
        asked = self._memo.ask_calmly()
        if quality_per_usd is not None:
            asked = [one.at(quality_per_usd) for one in asked]
        up = self._now.up(np.zeros(len(self.world.lanes), bool))
        return self._as_weighed(np.arange(len(self.kinds)), self._memo.fresh(asked, up))

    @property
    def _now(self) -> Phased:
        assert self._phased is not None
        return self._phased

    def _rules(self) -> Ruled:
        """The tables; asked anew only where the lanes have changed in more than what they cost."""
        key = [lane.model_copy(update=NO_RULE_ASKS) for lane in self.config.lanes.values()]
        if self._ruled is None or self._ruled[0] != key:
            self._ruled = key, Ruled(self.config, self.kinds)
        return self._ruled[1]

    def _as_weighed(self, kinds: Rank, found: Columns) -> Weighed:
        table, exploit = self._now.ruled.table, found.exploit
        return Weighed(
            propensities=self._over_world(found.propensities, 0.0),
            exploit=np.where(exploit >= 0, self._now.at.place[exploit], NOTHING),
            eligible=self._over_world(found.eligible, False),
            worth=self._over_world(found.worth, -np.inf),
            fate=found.fate,
            approval=table.approval[kinds] & (found.fate == NOTHING),
            traffic_class=table.traffic_class[kinds],
        )

    def _over_world(self, values: NDArray[Any], absent: Any) -> NDArray[Any]:
        """Columns of the router's lanes as those of the world."""
        if self._same:
            return values
        own = self._now.at.own
        result = values[:, own]
        result[:, own < 0] = absent
        return result
