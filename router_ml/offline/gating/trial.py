"""A challenger on trial: what a log knows of it as arrays, and the estimates that follow; no bundle, no database here.

Where the challenger would go where the log could not, it is taken to do there as the champion did, and the share of
such choices is carried along: in the worst case each of them loses all of its quality, so the share is taken off the
lower bound. With m the probability of such choices, the true difference is at least the estimated one minus E[m].

A few ratings and costs always get lost. Up to half a percent of the decisions may be, and each counts against the
challenger: a rating as if all quality was lost where the challenger goes more often, a cost as if it was the largest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.clustered import Z95_TWO_SIDED, Mean, mean
from router_ml.offline.feedback import TOLERANCE, UNRATED, Feedback, Floats, of_action
from router_ml.offline.ope import Estimate, SampleRatio, difference, sample_ratio


@dataclass(frozen=True)
class Trial:
    """Decisions (n) that were drawn at random by the champion, and what a challenger would have done.

    ``target``, ``logging``: propensities (n, lanes) of challenger and champion; ``action`` (n,): the lane that was
    drawn; ``quality`` (n,) 0..1 and ``cost_usd`` (n,), NaN where not known; ``rated_probability`` (n,);
    ``quality_model``, ``cost_model`` (n, lanes): what was expected before the outcome, for doubly robust estimates;
    ``predicted``, ``believed`` (n,): the quality that challenger and champion expect of the lane that was drawn, NaN
    where one expects nothing; ``slices``: names of parts such as ``class`` to the part of each decision (n,);
    ``cluster`` (n,): decisions that depend on each other; ``left_out``: why other decisions are not here, how many.
    """

    lanes: tuple[str, ...]
    target: Floats
    logging: Floats
    action: NDArray[np.int64]
    quality: Floats
    rated_probability: Floats
    cost_usd: Floats
    quality_model: Floats
    cost_model: Floats
    predicted: Floats | None = None
    believed: Floats | None = None
    slices: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    cluster: NDArray[Any] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.action)

    @cached_property
    def off_support(self) -> Floats:
        """Probability (n,) with which the challenger goes where the champion could not."""
        outside: Floats = np.where(self.logging > 0, 0.0, self.target).sum(axis=1)
        return np.where(outside > TOLERANCE, outside, 0.0)

    @cached_property
    def reachable(self) -> Floats:
        """The challenger (n, lanes), doing as the champion where the log knows nothing else."""
        inside = np.where(self.logging > 0, self.target, 0.0)
        missing: Floats = np.maximum(1 - inside.sum(axis=1, keepdims=True), 0.0)
        result: Floats = inside + missing * self.logging
        return result

    @cached_property
    def feedback(self) -> Feedback:
        """The decisions with their quality.

        Raises:
            OfflineDataError: no randomised log can hold them; it says why.
        """
        return self._feedback(self.quality, self.rated_probability)

    @cached_property
    def spending(self) -> Feedback:
        """The decisions with their cost: of all where all but a few are known, else of the rated ones.

        Raises:
            OfflineDataError: too many rated decisions have no cost.
        """
        if self._all_priced:
            return self._feedback(self.cost_usd, None)
        if (share := float(self._unpriced.mean())) > UNRATED:
            count = int((self.feedback.rated & ~np.isfinite(self.cost_usd)).sum())
            raise OfflineDataError(
                f"{count} of {int(self.feedback.rated.sum())} rated decisions have no cost ({share:.1%}; {UNRATED:.1%} "
                "may be lost). Report cost_usd of every decision, or with every rating."
            )
        return self._feedback(np.where(self.feedback.rated, self.cost_usd, np.nan), self.rated_probability)

    @property
    def _all_priced(self) -> bool:
        return float((~np.isfinite(self.cost_usd)).mean()) <= UNRATED

    @property
    def _unpriced(self) -> Floats:
        """How many decisions each speaks for whose cost should be known and is not (n,)."""
        weight = 1.0 if self._all_priced else self.feedback.rating_weight
        result: Floats = np.where(np.isfinite(self.cost_usd), 0.0, weight)
        return result

    @cached_property
    def lost_quality(self) -> float:
        """The most that ratings which P(rated) does not explain could take off the difference, or add to it."""
        share = self.feedback.unexplained
        return share and share * max(1.0, float(np.abs(self.weight - 1)[~self.feedback.rated].mean()))

    @property
    def lost_cost(self) -> float:
        """The most that costs which are missing could change the difference, if none is above the largest known."""
        share = float((self._unpriced * np.abs(self.weight - 1)).mean())
        share += 0.0 if self._all_priced else self.lost_quality
        return share and share * float(np.nanmax(self.cost_usd))

    def _feedback(self, reward: Floats, rated_probability: Floats | None) -> Feedback:
        return Feedback(
            action=self.action,
            propensity=of_action(self.logging, self.action),
            reward=reward,
            rated_probability=rated_probability,
            logging=self.logging,
            cluster=self.cluster,
            left_out=sum(self.left_out.values()),
        )

    @cached_property
    def weight(self) -> Floats:
        """Importance weights (n,) of the challenger, 1 on average."""
        return self.feedback.weights(self.reachable)

    @cached_property
    def gain(self) -> Floats:
        """Doubly robust quality difference of each decision (n,): one alone means nothing, their mean is the
        estimate."""
        moved = np.where(np.isfinite(self.quality_model), self.quality_model, 0.0) * (self.reachable - self.logging)
        rewarded = np.where(self.feedback.rated, self.quality, 0.0)
        residual = rewarded - of_action(self.quality_model, self.action)
        result: Floats = moved.sum(axis=1) + (self.weight - 1) * self.feedback.rating_weight * residual
        return result

    @property
    def clusters(self) -> NDArray[Any]:
        """The cluster of each decision (n,), its own where none is given."""
        return np.arange(len(self)) if self.cluster is None else self.cluster

    def disagreement(self) -> Mean:
        """The doubly robust minus the self-normalised estimate of the quality difference, with its own error: both
        speak of the same decisions, so most of what is uncertain in each cancels."""
        rated, rewarded = self.feedback.rating_weight, np.where(self.feedback.rated, self.quality, 0.0)
        normalised = np.zeros(len(self))
        for sign, weight in ((1, self.weight * rated), (-1, rated)):
            centre = float((weight * rewarded).sum() / weight.sum())
            normalised += sign * (centre + weight * (rewarded - centre) / weight.mean())  # linearised (Hajek 1971)
        return mean(self.gain - normalised, self.clusters)


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion per decision, with 95% intervals.

    Quality: ``dr`` doubly robust, the headline; ``snips`` and ``ips`` as checks, ``dm`` what the models expect. Cost:
    ``cost_usd``, doubly robust, None where costs are not known. ``champion_cost_usd`` is its mean per decision.
    ``rows`` were used, of them ``rated`` with a quality; ``off_support``: mean probability of choices that the log
    could not make, with its standard error ``off_support_error``; ``lost_quality``: what ratings that got lost could
    change at most. What costs that got lost could change is in the interval of ``cost_usd``.
    """

    dr: Estimate
    snips: Estimate
    ips: Estimate
    dm: Estimate
    cost_usd: Estimate | None
    champion_cost_usd: float
    sample_ratio: SampleRatio
    rows: int
    rated: int
    off_support: float
    off_support_error: float
    left_out: dict[str, int]
    lost_quality: float = 0.0

    @property
    def quality_low(self) -> float:
        """The lower end of the interval of the quality difference, if all that is off support or was not rated for no
        known reason loses all."""
        return self.dr.low - self._unknown_most

    @property
    def quality_high(self) -> float:
        """The upper end, if all of that gains as much as it can."""
        return self.dr.high + self._unknown_most

    @property
    def _unknown_most(self) -> float:
        return self.off_support + Z95_TWO_SIDED * self.off_support_error + self.lost_quality


def comparison(trial: Trial) -> Comparison:
    """All estimates of a trial.

    Raises:
        OfflineDataError: the decisions are none that a randomised log can hold, or some costs are known, but too few.
    """
    target, logging, quality = trial.reachable, trial.logging, trial.feedback
    model = np.nan_to_num(trial.quality_model)
    known = bool(np.isfinite(trial.cost_usd).any())
    cost = difference(target, logging, trial.spending, reward_model=trial.cost_model) if known else None
    if cost is not None:
        cost = replace(cost, low=cost.low - trial.lost_cost, high=cost.high + trial.lost_cost)
    spent = np.where(np.isfinite(trial.cost_usd), trial.cost_usd, of_action(trial.cost_model, trial.action))
    return Comparison(
        dr=difference(target, logging, quality, estimator="dr", reward_model=model),
        snips=difference(target, logging, quality, estimator="snips"),
        ips=difference(target, logging, quality, estimator="ips"),
        dm=difference(target, logging, quality, estimator="dm", reward_model=model),
        cost_usd=cost,
        champion_cost_usd=float(spent.mean()),
        sample_ratio=sample_ratio(quality),
        rows=len(trial),
        rated=int(quality.rated.sum()),
        off_support=float(trial.off_support.mean()),
        off_support_error=float(trial.off_support.std()) / math.sqrt(len(trial)),
        left_out=dict(trial.left_out),
        lost_quality=trial.lost_quality,
    )
