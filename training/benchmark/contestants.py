"""Who plays in the online study. Each chooses a lane per request, hears ratings, and is told what an operator would
say: prices, new and removed lanes, new versions. Nobody is told of a silent regression.

``ours`` is the code that serves: estimate, distribution, posterior, arms and bandit.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Estimates, estimate, preferred
from router_ml.allocation.select import Rule, distribution, draw
from router_ml.config import Lane
from router_ml.state.arms import Arms
from router_ml.state.learning import OnlineLearner, versions_learned
from training.allocation import fit
from training.benchmark.stream import World

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
EXPLORE_SHARE, EPSILON, GAMMA, MARGIN = 0.1, 0.02, 200.0, 0.02  # of the shipped default class
CELLS, CELL_STRENGTH = 12, 10.0
PENALTIES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


class Contestant(Protocol):
    """A router in the study."""

    def choose(self, rows: Rows, seeds: Rows) -> list[tuple[str, float]]:
        """A lane for each prompt of ``rows`` (b,), and the probability it was drawn with."""

    def learn(self, row: int, lane: str, *, quality: float, probability: float) -> None:
        """A rated answer."""

    def configure(self, lanes: Mapping[str, Lane]) -> None:
        """From now on these lanes, at these prices, in these versions."""


class Ours:
    """The router's own learning and selection; without ``posterior`` only the bandit learns between retrainings."""

    def __init__(self, world: World, *, seed: int, posterior: bool = True) -> None:
        self._contexts = world.prompts.contexts
        self._lanes = dict(world.phases[0].lanes)
        self._allocation = fit(world.evaluated, self._lanes, seed=seed)
        self._posterior = posterior
        self._rule = Rule(world.floor, world.quality_per_usd, EXPLORE_SHARE, EPSILON, GAMMA, MARGIN)
        self._learner = OnlineLearner(self._allocation, self._lanes)
        self._arms = Arms(self._lanes, learned=versions_learned(self._allocation))

    def choose(self, rows: Rows, seeds: Rows) -> list[tuple[str, float]]:
        """As every contestant."""
        names = list(self._lanes)
        now = self.estimate(self._contexts.take(rows))
        owed = self._arms.probes(names)
        probes = np.array([owed.get(name, 0.0) for name in names]) if owed else None
        eligible = np.ones(now.cost_usd.shape, dtype=bool)
        exploit = preferred(now.belief, now.cost_usd, now.typical, eligible, self._rule)
        chances = distribution(now.belief, now.cost_usd, eligible, self._rule, exploit=exploit, probes=probes)
        drawn = [draw(row, seed) for row, seed in zip(chances, seeds.tolist(), strict=True)]
        for row, index in enumerate(drawn):
            self._arms.count(names[index], float(now.cost_usd[row, index]))
        return [(names[index], float(chances[row, index])) for row, index in enumerate(drawn)]

    def learn(self, row: int, lane: str, *, quality: float, probability: float) -> None:
        """As every contestant."""
        self._learner.update(self._contexts.take(slice(row, row + 1)), lane, quality=quality, probability=probability)

    def configure(self, lanes: Mapping[str, Lane]) -> None:
        """As a server does that starts again with another ``router.yaml`` and what it had learned."""
        learned, owed = self._learner.state(), self._arms.state()
        self._lanes = dict(lanes)
        self._learner = OnlineLearner(self._allocation, self._lanes)
        self._learner.restore(learned)
        self._arms = Arms(self._lanes, learned=versions_learned(self._allocation))
        self._arms.restore(owed)

    def estimate(self, contexts: Contexts) -> Estimates:
        """What it believes of every configured lane."""
        drift = self._learner.drift(contexts) if self._posterior else None
        return estimate(self._allocation, self._lanes, contexts, drift=drift)

    def believed(self, contexts: Contexts, lane: str) -> float:
        """Mean quality that it expects of a lane."""
        return float(self.estimate(contexts).belief.quality[:, list(self._lanes).index(lane)].mean())


class EpsilonGreedy:
    """Running means per k-means cell and lane, shrunk to the lane's; one request in ten goes anywhere."""

    def __init__(self, world: World, *, seed: int, epsilon: float = EXPLORE_SHARE) -> None:
        from sklearn.cluster import KMeans

        model = KMeans(CELLS, n_init=2, random_state=seed).fit(world.evaluated.contexts.embedding)
        self._cell = model.predict(world.prompts.contexts.embedding)
        self._epsilon, self._quality_per_usd = epsilon, world.quality_per_usd
        self._lanes = dict(world.phases[0].lanes)
        self._sum = {name: np.zeros(CELLS) for name in world.names}
        self._count = {name: np.zeros(CELLS) for name in world.names}
        self._price = {name: lane.price.output_per_mtok for name, lane in self._lanes.items()}
        self._cost = dict(zip(self._lanes, world.evaluated.cost_usd.mean(axis=0).tolist(), strict=True))
        for name, column in zip(self._lanes, world.evaluated.quality.T, strict=True):
            np.add.at(self._sum[name], model.labels_, column)
            np.add.at(self._count[name], model.labels_, 1.0)

    def choose(self, rows: Rows, seeds: Rows) -> list[tuple[str, float]]:
        """As every contestant."""
        names, best = list(self._lanes), self._best()
        even, chosen = self._epsilon / len(names), []
        for row, seed in zip(rows.tolist(), seeds.tolist(), strict=True):
            random, favourite = np.random.default_rng(seed), int(best[self._cell[row]])
            drawn = int(random.integers(len(names))) if random.random() < self._epsilon else favourite
            chosen.append((names[drawn], even + (1 - self._epsilon) * (drawn == favourite)))
        return chosen

    def learn(self, row: int, lane: str, *, quality: float, probability: float) -> None:
        """As every contestant."""
        self._sum[lane][self._cell[row]] += quality
        self._count[lane][self._cell[row]] += 1

    def configure(self, lanes: Mapping[str, Lane]) -> None:
        """As every contestant."""
        typical = float(np.mean([cost / self._price[name] for name, cost in self._cost.items()]))
        for name, lane in lanes.items():
            tokens = self._cost[name] / self._price[name] if name in self._cost else typical
            self._price[name] = lane.price.output_per_mtok
            self._cost[name] = tokens * lane.price.output_per_mtok
        self._lanes = dict(lanes)

    def _best(self) -> NDArray[np.intp]:
        """Index of the best lane by cell."""
        total = np.stack([self._sum[name] for name in self._lanes])
        count = np.stack([self._count[name] for name in self._lanes])
        typical = total.sum() / count.sum()
        mean = (total.sum(axis=1) + CELL_STRENGTH * typical) / (count.sum(axis=1) + CELL_STRENGTH)
        quality = (total + CELL_STRENGTH * mean[:, None]) / (count + CELL_STRENGTH)
        cost = np.array([self._cost[name] for name in self._lanes])
        best: NDArray[np.intp] = (quality - self._quality_per_usd * cost[:, None]).argmax(axis=0)
        return best


class Always:
    """One lane while it is there, then the next one in ``order``."""

    def __init__(self, order: list[str], lanes: Mapping[str, Lane]) -> None:
        self._order, self._lanes = order, lanes

    def choose(self, rows: Rows, seeds: Rows) -> list[tuple[str, float]]:
        """As every contestant."""
        return [(next(name for name in self._order if name in self._lanes), 1.0)] * len(rows)

    def learn(self, row: int, lane: str, *, quality: float, probability: float) -> None:
        """Nothing."""

    def configure(self, lanes: Mapping[str, Lane]) -> None:
        """As every contestant."""
        self._lanes = lanes


class Pareto:
    """ParetoBandit, from PyPI: started on every evaluated outcome, with the cost penalty that was best on them."""

    def __init__(self, world: World, *, seed: int) -> None:
        self._features = _Features(world)
        self._lanes = dict(world.phases[0].lanes)
        registry = {name: _priced(lane) for name, lane in self._lanes.items()}
        self._router = importlib.import_module("pareto_bandit").BanditRouter(
            model_registry=registry, feature_service=self._features, bandit_seed=seed, cost_penalty=0.0
        )
        seen = self._features.of(world.evaluated.contexts)
        for at, outcomes in enumerate(world.evaluated.quality):
            for name, quality in zip(self._lanes, outcomes.tolist(), strict=True):
                self._router.update(name, seen[at], quality, advance_time=False)
        self._stream = self._features.of(world.prompts.contexts)
        self._router.cost_penalty = max(PENALTIES, key=lambda penalty: self._worth(world, seen, penalty))

    def _worth(self, world: World, seen: Floats, penalty: float) -> float:
        self._router.cost_penalty = penalty
        names = list(self._lanes)
        with self._router.exploit():
            chosen = [names.index(self._router.route(features)[0]) for features in seen]
        rows = np.arange(len(chosen))
        cost = world.evaluated.cost_usd[rows, chosen]
        return float((world.evaluated.quality[rows, chosen] - world.quality_per_usd * cost).mean())

    def choose(self, rows: Rows, seeds: Rows) -> list[tuple[str, float]]:
        """As every contestant."""
        return [(self._router.route(self._stream[row])[0], 1.0) for row in rows]

    def learn(self, row: int, lane: str, *, quality: float, probability: float) -> None:
        """As every contestant."""
        self._router.update(lane, self._stream[row], quality)

    def configure(self, lanes: Mapping[str, Lane]) -> None:
        """As every contestant."""
        for name in set(self._lanes) - set(lanes):
            del self._router.registry[name]
        for name, lane in lanes.items():
            if name in self._router.registry:
                self._router.update_model_pricing(name, **_priced(lane))
            else:
                self._router.register_model(name, **_priced(lane))
        self._lanes = dict(lanes)


class _Features:
    """25 principal components and a bias, as ParetoBandit's own."""

    def __init__(self, world: World) -> None:
        from sklearn.decomposition import PCA

        self._pca = PCA(25, whiten=True, random_state=0).fit(world.evaluated.contexts.embedding)
        self.dimension, self.bias_index = 26, 25

    def of(self, contexts: Contexts) -> Floats:
        """Features (n, 26)."""
        parts = self._pca.transform(contexts.embedding)
        return np.concatenate([parts, np.ones((len(parts), 1))], axis=1)

    def extract_features(self, features: Floats) -> Floats:
        """What is asked with is the features already."""
        return features


def _priced(lane: Lane) -> dict[str, Any]:
    return {"input_cost_per_m": lane.price.output_per_mtok / 3, "output_cost_per_m": lane.price.output_per_mtok}


def contestants(world: World, *, seed: int) -> dict[str, Callable[[], Contestant] | None]:
    """How to make each of them, by name; None where a package is not installed."""
    quality, cost = world.evaluated.quality.mean(axis=0), world.evaluated.cost_usd.mean(axis=0)
    first = world.phases[0].lanes
    late = [name for name in world.names if name not in first]
    by_quality = [*(list(first)[index] for index in np.argsort(-quality)), *late]
    by_cost = [*(list(first)[index] for index in np.argsort(cost)), *late]
    installed = importlib.util.find_spec("pareto_bandit") is not None
    return {
        "ours": lambda: Ours(world, seed=seed),
        "ours without posterior": lambda: Ours(world, seed=seed, posterior=False),
        "ParetoBandit": (lambda: Pareto(world, seed=seed)) if installed else None,
        "epsilon-greedy on cells": lambda: EpsilonGreedy(world, seed=seed),
        "always premium": lambda: Always(by_quality, first),
        "always cheapest": lambda: Always(by_cost, first),
    }
