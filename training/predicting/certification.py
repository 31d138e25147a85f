"""Certificates of a new bundle's promises, from the outcomes it has learned from, without judging it on them.

Each prompt is decided by models that saw neither it nor its near-duplicates (``FOLDS`` folds by group). What that
approximates: the certified policy is the average of those of the folds, each learned from (1 - 1 / FOLDS) of the
outcomes, while the bundle has learned from all; a fold's test is exact given its model, but folds share training rows.
A held-out share would be exact for a bundle that learns from less, and would show less with fewer rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation, Estimates, Typical, estimate, preferred
from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule, distribution
from router_ml.config import RouterConfig, TrafficClass, prices_sha256
from router_ml.offline.certify import Policy, certify, lambdas_for, matrix_gains
from router_ml.offline.gating.champion import class_rule
from router_ml.storage.promises import Promises
from router_ml.understanding.classifier import ClassifierSpec
from training.allocation import Outcomes

FOLDS = 3
MIN_GROUPS = 200  # of a class's own intents and domains; with fewer, all prompts stand in for it
Floats = NDArray[np.float64]


class Learn(Protocol):
    """Fits allocation to outcomes."""

    def __call__(self, parts: Sequence[Outcomes], config: RouterConfig, *, seed: int) -> Allocation:
        """All learned parts."""
        ...


@dataclass(frozen=True)
class Believed:
    """What models that had not seen a prompt believe of it: belief and USD, (n, L), and what is typical of its cell,
    without which no usual lane keeps its requests."""

    belief: Belief
    cost_usd: Floats
    typical: Typical | None = None

    def take(self, rows: NDArray[np.intp]) -> Believed:
        """The chosen rows."""
        belief = self.belief
        part = Belief(belief.quality[rows], belief.low[rows], belief.high[rows], belief.evidence[rows])
        return Believed(part, self.cost_usd[rows], self.typical.take(rows) if self.typical else None)

    def policy(self, rule: Rule, eligible: NDArray[np.bool_]) -> Policy:
        """The router's own choice by lambda among ``eligible`` lanes (L,)."""
        allowed = np.broadcast_to(eligible, self.cost_usd.shape)

        def at(quality_per_usd: float) -> Floats:
            here = replace(rule, quality_per_usd=quality_per_usd)
            if self.typical is None:
                return distribution(self.belief, self.cost_usd, allowed, here)
            exploit = preferred(self.belief, self.cost_usd, self.typical, allowed, here)
            return distribution(self.belief, self.cost_usd, allowed, here, exploit=exploit)

        return at


def folds_of(group: NDArray[np.integer], *, folds: int, seed: int) -> NDArray[np.intp]:
    """A fold for each row, (n,), the same for a whole group."""
    groups, member = np.unique(group, return_inverse=True)
    order = np.random.default_rng([seed, *b"certificate"]).permutation(len(groups))
    result: NDArray[np.intp] = (order % folds)[member]
    return result


def cross_fit(
    outcomes: Outcomes,
    *others: Outcomes,
    group: NDArray[np.integer],
    config: RouterConfig,
    learn: Learn,
    folds: int = FOLDS,
    seed: int = 0,
) -> Believed:
    """Beliefs about each row of ``outcomes`` from the rows of other folds, and from ``others``.

    Args:
        learn: fits allocation, as ``training.predicting.fitting.learn`` does.
    """
    fold = folds_of(group, folds=folds, seed=seed)
    places, parts = [], []
    for part in range(folds):
        mine = np.flatnonzero(fold == part)
        if len(mine):
            allocation = learn([outcomes.take(fold != part), *others], config, seed=seed)
            parts.append(estimate(allocation, config.lanes, outcomes.contexts.take(mine)))
            places.append(mine)
    return _joined(parts).take(np.argsort(np.concatenate(places)))


def _joined(parts: Sequence[Estimates]) -> Believed:
    def of(name: str) -> Floats:
        return np.concatenate([getattr(part.belief, name) for part in parts])

    belief = Belief(of("quality"), of("low"), of("high"), of("evidence"))
    typical = Typical(*(np.concatenate([getattr(p.typical, f) for p in parts]) for f in ("quality", "cost_usd")))
    return Believed(belief, np.concatenate([part.cost_usd for part in parts]), typical)


def certify_all(
    believed: Believed,
    outcomes: Outcomes,
    group: NDArray[np.integer],
    config: RouterConfig,
    spec: ClassifierSpec,
    *,
    seed: int = 0,
) -> Promises:
    """A certificate for each traffic class of ``config``.

    Args:
        outcomes: of all evaluated lanes, NaN in the others. Lanes without outcomes are left out, and how often
            selection would have taken them is recorded: of those requests nothing is certified, nor of those that a
            rule keeps from evaluated lanes.
    """
    evaluated = np.isfinite(outcomes.quality).all(axis=0)
    enabled = np.array([lane.enabled for lane in config.lanes.values()])
    certificates = {}
    for name, rows, basis in rows_by_class(config, outcomes, group, spec):
        promised, part = config.traffic_classes[name], believed.take(rows)
        rule, lambdas = class_rule(config, name), lambdas_for(promised)
        gains = matrix_gains(
            part.policy(rule, evaluated & enabled),
            lambdas,
            outcomes.quality[rows],
            group=group[rows],
            promised=promised,
            lanes=list(config.lanes),
        )
        everything = part.policy(rule, enabled)
        uncovered = np.array([everything(float(each))[:, ~evaluated].sum(axis=1).mean() for each in lambdas])
        certificates[name] = certify(
            gains,
            lambdas,
            promised,
            basis=basis,
            uncovered=uncovered,
            prices_sha256=prices_sha256(config),
            seed=seed,
        )
    return Promises(certificates)


def rows_by_class(
    config: RouterConfig, outcomes: Outcomes, group: NDArray[np.integer], spec: ClassifierSpec
) -> Iterator[tuple[str, NDArray[np.intp], str]]:
    """Each class with the prompts that stand for its traffic, and which these are, in words.

    A pack knows intents and domains of its prompts, nothing of channels, modes and organisations: classes that ask for
    those get all prompts that their intents and domains allow, and take none from the classes after them.
    """
    intent = np.array(spec.intent.labels)[outcomes.contexts.intent.argmax(axis=1)]
    domain = np.array(spec.domain.labels)[outcomes.contexts.domain.argmax(axis=1)]
    free = np.ones(len(intent), dtype=bool)
    for name, promised in config.traffic_classes.items():
        own = free & _matches(promised, intent, domain)
        unseen = [key for key in ("mode", "channel", "org") if getattr(promised.when, key) is not None]
        count = len(np.unique(group[own]))
        if not unseen:
            free &= ~own
        if own.all() or (count < MIN_GROUPS and count < len(np.unique(group))):
            few = "" if own.all() else f": of its own intents and domains there are {count}, fewer than {MIN_GROUPS}"
            own, basis = np.ones(len(intent), dtype=bool), f"all evaluated prompts{few}"
        else:
            basis = "evaluated prompts of its intents and domains"
        if unseen:
            basis += f"; of which {', '.join(unseen)} they would be is not known"
        yield name, np.flatnonzero(own), basis


def _matches(promised: TrafficClass, intent: NDArray[np.str_], domain: NDArray[np.str_]) -> NDArray[np.bool_]:
    when = promised.when
    result = np.ones(len(intent), dtype=bool)
    for wanted, found in ((when.intent, intent), (when.domain, domain)):
        if wanted is not None:
            result &= np.isin(found, wanted)
    return result
