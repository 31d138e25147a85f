"""Off-policy evaluation: what a policy would earn, from the log of another policy, with 95% intervals.

A policy is a matrix ``target`` (n, lanes) of probabilities, what happened is a ``Feedback``. Where the data do not
allow a number, ``OfflineDataError`` says why.

* ``ips``    inverse propensity scoring: unbiased, noisy           Horvitz & Thompson 1952
* ``snips``  self-normalised: little bias, much less noise         Hajek 1971; Swaminathan & Joachims 2015
* ``dr``     doubly robust, model plus weighted residuals          Dudik, Langford & Li 2011; the headline
* ``sndr``   the same with self-normalised residuals               Thomas & Brunskill 2016

Diagnostics, not evidence: their intervals do not know their bias.

* ``dm``           direct method, the reward model alone: as wrong as the model
* ``clipped_ips``  no weight above a limit                         Ionides 2008; Bottou et al. 2013
* ``switch_dr``    the model alone where weights are large         Wang, Agarwal & Dudik 2017

Intervals: ``normal`` (with the small-sample corrections of ``estimating.intervals``), ``bootstrap`` (of clusters), and
``bernstein`` and ``betting``, which hold at every sample size for rewards of known range (``estimating.bounded``).

A reward model must not have seen the rewards that it is judged on: ``cross_fit`` it (Chernozhukov et al. 2018), or take
the estimates that were logged with the decisions. Nor may the policy: one that was learned from these rows looks better
on them than it is, with any estimator. Learn on some decisions, judge on others.

>>> feedback = Feedback(action=[0, 1, 0, 1], propensity=[0.5, 0.5, 0.8, 0.2], reward=[1.0, 0.0, 1.0, 1.0])
>>> always_lane_1 = [[0.0, 1.0]] * 4
>>> ips(always_lane_1, feedback).value, round(snips(always_lane_1, feedback).value, 4)
(1.25, 0.7143)
"""

from __future__ import annotations

import math
from typing import Literal

from numpy.typing import ArrayLike

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating import bounded as ope_bounded
from router_ml.offline.estimating.bounded import policy_sequence
from router_ml.offline.estimating.diagnostics import (
    Diagnostics,
    SampleRatio,
    diagnose,
    effective_sample_size,
    sample_ratio,
)
from router_ml.offline.estimating.estimate import Estimate, estimate_of
from router_ml.offline.estimating.intervals import ROUNDS, Clusters, Spread, bootstrap_of, normal, value_of
from router_ml.offline.estimating.reward_models import Fit, Predict, cross_fit, ridge
from router_ml.offline.estimating.support import LaneSupport, support
from router_ml.offline.estimating.terms import CLIP, Case, Estimator, Terms, estimators_for
from router_ml.offline.feedback import Feedback

__all__ = [
    "Diagnostics",
    "Estimate",
    "Estimator",
    "Feedback",
    "Fit",
    "Interval",
    "LaneSupport",
    "Predict",
    "SampleRatio",
    "clipped_ips",
    "cross_fit",
    "diagnose",
    "difference",
    "dm",
    "dr",
    "effective_sample_size",
    "evaluate_all",
    "ips",
    "policy_sequence",
    "ridge",
    "sample_ratio",
    "sndr",
    "snips",
    "support",
    "switch_dr",
]

Interval = Literal["normal", "bootstrap", "bernstein", "betting"]


def ips(
    target: ArrayLike, feedback: Feedback, *, interval: Interval = "normal", bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """Inverse propensity scoring. ``bootstrap``: rounds of a cluster bootstrap, which is then the interval."""
    return _one("ips", Case(target, feedback), interval, bootstrap, seed)


def snips(
    target: ArrayLike, feedback: Feedback, *, interval: Interval = "normal", bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """Self-normalised inverse propensity scoring; its standard error is by the delta method."""
    return _one("snips", Case(target, feedback), interval, bootstrap, seed)


def dr(
    target: ArrayLike,
    feedback: Feedback,
    reward_model: ArrayLike,
    *,
    interval: Interval = "normal",
    bootstrap: int = 0,
    seed: int = 0,
) -> Estimate:
    """Doubly robust: right if the propensities are, and tight if ``reward_model`` (n, lanes) is good. The model may be
    NaN where the target never goes, the logged action aside."""
    return _one("dr", Case(target, feedback, reward_model), interval, bootstrap, seed)


def sndr(
    target: ArrayLike,
    feedback: Feedback,
    reward_model: ArrayLike,
    *,
    interval: Interval = "normal",
    bootstrap: int = 0,
    seed: int = 0,
) -> Estimate:
    """Doubly robust with self-normalised weights: less noise where weights are heavy, for a bias that vanishes."""
    return _one("sndr", Case(target, feedback, reward_model), interval, bootstrap, seed)


def dm(
    target: ArrayLike, feedback: Feedback, reward_model: ArrayLike, *, bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """Direct method: the mean of ``reward_model`` (n, lanes) under the target. A diagnostic, not evidence."""
    return _one("dm", Case(target, feedback, reward_model), "normal", bootstrap, seed)


def clipped_ips(
    target: ArrayLike, feedback: Feedback, *, clip: float = CLIP, bootstrap: int = 0, seed: int = 0
) -> Estimate:
    """IPS with no weight above ``clip``: too low by what was cut off. A diagnostic: far from ``ips``, heavy weights
    decide."""
    return _one("clipped_ips", Case(target, feedback), "normal", bootstrap, seed, clip=clip)


def switch_dr(
    target: ArrayLike,
    feedback: Feedback,
    reward_model: ArrayLike,
    *,
    clip: float = CLIP,
    bootstrap: int = 0,
    seed: int = 0,
) -> Estimate:
    """DR that trusts the model alone where the weight is above ``clip``. A diagnostic, as wrong as the model there."""
    return _one("switch_dr", Case(target, feedback, reward_model), "normal", bootstrap, seed, clip=clip)


def difference(
    target: ArrayLike,
    baseline: ArrayLike,
    feedback: Feedback,
    *,
    estimator: Estimator = "dr",
    reward_model: ArrayLike | None = None,
    interval: Interval = "normal",
    bootstrap: int = 0,
    seed: int = 0,
) -> Estimate:
    """How much more ``target`` earns than ``baseline``, both (n, lanes), with a paired interval. The policy that made
    the log is ``baseline=feedback.logging``."""
    case, other = (Case(policy, feedback, reward_model) for policy in (target, baseline))
    return _one(estimator, case, interval, bootstrap, seed, other=other)


def evaluate_all(
    target: ArrayLike,
    feedback: Feedback,
    *,
    reward_model: ArrayLike | None = None,
    baseline: ArrayLike | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Every estimator at once, the headline first: what they share is computed once, and the bootstrap resamples the
    same clusters for all. With ``baseline`` differences; without ``reward_model`` those that need none.

    >>> feedback = Feedback(action=[0, 1, 0, 1], propensity=[0.5] * 4, reward=[1.0, 0.0, 1.0, 1.0])
    >>> list(evaluate_all([[0.5, 0.5]] * 4, feedback))
    ['snips', 'ips', 'clipped_ips']
    """
    case = Case(target, feedback, reward_model)
    other = None if baseline is None else Case(baseline, feedback, reward_model)
    names = estimators_for(reward_model)
    terms = [_terms(name, case, other, CLIP) for name in names]
    clusters = Clusters(feedback)
    if bootstrap:
        spreads = bootstrap_of(terms, clusters, rounds=bootstrap, seed=seed)
    else:
        spreads = [normal(each, feedback, clusters) for each in terms]
    kind = "bootstrap" if bootstrap else "normal"
    together = zip(names, terms, spreads, strict=True)
    return {name: estimate_of(name, each, spread, kind, other is not None) for name, each, spread in together}


def _one(
    estimator: Estimator,
    case: Case,
    interval: Interval,
    rounds: int,
    seed: int,
    *,
    clip: float = CLIP,
    other: Case | None = None,
) -> Estimate:
    terms = _terms(estimator, case, other, clip)
    kind: Interval = "bootstrap" if rounds else interval
    if kind in ("bernstein", "betting"):
        spread = _bounded(estimator, case, other, kind, value_of(terms.parts))
    elif kind == "bootstrap":
        spread = bootstrap_of([terms], Clusters(case.feedback), rounds=rounds or ROUNDS, seed=seed)[0]
    else:
        spread = normal(terms, case.feedback, Clusters(case.feedback))
    return estimate_of(estimator, terms, spread, kind, other is not None)


def _terms(estimator: Estimator, case: Case, other: Case | None, clip: float) -> Terms:
    terms = case.terms(estimator, clip=clip)
    return terms if other is None else terms.minus(other.terms(estimator, clip=clip))


def _bounded(estimator: Estimator, case: Case, other: Case | None, kind: Interval, value: float) -> Spread:
    if estimator not in ("ips", "snips", "dr"):
        raise OfflineDataError(
            f"There is no {kind} interval for {estimator}. Use ips, snips or dr, or interval='normal'."
        )
    make = ope_bounded.betting if kind == "betting" else ope_bounded.bernstein
    model = case.model("dr") if estimator == "dr" else None
    baseline = None if other is None else other.policy
    low, high = make(case.policy, case.feedback, estimator=estimator, baseline=baseline, reward_model=model)
    return Spread(value, low, high, math.nan)
