"""The router as a policy: its own tables, estimates, terms and distribution, for many requests at once.

What does not change between two requests of a kind is computed once per kind and state (what is down, lambdas in
force, probes, what was learned) and gathered; later turns of sessions, which are longer and have a lane to stay on, row
by row.

What differs from a router that decides these requests one by one: the embedding, labels and risks of a later turn are
those of its kind, not of the whole conversation; risks of an earlier turn do not pin a later one; and the bandit's part
of quality in a session is right to 1e-6 instead of the last bit (see ``foreseen``).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation
from router_ml.arms import Arms
from router_ml.config import Lane, RouterConfig
from router_ml.errors import EncoderMismatchError
from router_ml.learning import OnlineLearner, versions_learned
from router_ml.offline.simulation.configured import configure, missing
from router_ml.offline.simulation.foreseen import Foreseen
from router_ml.offline.simulation.kinds import Kinds
from router_ml.offline.simulation.phased import Phased
from router_ml.offline.simulation.policies import NOTHING, Moment, Told, Weighed
from router_ml.offline.simulation.rows import Rows
from router_ml.offline.simulation.ruled import Ruled
from router_ml.offline.simulation.weighing import Asked, Columns
from router_ml.offline.simulation.world import Phase, World
from router_ml.storage.bundle import Bundle

Rank = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NO_RULE_ASKS = {"price": None, "latency": None, "prior": None, "probe": None, "version": "", "endpoint": None}
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # where no money depends on it


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
        _check(bundle.allocation, kinds)
        self.name, self.learns, self.kinds, self.world = name, learns, kinds, world
        self._own, self._promises, learned = config or bundle.config, bundle.promises, bundle.allocation
        self._allocation = replace(learned, bandit=learned.bandit.copy()) if learns else learned
        absent = missing(self._own, world)
        self.notes = (f"Without the lanes {', '.join(absent)}, of which no outcome is known.",) if absent else ()
        self._learner: OnlineLearner | None = None
        self._ruled: tuple[list[Lane], Ruled] | None = None
        self._phased: Phased | None = None
        self.arms = Arms({}, learned={})
        self.enter(world.phases[0])

    def twin(self, name: str) -> Routed:
        """The same router, which neither learns nor probes: for policies that are made from its decisions."""
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
        self._classes, lanes, before = list(at.config.traffic_classes), at.config.lanes, self.arms.state()
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
        self._renew()

    def learn(self, told: Told) -> None:
        """Learn from ratings, all against what was believed before them, and estimate anew."""
        lane = self._now.at.own[told.lane]
        rows, names = np.flatnonzero(lane >= 0), list(self.config.lanes)
        if self._learner is None or not len(rows):
            return
        self._learner.update_many(
            self.kinds.contexts.take(told.kind[rows]),
            [names[column] for column in lane[rows].tolist()],
            quality=told.quality[rows],
            probability=told.probability[rows],
        )
        self._now.foreseen.learned()
        self._renew()

    def took(self, rows: Rows, lane: Rank) -> int:
        """Count requests that went to ``lane`` (n,), -1 for none, until a lane is owed no probe any more; how many were
        counted. Those after them have to be weighed again. Costs are those that were expected of their kinds."""
        owed, last = self.arms.owed, len(rows)
        if not owed:
            return last
        names, columns, usd = list(self.config.lanes), self.world.lanes, self._now.foreseen.now.cost_usd
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
        asked, up = self._ask(moment), self._now.up(moment.down)
        later = rows.turn > 0
        kinds, talking = rows.kind, bool(np.logical_or.reduce(later))
        self._fill(kinds[~later] if talking else kinds, asked, up)
        found = self._table.take(kinds)
        if talking:
            at = np.flatnonzero(later)
            told = replace(moment, incumbent=moment.incumbent[at], cached=moment.cached[at])
            found.put(at, self._now.later_turns(rows.take(at), told, up, asked))
        return self._as_weighed(kinds, found)

    def permitted(self) -> Mask:
        """The lanes that rules and ceilings leave each kind, (k, L), whatever is down."""
        return self._over_world(self._now.ruled.whole(self._fits.copy()), False)

    def lambdas(self) -> NDArray[np.float64]:
        """Quality per USD that is asked for in each kind's class, (k,), before any pacing."""
        asked = np.array([one.plain.quality_per_usd for one in self._asked_without_money()])
        result: NDArray[np.float64] = asked[self._now.ruled.table.traffic_class]
        return result

    def calm(self, *, quality_per_usd: float | None = None) -> Weighed:
        """All kinds while nothing is down, owed or short; at another lambda in all classes, where one is given."""
        now, classes = self._now, self._now.ruled.table.traffic_class
        asked = self._asked_without_money()
        if quality_per_usd is not None:
            asked = [one.at(quality_per_usd) for one in asked]
        found = Columns.empty(len(self.kinds), len(self.config.lanes))
        up = now.up(np.zeros(len(self.world.lanes), bool))
        for rows, index, explore in self._groups(np.ones(len(self.kinds), bool), classes):
            found.put(rows, now.first_turns(rows, self._fits, up, asked[index], explore=explore))
        return self._as_weighed(np.arange(len(self.kinds)), found)

    @property
    def _now(self) -> Phased:
        assert self._phased is not None
        return self._phased

    def _rules(self) -> Ruled:
        """The tables; asked anew only where the lanes have changed in more than what they cost."""
        key = [lane.model_copy(update=_NO_RULE_ASKS) for lane in self.config.lanes.values()]
        if self._ruled is None or self._ruled[0] != key:
            self._ruled = key, Ruled(self.config, self.kinds)
        return self._ruled[1]

    def _renew(self) -> None:
        """Nothing that was weighed holds any more."""
        count, classes = len(self.kinds), len(self._classes)
        self._fits = self._now.fitting()
        self._table = Columns.empty(count, len(self.config.lanes))
        self._made = np.full(count, -1)  # the state in which each kind was weighed
        self._state, self._latest = np.zeros(classes, np.int64), 0  # of each class, and how many there have been
        self._around: list[object] = [None] * classes  # what the state of each class is
        self._asked: list[Asked | None] = [None] * classes

    def _ask(self, moment: Moment) -> list[Asked]:
        """What is asked of each class now; where that or what is down has changed, a new state begins for it."""
        probes = self.arms.probes(self.config.lanes) if self.arms.owed else {}
        around = (moment.down.tobytes(), tuple(probes.items()))
        for index, name in enumerate(self._classes):
            standing, certified = moment.money.get(name), self._now.certified[index]
            if standing is None and self._around[index] == around:
                continue
            asked = Asked.of(self.config, name, certified=certified, standing=standing, now=moment.at, probes=probes)
            state = around if standing is None else (around, asked.plain, asked.probes)
            if state != self._around[index]:
                self._latest += 1
                self._around[index], self._state[index], self._asked[index] = state, self._latest, asked
        return [one for one in self._asked if one is not None]

    def _asked_without_money(self) -> list[Asked]:
        pairs = zip(self._classes, self._now.certified, strict=True)
        return [
            Asked.of(self.config, name, certified=most, standing=None, now=_ANY_TIME, probes={}) for name, most in pairs
        ]

    def _fill(self, kinds: Rank, asked: list[Asked], up: Mask) -> None:
        """Weigh the kinds that have not been weighed in this state."""
        classes = self._now.ruled.table.traffic_class
        stale = self._made[kinds] != self._state[classes[kinds]]
        if not np.logical_or.reduce(stale):
            return
        wanted = np.zeros(len(self._made), bool)
        wanted[kinds[stale]] = True
        for rows, index, explore in self._groups(wanted, classes):
            self._table.put(rows, self._now.first_turns(rows, self._fits, up, asked[index], explore=explore))
        self._made[wanted] = self._state[classes[wanted]]

    def _groups(self, wanted: Mask, classes: Rank) -> Iterator[tuple[Rank, int, bool]]:
        """Kinds that are weighed together: of one class, explored on or not."""
        rows = np.flatnonzero(wanted)
        group = classes[rows] * 2 + self._now.explore[rows]
        for code in np.flatnonzero(np.bincount(group)).tolist():
            yield rows[group == code], code // 2, bool(code % 2)

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


def _check(allocation: Allocation, kinds: Kinds) -> None:
    """The kinds have to be read as the bundle reads."""
    contexts, quality = kinds.contexts, allocation.quality
    found = tuple(each.shape[1] for each in (contexts.embedding, contexts.surface, contexts.intent, contexts.domain))
    mean, surface = allocation.bandit.projection.mean, quality.similarity.surface_mean
    expected = (*mean.shape, *surface.shape, *quality.counts.shape[:2])
    if found != expected:
        raise EncoderMismatchError(
            f"The requests were read as (embedding, surface, intents, domains) of sizes {found}, this bundle expects "
            f"{expected}. Read them with a bundle that has the same encoder and classifier, or retrain it on theirs."
        )
