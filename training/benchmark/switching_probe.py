"""How often other words for the same request change its lane, and what keeping the lane costs.

An incumbent keeps a request unless another lane gains more than a margin of utility. It is the usual lane of the
request's (intent, domain) cell: the best one by the mean quality and cost of the cell. Smoothing moves the estimates of
a request part of the way to those means. Both cost some of what was learned of the single request.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Estimates, estimate, preferred
from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule, best
from router_ml.offline.curves import LAMBDAS, Plan, Policies, budgets, commit, evaluate
from router_ml.storage.bundle import Bundle
from training.benchmark.feedback import observe
from training.benchmark.lesson import Floats, Lesson
from training.benchmark.ours import fit_ours
from training.benchmark.variants import VARIANTS
from training.outcomes import Pack

CELL_SHRINKAGE = 20.0
FREE = Rule(floor=0.0, quality_per_usd=0.0, explore_share=0.0, epsilon=0.0, gamma=0.0)
Read = Callable[[list[str]], Contexts]


@dataclass(frozen=True)
class Pairs:
    """Requests and the same requests in other words, row by row. ``group``: (n,) of the outcome matrix that the
    requests are from; None where they are not from it."""

    before: Contexts
    after: Contexts
    group: NDArray[np.int64] | None = None

    def held_out(self, groups: NDArray[np.int64]) -> Pairs:
        """Only requests of these groups; all if they are from elsewhere."""
        if self.group is None:
            return self
        rows = np.flatnonzero(np.isin(self.group, groups))
        return Pairs(self.before.take(rows), self.after.take(rows), self.group[rows])


@dataclass(frozen=True)
class Setting:
    """How lanes are kept: margin in units of quality, and the share, 0..1, of the cell in the estimates."""

    margin: float = 0.0
    smoothing: float = 0.0


def paraphrases(path: Path, read: Read) -> tuple[Pairs, list[str]]:
    """The first text of each group beside every other one, and the first texts."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    groups: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        groups.setdefault(row["group"], []).append(at)
    seen = read([row["text"] for row in rows])
    pairs = np.array([(own[0], other) for own in groups.values() for other in own[1:]])
    return Pairs(seen.take(pairs[:, 0]), seen.take(pairs[:, 1])), [rows[own[0]]["text"] for own in groups.values()]


def variants(
    texts: Sequence[str], read: Read, *, seed: int, group: NDArray[np.int64] | None = None
) -> dict[str, Pairs]:
    """Texts beside a noisy copy of each, by kind of noise; texts that the noise leaves as they are stay out."""
    before, result = read(list(texts)), {}
    for name, make in VARIANTS.items():
        rng = random.Random(f"{name} {seed}")
        varied = [make(text, rng) for text in texts]
        rows = np.array([at for at, (one, other) in enumerate(zip(texts, varied, strict=True)) if one != other], int)
        after = read([varied[row] for row in rows])
        result[name] = Pairs(before.take(rows), after, None if group is None else group[rows])
    return result


@dataclass(frozen=True)
class Cells:
    """Mean quality and cost (USD) of each lane by soft (intent, domain) cell, (i * k, L), shrunk to the lane's mean."""

    quality: Floats
    cost: Floats

    @classmethod
    def fit(cls, contexts: Contexts, quality: Floats, cost: Floats) -> Cells:
        """From the quality and cost (n, L) of some requests."""
        share = _share(contexts)

        def mean(values: Floats) -> Floats:
            total = share.T @ values + CELL_SHRINKAGE * values.mean(axis=0)
            result: Floats = total / (share.sum(axis=0)[:, None] + CELL_SHRINKAGE)
            return result

        return cls(mean(quality), mean(cost))

    def of(self, contexts: Contexts) -> Cells:
        """The same for the cells of each request, (n, L)."""
        share = _share(contexts)
        share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-9)
        return Cells(share @ self.quality, share @ self.cost)


def _share(contexts: Contexts) -> Floats:
    joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
    return joint.reshape(len(contexts), -1).astype(np.float64)


@dataclass(frozen=True)
class Seen:
    """What is believed of requests, (n, L), and of their cells."""

    belief: Belief
    cost: Floats
    cell: Cells

    def lanes(self, rule: Rule, setting: Setting) -> NDArray[np.intp]:
        """The lane of each request, (n,), by the rule and with the setting."""
        own = 1 - setting.smoothing
        quality = own * self.belief.quality + setting.smoothing * self.cell.quality
        belief = replace(self.belief, quality=quality)
        cost = np.exp(own * np.log(self.cost) + setting.smoothing * np.log(self.cell.cost))
        usual = (self.cell.quality - rule.quality_per_usd * self.cell.cost).argmax(axis=1)
        keeping = replace(rule, margin=setting.margin)
        return best(belief, cost, np.ones(cost.shape, bool), keeping, incumbent=usual if setting.margin else None)

    def sweep(self, setting: Setting, lambdas: Floats = LAMBDAS) -> Policies:
        """Lanes (s, n) for every lambda, without a floor."""
        return np.stack([self.lanes(replace(FREE, quality_per_usd=price), setting) for price in lambdas.tolist()])


@dataclass(frozen=True)
class Found:
    """What was reached on held-out prompts, and flips in percent by kind of rewording.

    ``reached``: percent of the gap closed by the whole sweep, or 100 (quality - lambda cost) at one lambda.
    """

    reached: float
    flips: dict[str, float]


def on_outcomes(
    pack: Pack,
    pairs: Mapping[str, Pairs],
    settings: Sequence[Setting],
    *,
    lambdas: Sequence[float] = (),
    share: float,
    seed: int,
) -> dict[tuple[float | None, Setting], Found]:
    """What each setting reaches on a held-out part, and its flips: under None the gap closed and flips where the sweep
    meets five budgets on that part, and under each of the ``lambdas`` what is earned and flips there.

    Args:
        share: of the groups to learn from.
    """
    train, test = pack.split(share, seed=seed)
    lesson = Lesson(observe(train, "full", seed=seed), seed)
    predict = fit_ours(lesson)
    cells = Cells.fit(train.contexts, train.quality, train.cost_usd)

    def see(contexts: Contexts) -> Seen:
        quality = predict(contexts)
        everything = Belief(quality, np.zeros_like(quality), np.ones_like(quality), np.ones_like(quality))
        return Seen(everything, lesson.cost("predicted", contexts), cells.of(contexts))

    ahead, groups = see(test.contexts), np.unique(test.group)
    kept = {kind: each.held_out(groups) for kind, each in pairs.items()}
    seen = {kind: (see(each.before), see(each.after)) for kind, each in kept.items()}
    allowed, rows = budgets(train.quality, train.cost_usd), np.arange(len(test.group))
    result: dict[tuple[float | None, Setting], Found] = {}
    for setting in settings:
        policies = ahead.sweep(setting)
        plans = [commit(test.quality, test.cost_usd, policies, budget) for budget in allowed]
        flips = {kind: _flips(*both, plans, setting) for kind, both in seen.items()}
        scored = evaluate(test.quality, test.cost_usd, {"ours": policies}).routers["ours"]
        result[None, setting] = Found(scored.gap_closed, flips)
        for price in lambdas:
            rule = replace(FREE, quality_per_usd=price)
            earned = (test.quality - price * test.cost_usd)[rows, ahead.lanes(rule, setting)]
            flips = {kind: _changed(*both, rule, setting) for kind, both in seen.items()}
            result[price, setting] = Found(100 * float(earned.mean()), flips)
    return result


def _changed(before: Seen, after: Seen, rule: Rule, setting: Setting) -> float:
    return 100 * float((before.lanes(rule, setting) != after.lanes(rule, setting)).mean())


def _flips(before: Seen, after: Seen, plans: Sequence[Plan], setting: Setting) -> float:
    """Mean over the plans; a plan mixes two rows of the sweep, with one draw for both wordings."""
    rows = sorted({row for plan in plans for row in (plan.low, plan.high)})
    changed = before.sweep(setting, LAMBDAS[rows]) != after.sweep(setting, LAMBDAS[rows])
    share = dict(zip(rows, changed.mean(axis=1).tolist(), strict=True))
    return 100 * float(np.mean([(1 - plan.share) * share[plan.low] + plan.share * share[plan.high] for plan in plans]))


def as_served(
    bundle: Bundle, pairs: Mapping[str, Pairs], margins: Sequence[float], *, rule: Rule
) -> dict[float, dict[str, float]]:
    """Flips in percent by margin and kind, by the router's own code, where every lane of the bundle's configuration is
    eligible and nothing is explored."""
    lanes = bundle.config.lanes

    def see(contexts: Contexts) -> Estimates:
        return estimate(bundle.allocation, lanes, contexts)

    def chosen(seen: Estimates, margin: float) -> NDArray[np.intp]:
        everything = np.ones(seen.cost_usd.shape, bool)
        return preferred(seen.belief, seen.cost_usd, seen.typical, everything, replace(rule, margin=margin))

    seen = {kind: (see(each.before), see(each.after)) for kind, each in pairs.items()}
    return {
        margin: {
            kind: 100 * float((chosen(before, margin) != chosen(after, margin)).mean())
            for kind, (before, after) in seen.items()
        }
        for margin in margins
    }
