"""The population of the promise study: what every policy truly does over a pool of prompts that no model had seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.quality import believe
from router_ml.allocation.select import Rule
from router_ml.config.schema import Exploration, Promise, TrafficClass
from router_ml.offline.certify import Gains, matrix_gains
from training.allocation import Outcomes
from training.benchmark.lesson import Lesson
from training.benchmark.ours import fit_ours
from training.outcomes import Pack
from training.predicting.certification import FOLDS, Believed, folds_of

Floats = NDArray[np.float64]

DELTA = 0.1
SWEEP = np.append(0.0, np.logspace(-2, 6, 321))
STEP = 0.015  # of requests that change lane from one tested lambda to the next
EVIDENCE, STRENGTH = 50.0, 4.0


@dataclass(frozen=True)
class Pool:
    """Policies by lambda over the whole pool: gains of the groups, sums by group of gains per prompt (g, s, k), and
    means (s,) of quality, cost, cheap share; ``kept`` (s,) is the truth."""

    gains: Gains
    sums: Floats
    quality: Floats
    cost_usd: Floats
    cheap_share: Floats
    kept: NDArray[np.bool_]


def predict(pack: Pack, *, seed: int = 0) -> Believed:
    """What ours believes of each prompt from the other folds, with the evidence of a well-filled cell."""
    fold = folds_of(pack.group, folds=FOLDS, seed=seed)
    quality, cost = np.empty_like(pack.quality), np.empty_like(pack.quality)
    outcomes = Outcomes(pack.contexts, pack.quality, pack.cost_usd, np.ones_like(pack.quality))
    for part in range(FOLDS):
        mine, lesson = np.flatnonzero(fold == part), Lesson(outcomes.take(fold != part), seed)
        contexts = pack.contexts.take(mine)
        quality[mine], cost[mine] = fit_ours(lesson)(contexts), lesson.cost("predicted", contexts)
    lanes = quality.shape[1]
    belief = believe(
        quality, np.full(quality.shape, EVIDENCE), prior=quality.mean(axis=0), strength=np.full(lanes, STRENGTH)
    )
    return Believed(belief, cost)


def promised(pack: Pack, kind: str, margin: float) -> TrafficClass:
    """A class that promises ``margin`` less than the best lane's mean, or a loss of at most that."""
    best = float(pack.quality.mean(axis=0).max())
    if kind == "loss":
        return TrafficClass(floor=0, promise=Promise(kind="loss", delta=DELTA, max_loss=margin), quality_per_usd=0)
    return TrafficClass(floor=best - margin, promise=Promise(delta=DELTA), quality_per_usd=0)


def survey(pack: Pack, believed: Believed, of: TrafficClass) -> Pool:
    """What every policy of the sweep truly does over the pool; lambdas that move few requests are left out."""
    count, lanes = pack.quality.shape
    policy = believed.policy(Rule.of(of, Exploration()), np.ones(lanes, dtype=bool))
    best, chosen, last = int(pack.quality.mean(axis=0).argmax()), dict[float, Floats](), np.full((count, lanes), np.inf)
    for each in SWEEP.tolist():
        now = policy(each)
        if np.abs(now - last).sum() / 2 / count >= STEP:
            chosen[each] = last = now

    def gains_of(group: NDArray[np.integer]) -> Gains:
        lambdas = np.array(list(chosen))
        return matrix_gains(chosen.__getitem__, lambdas, pack.quality, group=group, promised=of, lanes=pack.lanes)

    gains = gains_of(pack.group)
    plain = gains_of(np.arange(count)).values  # the truth is about prompts, however many near-duplicates they have
    _, member = np.unique(pack.group, return_inverse=True)
    sums = np.zeros((len(gains.values), *plain.shape[1:]))
    np.add.at(sums, member, plain)
    return Pool(
        gains,
        sums,
        quality=gains.quality,
        cost_usd=np.array([(each * pack.cost_usd).sum(axis=1).mean() for each in chosen.values()]),
        cheap_share=np.array([1 - each[:, best].mean() for each in chosen.values()]),
        kept=(plain.mean(axis=0) >= 0).all(axis=1),
    )
