"""A log as it was: every decision again, with what became of it, so that its own totals come out to the last bit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.offline.simulation.logged.beside import Beside
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.policies.policy import Moment, Told, Weighed
from router_ml.offline.simulation.traffic.rows import Rows, Stream
from router_ml.offline.simulation.world.world import Phase
from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]
SERVED = FATES.index("served")


@dataclass(frozen=True)
class Totals:
    """Of a log, or of what was replayed: requests, how many ended how, how many each lane answered, USD of those whose
    cost is known, the sum of the qualities that are known, and of the milliseconds that are known. Sums are correctly
    rounded (Shewchuk 1997), so that they do not depend on the order."""

    requests: int
    fates: dict[str, int]
    lanes: dict[str, int]
    priced: int
    spend_usd: float
    rated: int
    quality: float
    timed: int
    latency_ms: float


class AsLogged:
    """What the log did, decision by decision. As a policy it takes the lane that answered then, whatever the scenario;
    ``carry`` gives what became of each.

    Kinds are the decisions of the log, all of them, in its order; lanes are those configured, then those that are gone.

    Args:
        whole: decisions with outcomes (n,), and what is beside them.
        config: whose lanes come first, and whose classes are counted.
    """

    name = "as logged"
    falls_back = False
    learns = False

    def __init__(self, whole: LoggedData, beside: Beside, config: RouterConfig) -> None:
        self.config, self.whole, self.beside = config, whole, beside
        gone = tuple(lane for lane in whole.lanes if lane not in config.lanes)
        self.lanes = (*config.lanes, *gone)
        self._place = np.array([self.lanes.index(lane) for lane in whole.lanes], dtype=np.int64)
        self.first = self._of(whole.action)
        answered = np.where(whole.executed >= 0, whole.executed, whole.action)
        self.final = np.where(beside.fate == SERVED, self._of(answered), -1)
        names = tuple(dict.fromkeys((*config.traffic_classes, *whole.traffic_class.tolist())))
        self.classes = names
        index = {name: number for number, name in enumerate(names)}
        self.traffic_class = np.array([index[name] for name in whole.traffic_class.tolist()], dtype=np.int64)

    def _of(self, lane: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(lane >= 0, self._place[np.maximum(lane, 0)], -1) if len(self._place) else lane

    def enter(self, phase: Phase) -> None:
        """Nothing changes what has happened."""

    def learn(self, told: Told) -> None:
        """Nothing is learned."""

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """The lane that answered each decision, as certain; nothing is asked of rules again."""
        lane = self.final[rows.kind]
        lanes = len(moment.down)
        there = np.flatnonzero((lane >= 0) & (lane < lanes))
        shares = np.zeros((len(rows), lanes))
        shares[there, lane[there]] = 1.0
        fate = np.where(self.beside.fate[rows.kind] == SERVED, -1, self.beside.fate[rows.kind])
        gone = (fate < 0) & (shares.sum(axis=1) == 0)
        return Weighed(
            propensities=shares,
            exploit=np.where(shares.any(axis=1), lane, -1),
            eligible=shares > 0,
            worth=shares,
            fate=np.where(gone, FATES.index("no_lane"), fate),
            approval=self.beside.approval[rows.kind],
            traffic_class=self.traffic_class[rows.kind],
        )

    def carry(self, stream: Stream) -> Iterator[Carried]:
        """What became of every request of a stream of these kinds. Costs that are not known are 0, qualities and times
        that are not known NaN, as of requests that are not rated. A cost or a quality may also be known of a request
        that nobody answered: the log says so, and it counts."""
        whole, beside = self.whole, self.beside
        drawn = whole.action >= 0
        propensity = np.full(len(whole), np.nan)
        propensity[drawn] = whole.propensities[drawn, whole.action[drawn]]
        usual = np.where(beside.explored & drawn, whole.propensities.argmax(axis=1), whole.action)
        explored_usd, explored_quality = (
            np.nan_to_num(_less(each, whole.action, usual))
            for each in (whole.estimated_cost_usd, whole.estimated_quality)
        )
        exploit = self._of(usual)
        for rows in stream.batches():
            kind = rows.kind
            yield Carried(
                rows=rows,
                classes=self.classes,
                traffic_class=self.traffic_class[kind],
                fate=beside.fate[kind],
                first=self.first[kind],
                final=self.final[kind],
                exploit=exploit[kind],
                propensity=propensity[kind],
                cost_usd=np.nan_to_num(whole.cost_usd[kind], nan=0.0),
                latency_ms=whole.latency_ms[kind],
                quality=whole.quality[kind],
                calls=beside.calls[kind],
                failed_calls=beside.failed_calls[kind],
                violations=beside.violations[kind],
                approval=beside.approval[kind],
                explored_usd=explored_usd[kind],
                explored_quality=explored_quality[kind],
            )

    def totals(self) -> Totals:
        """Of the log itself, from its arrays."""
        priced, rated, timed = (
            np.isfinite(each) for each in (self.whole.cost_usd, self.whole.quality, self.whole.latency_ms)
        )
        return Totals(
            requests=len(self.whole),
            fates=_counted(self.beside.fate, FATES),
            lanes=_counted(self.final, self.lanes),
            priced=int((priced & (self.whole.cost_usd != 0)).sum()),
            spend_usd=math.fsum(self.whole.cost_usd[priced]),
            rated=int(rated.sum()),
            quality=math.fsum(self.whole.quality[rated]),
            timed=int(timed.sum()),
            latency_ms=math.fsum(self.whole.latency_ms[timed]),
        )


def totals_of(carried: Iterable[Carried], lanes: tuple[str, ...]) -> Totals:
    """Of what was carried out."""
    parts = list(carried)

    def all_of(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0)

    cost, quality, latency = all_of("cost_usd"), all_of("quality"), all_of("latency_ms")
    rated, timed = np.isfinite(quality), np.isfinite(latency)
    return Totals(
        requests=len(cost),
        fates=_counted(all_of("fate").astype(np.int64), FATES),
        lanes=_counted(all_of("final").astype(np.int64), lanes),
        priced=int((cost != 0).sum()),
        spend_usd=math.fsum(cost),
        rated=int(rated.sum()),
        quality=math.fsum(quality[rated]),
        timed=int(timed.sum()),
        latency_ms=math.fsum(latency[timed]),
    )


def _counted(values: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(values[values >= 0], minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _less(values: Floats, one: NDArray[np.int64], other: NDArray[np.int64]) -> Floats:
    """Value of one lane less that of another, (n,); 0 where there is none."""
    rows = np.arange(len(values))
    if not values.shape[1]:
        return np.zeros(len(values))
    found: Floats = values[rows, np.maximum(one, 0)] - values[rows, np.maximum(other, 0)]
    return np.where((one >= 0) & (other >= 0), found, 0.0)
