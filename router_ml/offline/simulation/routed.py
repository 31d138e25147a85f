"""The router as a policy: its own tables, estimates, terms and distribution, for many requests at once.

What does not change between two requests of a kind is computed once per kind and state (what is down, lambdas in
force, probes, what was learned) and gathered; later turns of sessions, which are longer and have a lane to stay on, row
by row.

What differs from a router that decides these requests one by one: the embedding, labels and risks of a later turn are
those of its kind, not of the whole conversation; risks of an earlier turn do not pin a later one; and the bandit's part
of quality in a session is right to 1e-6 instead of the last bit (see ``foreseen``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation, Estimates
from router_ml.allocation.select import Rule
from router_ml.arms import Arms
from router_ml.config import RouterConfig
from router_ml.errors import EncoderMismatchError
from router_ml.guardrails.limits import keeps
from router_ml.learning import OnlineLearner, versions_learned
from router_ml.offline.simulation.carried import FATES
from router_ml.offline.simulation.configured import configure, missing
from router_ml.offline.simulation.foreseen import Foreseen
from router_ml.offline.simulation.kinds import Kinds
from router_ml.offline.simulation.policies import NOTHING, Moment, Told, Weighed
from router_ml.offline.simulation.rows import Rows
from router_ml.offline.simulation.ruled import Ruled
from router_ml.offline.simulation.weighing import Asked, weigh
from router_ml.offline.simulation.world import Phase, World
from router_ml.storage.bundle import Bundle
from router_ml.terms import may_explore

Floats = NDArray[np.float64]
Rank = NDArray[np.int64]
_NO_RULE_ASKS = {"price": None, "latency": None, "prior": None, "probe": None, "version": "", "endpoint": None}
_NO_LANE, _ASKED_BACK = FATES.index("no_lane"), FATES.index("asked_back")


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
        self.name, self.learns = name, learns
        self._own, self._kinds, self._world, self._promises = config or bundle.config, kinds, world, bundle.promises
        learned = bundle.allocation
        self._allocation = replace(learned, bandit=learned.bandit.copy()) if learns else learned
        absent = missing(self._own, world)
        self.notes = (f"Without the lanes {', '.join(absent)}, of which no outcome is known.",) if absent else ()
        self._learner: OnlineLearner | None = None
        self._foreseen: Foreseen | None = None
        self._ruled: tuple[object, Ruled] | None = None
        self.arms = Arms({}, learned={})
        self.enter(world.phases[0])

    def enter(self, phase: Phase) -> None:
        """Lanes, prices or versions are as in ``phase`` from now on; what was learned and probed stays."""
        self._at = configure(self._own, self._world, phase)
        self.config, place = self._at.config, self._at.place
        self._same = len(place) == len(self._world.lanes) and bool((place == np.arange(len(place))).all())
        lanes, before = self.config.lanes, self.arms.state()
        there = {name: lane for name, lane in lanes.items() if name in self._world.lanes}
        self.arms = Arms(there, learned=versions_learned(self._allocation))
        self.arms.restore(before)
        if self.learns:
            learner, known = OnlineLearner(self._allocation, lanes), self._learner
            if known is not None:
                learner.posterior.restore(known.posterior.state())
            self._learner = learner
        ruled = self._rules()
        self._classes = list(self.config.traffic_classes)
        self._certified = [
            self._promises.largest(name, promise, prices_sha256=self._at.prices)
            for name, promise in self.config.traffic_classes.items()
        ]
        self._foreseen = Foreseen(
            self._allocation,
            lanes,
            self._kinds,
            batch=ruled.table.batch,
            learner=self._learner,
            before=self._foreseen,
        )
        self._explore = np.array(
            [
                may_explore(self.config, bool(allowed), asked, in_conversation=False, tier=facts.tier)
                for allowed, asked, facts in zip(
                    ruled.table.explore, self._kinds.constraints, self._kinds.facts, strict=True
                )
            ]
        )
        self._renew()

    def learn(self, told: Told) -> None:
        """Learn from ratings, all against what was believed before them, and estimate anew."""
        if self._learner is None or not len(told.kind):
            return
        lane = self._at.own[told.lane]
        rows, names = np.flatnonzero(lane >= 0), list(self.config.lanes)
        self._learner.update_many(
            self._kinds.contexts.take(told.kind[rows]),
            [names[column] for column in lane[rows].tolist()],
            quality=told.quality[rows],
            probability=told.probability[rows],
        )
        self._now.learned()
        self._renew()

    def took(self, rows: Rows, lane: NDArray[np.int64]) -> int:
        """Count requests that went to ``lane`` (n,), -1 for none, until a lane is owed no probe any more; how many were
        counted. Those after them have to be weighed again. Costs are those that were expected of their kinds."""
        owed, last = self.arms.owed, len(rows)
        if not owed:
            return last
        names, columns = list(self.config.lanes), self._world.lanes
        sent = {name: np.flatnonzero(lane == columns.index(name)) for name in owed}
        cost = {name: self._now.now.cost_usd[rows.kind[at], names.index(name)] for name, at in sent.items()}
        for name, at in sent.items():
            enough = self.arms.lasts(name, [*cost[name].tolist(), 0.0])
            last = int(at[enough - 1]) + 1 if 0 < enough <= len(at) and at[enough - 1] < last else last
        for name, at in sent.items():
            self.arms.count_many(name, cost[name][at < last].tolist())
        return last

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """What to do with requests that come at about the same time."""
        asked = self._ask(moment)
        later = rows.turn > 0
        kinds, talking = rows.kind, bool(np.logical_or.reduce(later))
        self._fill(kinds[~later] if talking else kinds, asked)
        table = self._table
        found = table.take(kinds)
        if talking:
            at = np.flatnonzero(later)
            for each, values in zip(found, self._talk(rows, at, moment, asked), strict=True):
                each[at] = values
        place = self._at.place
        approval, classes = self._ruled_now.table.approval[kinds], self._ruled_now.table.traffic_class[kinds]
        return Weighed(
            propensities=self._over_world(found.propensities, 0.0),
            exploit=np.where(found.exploit >= 0, place[found.exploit], NOTHING),
            eligible=self._over_world(found.eligible, False),
            worth=self._over_world(found.worth, -np.inf),
            fate=found.fate,
            approval=approval & (found.fate == NOTHING),
            traffic_class=classes,
        )

    @property
    def _now(self) -> Foreseen:
        assert self._foreseen is not None
        return self._foreseen

    @property
    def _ruled_now(self) -> Ruled:
        assert self._ruled is not None
        return self._ruled[1]

    def _rules(self) -> Ruled:
        """The tables; asked anew only where the lanes have changed in more than what they cost."""
        key = [lane.model_copy(update=_NO_RULE_ASKS) for lane in self.config.lanes.values()]
        if self._ruled is None or self._ruled[0] != key:
            self._ruled = key, Ruled(self.config, self._kinds)
        return self._ruled[1]

    def _renew(self) -> None:
        """Nothing that was weighed holds any more."""
        count, lanes = len(self._kinds), len(self.config.lanes)
        short = self._kinds.contexts.tokens_in <= self._ruled_now.table.max_tokens
        self._fits = self._within(self._now.now, np.arange(count)) & self._ruled_now.table.eligible & short[:, None]
        self._table = Columns.empty(count, lanes)
        self._made = np.full(count, -1)  # under which state each kind was weighed
        self._states: list[object] = [None] * len(self._classes)
        self._state = np.zeros(len(self._classes), np.int64)
        self._latest = 0
        self._asked: list[Asked | None] = [None] * len(self._classes)

    def _within(self, estimates: Estimates, kind: Rank) -> NDArray[np.bool_]:
        """Whether each lane keeps the ceilings of requests of these kinds, (n, K)."""
        table = self._ruled_now.table
        most, longest = table.max_cost_usd[kind, None], table.max_latency_ms[kind, None]
        cheap = keeps(estimates.cost_usd, most) | np.isinf(most)
        result: NDArray[np.bool_] = cheap & (keeps(estimates.latency_ms, longest) | np.isinf(longest))
        return result

    def _ask(self, moment: Moment) -> list[Asked]:
        """What is asked of each class now; where that has changed, a new state begins for it."""
        probes = self.arms.probes(self.config.lanes) if self.arms.owed else {}
        around = (moment.down.tobytes(), tuple(probes.items()))
        for index, name in enumerate(self._classes):
            standing = moment.money.get(name)
            if standing is None and self._states[index] == around:
                continue
            asked = Asked.of(
                self.config,
                name,
                certified=self._certified[index],
                standing=standing,
                now=moment.at,
                probes=probes,
            )
            state = around if standing is None else (around, asked.plain, asked.probes)
            if state != self._states[index]:
                self._latest += 1
                self._states[index], self._state[index], self._asked[index] = state, self._latest, asked
        self._up = np.where(self._at.place >= 0, ~moment.down[self._at.place], False)
        return [one for one in self._asked if one is not None]

    def _fill(self, kinds: Rank, asked: list[Asked]) -> None:
        """Weigh the kinds that have not been weighed in this state."""
        classes = self._ruled_now.table.traffic_class
        stale = self._made[kinds] != self._state[classes[kinds]]
        if not np.logical_or.reduce(stale):
            return
        wanted = np.zeros(len(self._made), bool)
        wanted[kinds[stale]] = True
        for index, one in enumerate(asked):
            for explore in (False, True):
                rows = np.flatnonzero(wanted & (classes == index) & (self._explore == explore))
                if len(rows):
                    estimates, fits = self._now.now.take(rows), self._fits[rows]
                    rule = one.exploring if explore else one.plain
                    values = self._weigh(estimates, fits, rows, one, rule, probes=dict(one.probes))
                    for each, value in zip(self._table, values, strict=True):
                        each[rows] = value
        self._made[wanted] = self._state[classes[wanted]]

    def _talk(self, rows: Rows, at: Rank, moment: Moment, asked: list[Asked]) -> Columns:
        """Later turns: longer than their kind, not explored, with a lane that may stay."""
        kind, before = rows.kind[at], moment.incumbent[at]
        table, tokens = self._ruled_now.table, self._kinds.contexts.tokens_in[kind] + rows.held[at]
        lane = np.where(before >= 0, self._at.own[before], NOTHING)
        cached = np.zeros((len(at), len(self.config.lanes)))
        cached[np.arange(len(at)), lane] = np.where(lane >= 0, moment.cached[at], 0)
        result = Columns.empty(len(at), len(self.config.lanes))
        group = (table.traffic_class[kind] * 2 + table.batch[kind]) * 2 + (lane >= 0)
        for code in np.unique(group).tolist():
            part, one = np.flatnonzero(group == code), asked[code // 4]
            estimates = self._now.of(
                kind[part], tokens_in=tokens[part], cached_in=cached[part], batch=bool(code // 2 % 2)
            )
            fits = self._ruled_now.eligible(kind[part], tokens[part]) & self._within(estimates, kind[part])
            fits &= (tokens[part] <= table.max_tokens[kind[part]])[:, None]
            incumbent = lane[part] if code % 2 else None
            values = self._weigh(estimates, fits, kind[part], one, one.plain, incumbent=incumbent)
            for each, value in zip(result, values, strict=True):
                each[part] = value
        return result

    def _weigh(
        self,
        estimates: Estimates,
        fits: NDArray[np.bool_],
        kind: Rank,
        asked: Asked,
        rule: Rule,
        *,
        incumbent: Rank | None = None,
        probes: Mapping[str, float] | None = None,
    ) -> Columns:
        """Requests of one class that are asked for by one rule, of these kinds."""
        eligible = self._ruled_now.whole(fits & self._up)
        propensities, exploit, worth = weigh(estimates, eligible, rule, self.config, incumbent=incumbent, probes=probes)
        fate = self._ruled_now.table.fate[kind]
        fate = np.where((fate == NOTHING) & ~np.logical_or.reduce(eligible, axis=1), _NO_LANE, fate)
        fate = np.where(fate == NOTHING, asked.stopped, fate)
        fate = np.where((fate == NOTHING) & self._kinds.asks_back[kind], _ASKED_BACK, fate)
        stays = fate != NOTHING
        propensities[stays] = 0.0
        return Columns(propensities, np.where(stays, NOTHING, exploit), eligible, worth, fate)

    def _over_world(self, values: NDArray[Any], absent: Any) -> NDArray[Any]:
        """Columns of the router's lanes as those of the world."""
        own = self._at.own
        if self._same:
            return values
        result = values[:, own]
        result[:, own < 0] = absent
        return result


class Columns(NamedTuple):
    """What is weighed of n requests, over the K lanes of the router; as in ``Weighed``."""

    propensities: Floats
    exploit: Rank
    eligible: NDArray[np.bool_]
    worth: Floats
    fate: Rank

    def take(self, rows: Rank) -> Columns:
        """The chosen rows."""
        return Columns(self[0][rows], self[1][rows], self[2][rows], self[3][rows], self[4][rows])

    @classmethod
    def empty(cls, rows: int, lanes: int) -> Columns:
        """Room for so many."""
        shape = rows, lanes
        nothing = np.full(rows, NOTHING)
        return cls(np.zeros(shape), nothing, np.zeros(shape, bool), np.zeros(shape), nothing.copy())


def _check(allocation: Allocation, kinds: Kinds) -> None:
    """The kinds have to be read as the bundle reads."""
    contexts, quality = kinds.contexts, allocation.quality
    found = tuple(each.shape[1] for each in (contexts.embedding, contexts.surface, contexts.intent, contexts.domain))
    expected = (
        allocation.bandit.projection.mean.shape[0],
        quality.similarity.surface_mean.shape[0],
        *quality.counts.shape[:2],
    )
    if found != expected:
        raise EncoderMismatchError(
            f"The requests were read as (embedding, surface, intents, domains) of sizes {found}, this bundle expects "
            f"{expected}. Read them with a bundle that has the same encoder and classifier, or retrain it on theirs."
        )
