"""Intervals for policies that promise their level at every sample size, where rewards have a known range.

Empirical Bernstein (Maurer & Pontil 2009) and betting (Waudby-Smith et al. 2022). What they assume: decisions are
independent, rewards lie within ``Feedback.bounds``, no weight is above the largest that the design allows, and a reward
model was not learned from these decisions, also not cross-fitted: take the estimates that were logged with them.

The largest weight is a property of the design, that is of the policies and of the rating plan, and has to be known
before the first decision; a largest weight among those that were seen says nothing of a rare one that was not, and the
bets would peek. So it comes from nothing that the draws or the raters decided: P(rated) of all decisions, rated or not
(``Feedback.rarest``, or the declared ``least_rated``), and target over propensity for all decisions and lanes, which is
known before the action and its reward. Two limits: kinds of requests that the log does not hold are not spoken for, and
policies that were chosen by earlier outcomes tell of those outcomes (declare ``least_propensity``). A P(rated) that was
estimated from the ratings breaks the promise as a wrong one does.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.confidence import (
    Bets,
    ConfidenceSequence,
    lower_end,
    negated_bets,
    predicted_mean,
    residual_bets,
    running_mean,
    sequence_of,
)
from router_ml.offline.feedback import Feedback, Floats, of_action

Bounded = Literal["ips", "snips", "dr"]


def policy_sequence(
    target: ArrayLike,
    feedback: Feedback,
    *,
    baseline: ArrayLike | None = None,
    reward_model: ArrayLike | None = None,
    alpha: float = 0.05,
) -> ConfidenceSequence:
    """What ``target`` (n, lanes) earns, or earns more than ``baseline``, after each logged decision in its order.

    Args:
        reward_model: (n, lanes), made without these rewards; without it the running mean of rewards is the model.

    Raises:
        OfflineDataError: as ``Feedback.weights`` and ``Feedback.rarest``, or the log has clusters, no ``bounds`` or no
            full propensities.
    """
    setup = Setup(target, feedback, baseline, reward_model)
    up, down = setup.bets("snips" if reward_model is None else "dr")
    return sequence_of(up, down, within=setup.within, alpha=alpha, value=running_mean(up[0].values))


def betting(
    target: ArrayLike,
    feedback: Feedback,
    *,
    estimator: Bounded,
    baseline: ArrayLike | None = None,
    reward_model: ArrayLike | None = None,
    alpha: float = 0.05,
) -> tuple[float, float]:
    """The betting interval after all decisions."""
    setup = Setup(target, feedback, baseline, reward_model)
    up, down = setup.bets(estimator)
    low, high = setup.within
    return lower_end(up, within=(low, high), alpha=alpha), -lower_end(down, within=(-high, -low), alpha=alpha)


def bernstein(
    target: ArrayLike,
    feedback: Feedback,
    *,
    estimator: Bounded,
    baseline: ArrayLike | None = None,
    reward_model: ArrayLike | None = None,
    alpha: float = 0.05,
) -> tuple[float, float]:
    """The empirical Bernstein interval (Maurer & Pontil 2009, theorem 4, on both sides).

    Raises:
        OfflineDataError: for SNIPS, which is no mean of independent terms.
    """
    if estimator == "snips":
        raise OfflineDataError("An empirical Bernstein interval needs a plain mean. Use ips or dr, or betting.")
    setup = Setup(target, feedback, baseline, reward_model)
    values, lowest, highest = setup.values(0.0 if estimator == "ips" else None)
    logarithm, count = math.log(4 / alpha), len(values)
    half = math.sqrt(2 * float(values.var(ddof=1)) * logarithm / count)
    half += 7 * (highest - lowest) * logarithm / (3 * (count - 1))
    return float(values.mean()) - half, float(values.mean()) + half


class Setup:
    """Weights of a policy, or of a difference of two, and how far they reach."""

    def __init__(
        self, target: ArrayLike, feedback: Feedback, baseline: ArrayLike | None, reward_model: ArrayLike | None
    ) -> None:
        if feedback.bounds is None or feedback.logging is None or feedback.cluster is not None:
            raise OfflineDataError(
                "Bernstein and betting intervals need independent decisions, the full propensities and the range of "
                "rewards: Feedback(logging=..., bounds=(0, 1)) without cluster. Otherwise use interval='normal'."
            )
        policy = np.asarray(target, dtype=float)
        self.feedback, self.bounds = feedback, feedback.bounds
        self.weight = feedback.weights(policy)
        self.base, self.policy = 1.0, policy
        if baseline is not None:
            other = np.asarray(baseline, dtype=float)
            self.weight = self.weight - feedback.weights(other)
            self.base, self.policy = 0.0, policy - other
        self.weight = self.weight * feedback.rating_weight
        self.reward = np.where(feedback.rated, feedback.reward, 0.0)
        self._ends = self._ratios(feedback, feedback.logging)
        self.reach = min(float(self._ends[0].min()), 0.0), float(self._ends[-1].max())
        self.model = None if reward_model is None else np.clip(np.asarray(reward_model, dtype=float), *self.bounds)
        if self.model is not None and (self.model.shape != policy.shape or not np.isfinite(self.model).all()):
            raise OfflineDataError("The reward model needs a finite reward for every decision and lane.")
        span = self.bounds[1] - self.bounds[0]
        self.within = self.bounds if baseline is None else (-span, span)

    def _ratios(self, feedback: Feedback, logging: Floats) -> tuple[Floats, ...]:
        """Weights of each decision and lane, (n, lanes) or what bounds them, whatever was drawn and rated."""
        if feedback.least_propensity is not None:
            most = 1 / (feedback.least_propensity * feedback.rarest)
            return np.array(0.0 if self.base else -most), np.array(most)
        ratio = np.divide(self.policy, logging, out=np.zeros_like(self.policy), where=logging > 0)
        return (ratio / feedback.rarest,)

    def bets(self, estimator: Bounded) -> tuple[list[Bets], list[Bets]]:
        """Gamblers on the value and on minus the value: IPS, and what foresees the reward."""
        low, high = self.bounds
        up, down = [self._up(low)], [self._down(high)]
        if estimator == "snips":
            foreseen = predicted_mean(self.reward, np.abs(self.weight), self.bounds)
            up.insert(0, self._up(foreseen))
            down.insert(0, self._down(foreseen))
        elif estimator == "dr":
            values, lowest, highest = self.values(None)
            middle, half = self.base * (low + high) / 2, (high - low) / 2
            up.insert(0, Bets(values, np.full(len(values), lowest), (middle, half)))
            down.insert(0, Bets(-values, np.full(len(values), -highest), (-middle, half)))
        return up, down

    def _up(self, foreseen: Floats | float) -> Bets:
        return residual_bets(self.weight, self.reward, foreseen, reach=self.reach, bounds=self.bounds, base=self.base)

    def _down(self, foreseen: Floats | float) -> Bets:
        return negated_bets(self.weight, self.reward, foreseen, reach=self.reach, bounds=self.bounds, base=self.base)

    def values(self, constant: float | None) -> tuple[Floats, float, float]:
        """Doubly robust terms (n,), the least and the most that they can be; a ``constant`` in place of the model."""
        if constant is None and self.model is None:
            raise OfflineDataError("The estimator dr needs reward_model=, made without these rewards.")
        model = np.full(self.policy.shape, constant) if constant is not None else self.model
        assert model is not None
        modelled = (self.policy * model).sum(axis=1)
        values = modelled + self.weight * (self.reward - of_action(model, self.feedback.action))
        extremes = [end * (bound - model) for end in self._ends for bound in self.bounds]
        least = np.minimum(np.minimum.reduce(extremes).min(axis=1), 0) + modelled
        most = np.maximum(np.maximum.reduce(extremes).max(axis=1), 0) + modelled
        return values, float(least.min()), float(most.max())
