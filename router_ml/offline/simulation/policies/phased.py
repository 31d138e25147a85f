"""A router while its lanes stay as they are: rules and estimates of all kinds, and decisions that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates
from router_ml.allocation.select import Rule
from router_ml.deciding.terms import may_explore
from router_ml.guardrails.rules.limits import keeps
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.policies.configured import Configured
from router_ml.offline.simulation.policies.foreseen import Foreseen
from router_ml.offline.simulation.policies.policy import NOTHING, Moment
from router_ml.offline.simulation.policies.ruled import Ruled
from router_ml.offline.simulation.policies.weighing import Asked, Columns, weigh
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import Rows

Rank = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NO_LANE, _ASKED_BACK = FATES.index("no_lane"), FATES.index("asked_back")


@dataclass(frozen=True)
class Phased:
    """``certified``: by class, the largest lambda that is. ``explore``: (k,) whether a first turn is explored on."""

    kinds: Kinds
    at: Configured
    ruled: Ruled
    foreseen: Foreseen
    certified: tuple[float | None, ...]
    explore: Mask

    @classmethod
    def of(
        cls, kinds: Kinds, at: Configured, ruled: Ruled, foreseen: Foreseen, certified: Sequence[float | None]
    ) -> Phased:
        """With what follows from the rest."""
        each = zip(ruled.table.explore.tolist(), kinds.constraints, kinds.facts, strict=True)
        explore = [may_explore(at.config, may, asked, in_conversation=False, tier=of.tier) for may, asked, of in each]
        return cls(kinds, at, ruled, foreseen, tuple(certified), np.array(explore))

    def fitting(self) -> Mask:
        """The lanes that rules and ceilings leave each kind, (k, K), whatever is down and whether or not the parts of a
        cascade are left."""
        table = self.ruled.table
        short = self.kinds.contexts.tokens_in <= table.max_tokens
        return self._within(self.foreseen.now, np.arange(len(self.kinds))) & table.eligible & short[:, None]

    def up(self, down: Mask) -> Mask:
        """The router's lanes, (K,), that are not ``down``, (L,)."""
        place = self.at.place
        return np.where(place >= 0, ~down[place], False)

    def first_turns(self, rows: Rank, fits: Mask, up: Mask, asked: Asked, *, explore: bool) -> Columns:
        """Kinds ``rows``, of one class and alike in whether they are explored on; ``fits``: what is fitting of all."""
        rule, probes = (asked.exploring, dict(asked.probes)) if explore else (asked.plain, None)
        estimates = self.foreseen.now.take(rows)
        return self._weigh(estimates, fits[rows] & up, rows, asked, rule, probes=probes)

    def later_turns(self, rows: Rows, moment: Moment, up: Mask, asked: Sequence[Asked]) -> Columns:
        """Later turns of sessions: longer than their kind, not explored, with a lane that may stay."""
        kind, before, table, lanes = rows.kind, moment.incumbent, self.ruled.table, len(self.at.config.lanes)
        tokens = self.kinds.contexts.tokens_in[kind] + rows.held
        lane = np.where(before >= 0, self.at.own[before], NOTHING)
        cached = np.zeros((len(rows), lanes))
        cached[np.arange(len(rows)), lane] = np.where(lane >= 0, moment.cached, 0)
        result = Columns.empty(len(rows), lanes)
        group = (table.traffic_class[kind] * 2 + table.batch[kind]) * 2 + (lane >= 0)
        for code in np.unique(group).tolist():
            part, one = np.flatnonzero(group == code), asked[code // 4]
            of, long = kind[part], tokens[part]
            estimates = self.foreseen.of(of, tokens_in=long, cached_in=cached[part], batch=bool(code // 2 % 2))
            fits = self.ruled.eligible(of, long) & self._within(estimates, of) & (long <= table.max_tokens[of])[:, None]
            incumbent = lane[part] if code % 2 else None
            result.put(part, self._weigh(estimates, fits & up, of, one, one.plain, incumbent=incumbent))
        return result

    def _weigh(
        self,
        estimates: Estimates,
        eligible: Mask,
        kind: Rank,
        asked: Asked,
        rule: Rule,
        *,
        incumbent: Rank | None = None,
        probes: Mapping[str, float] | None = None,
    ) -> Columns:
        """Requests of these kinds, of one class, under one rule. What stops them comes in the order of the router."""
        eligible = self.ruled.whole(eligible)
        made = weigh(estimates, eligible, rule, self.at.config, incumbent=incumbent, probes=probes)
        propensities, exploit, worth = made
        fate = self.ruled.table.fate[kind]
        fate = np.where((fate == NOTHING) & ~np.logical_or.reduce(eligible, axis=1), _NO_LANE, fate)
        fate = np.where(fate == NOTHING, asked.stopped, fate)
        fate = np.where((fate == NOTHING) & self.kinds.asks_back[kind], _ASKED_BACK, fate)
        stays = fate != NOTHING
        propensities[stays] = 0.0
        return Columns(propensities, np.where(stays, NOTHING, exploit), eligible, worth, fate)

    def _within(self, estimates: Estimates, kind: Rank) -> Mask:
        """Whether each lane keeps the ceilings of requests of these kinds, (n, K)."""
        table = self.ruled.table
        most, longest = table.max_cost_usd[kind, None], table.max_latency_ms[kind, None]
        cheap = keeps(estimates.cost_usd, most) | np.isinf(most)
        result: Mask = cheap & (keeps(estimates.latency_ms, longest) | np.isinf(longest))
        return result
