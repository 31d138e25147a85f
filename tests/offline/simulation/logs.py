"""A log whose truth is known, a policy with given propensities, and the loop where nothing happens: for tests of logs.

Requests are hard or easy, which their embedding says; ``LANES`` differ by how they take hard ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.quality import Belief
from router_ml.config import RouterConfig
from router_ml.offline.simulation.logged.stream import LogStream
from router_ml.offline.simulation.playing.carried import Carried
from router_ml.offline.simulation.policies.policy import Moment, Told, Weighed
from router_ml.offline.simulation.traffic.rows import DRAW, Rows
from router_ml.offline.simulation.world.world import Phase
from router_ml.storage.database.records import LoggedData

Floats = NDArray[np.float64]
LANES = ("fast", "balanced", "premium")
EASY, HARD = (0.85, 0.9, 0.92), (0.35, 0.6, 0.85)
USD = (1e-4, 5e-4, 3e-3)
START = np.datetime64("2026-03-02T00:00:00", "us")


@dataclass(frozen=True)
class Made:
    """A log (n), what each of its lanes is truly worth (n, 3) and costs (n, 3), and which requests are hard (n,)."""

    data: LoggedData
    quality: Floats
    cost_usd: Floats
    hard: NDArray[np.bool_]


def made_log(
    config: RouterConfig,
    n: int = 400,
    *,
    seed: int = 0,
    rated: float = 0.7,
    shares: tuple[float, float, float] = (0.6, 0.25, 0.15),
    persons: int = 0,
    features: int = 6,
) -> Made:
    """Decisions, drawn with ``shares`` from ``LANES``, six an hour, of the class ``pilot``."""
    rng = np.random.default_rng(seed)
    person = rng.integers(persons, size=n) if persons else np.arange(n)
    hard = (rng.random(persons or n) < 0.4)[person]
    embedding = rng.normal(size=(n, 12)) + np.where(hard, 1.0, -1.0)[:, None]
    quality = np.where(hard[:, None], HARD, EASY)
    cost = np.array(USD) * np.exp(0.3 * rng.normal(size=n))[:, None]
    logging = np.tile(shares, (n, 1))
    action = (rng.random(n)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    rows = np.arange(n)
    good = (rng.random(n) < quality[rows, action]).astype(float)
    lanes = [config.lanes[lane] for lane in LANES]
    data = LoggedData(
        lanes=LANES,
        encoder="e",
        decision_ids=np.array([f"d{row}" for row in rows]),
        created_at=START + rows * np.timedelta64(600, "s"),
        traffic_class=np.full(n, "pilot"),
        floor=np.full(n, 0.7),
        intent=np.full(n, "qa"),
        domain=np.full(n, "general"),
        language=np.full(n, "en"),
        org=np.full(n, ""),
        action=action.astype(np.int64),
        executed=action.astype(np.int64),
        randomised=logging.max(axis=1) < 1,
        propensities=logging,
        eligible=np.ones((n, 3), dtype=bool),
        estimated_quality=np.tile([0.6, 0.7, 0.8], (n, 1)),
        estimated_cost_usd=np.tile(USD, (n, 1)),
        quality=np.where(rng.random(n) < rated, good, np.nan),
        rated_probability=np.full(n, rated),
        cost_usd=cost[rows, action],
        latency_ms=rng.uniform(200, 900, n),
        embeddings=embedding.astype(np.float32),
        features=rng.normal(size=(n, features)).astype(np.float32),
        model=np.array([lanes[lane].model for lane in action]),
        lane_version=np.array([lanes[lane].version for lane in action]),
        prices=np.full(n, "p"),
        risk_tier=np.full(n, "low"),
        subject=np.array([f"person {one}" for one in person]) if persons else np.full(n, ""),
    )
    return Made(data, quality, cost, hard)


def over_all(config: RouterConfig, values: Floats) -> Floats:
    """(n, 3) over ``LANES`` as (n, L) over those of a configuration, 0 elsewhere."""
    result = np.zeros((len(values), len(config.lanes)))
    result[:, [list(config.lanes).index(lane) for lane in LANES]] = values
    return result


def expected(config: RouterConfig, n: int) -> Estimates:
    """A bundle's estimates of these decisions: right about costs on average, plain about quality."""
    quality = np.full((n, len(config.lanes)), 0.7)
    cost = over_all(config, np.tile(USD, (n, 1)))
    belief = Belief(quality, quality - 0.1, quality + 0.1, np.full(quality.shape, 20.0))
    return Estimates(belief, cost, np.full(quality.shape, 800.0), quality * 300, quality, Typical(quality, cost))


class Given:
    """A policy with the same propensities (k, L) whenever it is asked."""

    falls_back = True
    learns = False

    def __init__(self, name: str, config: RouterConfig, propensities: Floats, *, traffic_class: str = "pilot") -> None:
        self.name, self.config, self.propensities = name, config, propensities
        self._class = list(config.traffic_classes).index(traffic_class)

    def enter(self, phase: Phase) -> None:
        """Nothing changes."""

    def learn(self, told: Told) -> None:
        """Nothing is learned."""

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        """The given propensities."""
        shares = self.propensities[rows.kind]
        return Weighed(
            propensities=shares,
            exploit=shares.argmax(axis=1),
            eligible=shares > 0,
            worth=shares,
            fate=np.full(len(rows), -1),
            approval=np.zeros(len(rows), dtype=bool),
            traffic_class=np.full(len(rows), self._class),
        )


def in_calm(policy: Given, stream: LogStream, phase: Phase, moment: Moment) -> Iterator[Carried]:
    """Every request goes to the lane that its luck draws, and is answered."""
    policy.enter(phase)
    for rows in stream.batches():
        weighed = policy.weigh(rows, moment)
        drawn = (rows.luck[:, DRAW, None] >= weighed.propensities.cumsum(axis=1)[:, :-1]).sum(axis=1)
        yield carried(policy, rows, weighed, phase, first=drawn, final=drawn)


def carried(
    policy: Given, rows: Rows, weighed: Weighed, phase: Phase, *, first: NDArray[np.int64], final: NDArray[np.int64]
) -> Carried:
    """What became of requests, by the truth of a phase; ``final`` -1: nobody answered."""
    n, served = len(rows), final >= 0
    answered = np.maximum(final, 0)
    none = np.zeros(n)
    return Carried(
        rows=rows,
        classes=tuple(policy.config.traffic_classes),
        traffic_class=weighed.traffic_class,
        fate=np.where(served, 0, 5),
        first=first,
        final=final,
        exploit=weighed.exploit,
        propensity=weighed.propensities[np.arange(n), first],
        cost_usd=np.where(served, phase.cost_usd[rows.kind, answered], 0.0),
        latency_ms=np.where(served, 500.0, np.nan),
        quality=np.where(served, phase.quality[rows.kind, answered], np.nan),
        calls=1 + (first != final).astype(np.int64),
        failed_calls=(first != final).astype(np.int64),
        violations=np.zeros(n, dtype=np.int64),
        approval=weighed.approval,
        explored_usd=none,
        explored_quality=none,
    )


def quiet(quality: Floats, cost_usd: Floats, *, config: RouterConfig) -> Phase:
    """The phase in which nothing has happened."""
    return Phase(0.0, dict(config.lanes), quality, cost_usd, np.full(cost_usd.shape, 500.0))
