"""Hand-made traffic that was carried out, for whoever counts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from router_ml.config import TrafficClass
from router_ml.offline.simulation.counting.counted import difference_of
from router_ml.offline.simulation.counting.results import Curve, Study, Trouble
from router_ml.offline.simulation.counting.tally import Tally
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.scenarios.scenario import Reviewers, Scenario
from router_ml.offline.simulation.traffic.rows import LUCK, Rows
from router_ml.offline.simulation.world.world import World

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LANES = ("cheap", "dear")


@dataclass
class Scene:
    """What a tally needs to know: ``clusters`` numbers the cluster of each kind."""

    clusters: ArrayLike = tuple(range(40))
    hours: float = 24.0
    start: datetime = MONDAY
    classes: dict[str, TrafficClass] = field(
        default_factory=lambda: {"default": TrafficClass(floor=0.7, quality_per_usd=30)}
    )
    reviewers: Reviewers = field(default_factory=Reviewers)

    def tally(self, name: str = "champion") -> Tally:
        kinds = SimpleNamespace(cluster=np.asarray(self.clusters), truth="measured")
        stream: Any = SimpleNamespace(kinds=kinds, start=self.start, hours=self.hours)
        policy: Any = SimpleNamespace(name=name, config=SimpleNamespace(traffic_classes=self.classes))
        return Tally(policy, stream, World(LANES, {}, (), ()), Scenario(name="made", reviewers=self.reviewers))

    def carried(
        self, kind: ArrayLike, hour: ArrayLike | None = None, *, fate: Any = "served", **columns: Any
    ) -> Carried:
        """``fate``: a name, or names. Numbers that are not given are those of a request that ``cheap`` served."""
        kinds = np.asarray(kind, dtype=np.int64)
        count = len(kinds)
        fates = np.array([FATES.index(one) for one in ([fate] * count if isinstance(fate, str) else fate)])
        served = fates == 0

        def of(name: str, default: ArrayLike, kind: type = float) -> Any:
            return np.array(np.broadcast_to(np.asarray(columns.pop(name, default), dtype=kind), (count,)))

        found = {
            "traffic_class": of("traffic_class", 0, int),
            "fate": fates,
            "first": of("first", np.where(served, 0, -1), int),
            "final": of("final", np.where(served, 0, -1), int),
            "exploit": of("exploit", np.where(served, 0, -1), int),
            "propensity": of("propensity", 1.0),
            "cost_usd": of("cost_usd", np.where(served, 0.001, 0.0)),
            "latency_ms": of("latency_ms", np.where(served, 500.0, np.nan)),
            "quality": of("quality", np.where(served, 0.8, np.nan)),
            "calls": of("calls", served, int),
            "failed_calls": of("failed_calls", 0, int),
            "violations": of("violations", 0, int),
            "approval": of("approval", False, bool),
            "explored_usd": of("explored_usd", 0.0),
            "explored_quality": of("explored_quality", 0.0),
        }
        assert not columns, columns
        return Carried(rows_of(kinds, hour, self.hours), tuple(self.classes), **found)


def rows_of(kind: np.ndarray, hour: ArrayLike | None, hours: float) -> Rows:
    count = len(kind)
    zero, when = np.zeros(count, np.int64), np.linspace(0, hours, count, endpoint=False) if hour is None else hour
    return Rows(
        number=np.arange(count),
        kind=kind,
        hour=np.array(np.broadcast_to(np.asarray(when, dtype=float), (count,))),
        session=zero - 1,
        turn=zero,
        before=zero - 1,
        held=zero,
        luck=np.zeros((count, LUCK)),
    )


def pieces(carried: Carried, cuts: list[int]) -> Iterator[Carried]:
    """The same in several pieces."""
    edges = [0, *sorted(cut % (len(carried.rows) + 1) for cut in cuts), len(carried.rows)]
    for low, high in pairwise(edges):
        part = slice(low, high)
        columns = {name: value[part] for name, value in vars(carried).items() if isinstance(value, np.ndarray)}
        yield Carried(carried.rows.take(part), carried.classes, **columns)


def a_study(*names: str, hours: float = 24.0) -> Study:
    """A study of hand-made policies: the champion takes ``cheap``, those after it ``dear``; from hour 6 to 12 one
    request in ten fails."""
    scene = Scene(hours=hours, classes={"default": TrafficClass(floor=0.7, quality_per_usd=30, budget_usd_per_day=1.0)})
    random, tallies = np.random.default_rng(0), []
    kind, hour = random.integers(0, 40, 2000), np.sort(random.random(2000) * hours)
    own, fails = random.random(40) * 0.4 + 0.6, (random.random(2000) < 0.1) & (hour >= 6) & (hour < 12)
    for number, name in enumerate(names or ("champion", "always dear")):
        lane = np.where(fails, -1, min(number, 1))
        tally = scene.tally(name)
        tally.add(
            scene.carried(
                kind,
                hour,
                fate=["failed" if one else "served" for one in fails],
                quality=np.where(fails, np.nan, np.minimum(own[kind] + 0.05 * number, 1)),
                cost_usd=np.where(fails, 0.0, 0.001 * (1 + number)),
                first=lane,
                final=lane,
                exploit=lane,
                approval=random.random(2000) < 0.01,
            )
        )
        tallies.append(tally)
    return Study(
        scenario="made up",
        description="A lane fails\nfor some hours.",
        start=MONDAY,
        hours=hours,
        results=tuple(tally.result() for tally in tallies),
        differences=tuple(difference_of(tally, tallies[0]) for tally in tallies[1:]),
        curves={"hull": Curve(np.array([0.001, 0.002]), np.array([0.8, 0.85]))},
        troubles=(Trouble(6.0, 12.0, "half an outage", ("cheap",)), Trouble(20.0, None, "prices rise", ("dear",))),
        truth="believed",
        in_sample=True,
        source="hand",
        kinds=40,
        seed=0,
        versions={"bundle": "made-000"},
        extrapolated={"champion": 0.25},
    )
