"""What each off-policy estimator adds up over decisions. Intervals are made from the same sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from router_ml.errors import OfflineDataError
from router_ml.offline.feedback import TOLERANCE, Feedback, Floats, of_action

Estimator = Literal["ips", "snips", "dm", "dr", "sndr", "clipped_ips", "switch_dr"]

DIAGNOSTIC = ("dm", "clipped_ips", "switch_dr")
CLIP = 10.0
MODELLED = ("dm", "dr", "sndr", "switch_dr")


class Part(NamedTuple):
    """``sign`` times the sum of ``numerator`` (n,) over the sum of ``denominator`` (n,), None for a plain mean."""

    numerator: Floats
    denominator: Floats | None
    sign: float = 1.0


@dataclass(frozen=True)
class Terms:
    """An estimate is the sum of its parts. ``weight`` and ``residual`` (n,): what was not foreseen of a reward, and how
    much it counts; None where the estimator has no such thing. ``used``: the weights of rated rows, for diagnostics."""

    parts: tuple[Part, ...]
    weight: Floats | None
    residual: Floats | None
    used: Floats

    def minus(self, other: Terms) -> Terms:
        """The difference of two policies on the same decisions."""
        parts = self.parts + tuple(part._replace(sign=-part.sign) for part in other.parts)
        both = None if self.weight is None or other.weight is None else self.weight - other.weight
        return Terms(parts, both, self.residual, self.used)


class Case:
    """A policy ``target`` (n, lanes) on a log, checked and weighted once for all estimators."""

    def __init__(self, target: ArrayLike, feedback: Feedback, reward_model: ArrayLike | None = None) -> None:
        self.policy = np.asarray(target, dtype=float)
        self.feedback = feedback
        self.bare = feedback.weights(self.policy)
        self.weight = self.bare * feedback.rating_weight
        self.reward = np.where(feedback.rated, feedback.reward, 0.0)
        self._model = None if reward_model is None else np.asarray(reward_model, dtype=float)
        self._predicted: Floats | None = None
        self._modelled: Floats | None = None

    def terms(self, estimator: Estimator, *, clip: float = CLIP) -> Terms:
        """What ``estimator`` adds up.

        Raises:
            OfflineDataError: no reward model where one is needed, or no rated decision on the target's lanes.
        """
        weight, reward = self.weight, self.reward
        if estimator != "dm" and self.feedback.whole and not weight.any():
            raise OfflineDataError("No rated decision took a lane of the target policy. Log more, or rate more.")
        if estimator == "snips":
            return Terms((Part(weight * reward, weight),), weight, reward, weight)
        if estimator in ("ips", "clipped_ips"):
            used = weight if estimator == "ips" else np.minimum(weight, _positive(clip))
            return Terms((Part(used * reward, None),), None, None, used)
        return self._with_model(estimator, clip)

    def _with_model(self, estimator: Estimator, clip: float) -> Terms:
        weight = self.weight
        modelled = self._under_target(estimator)
        if estimator == "dm":
            return Terms((Part(modelled, None),), None, None, weight)
        residual = np.where(self.feedback.rated, self.reward - self._of_logged(), 0.0)
        if estimator == "switch_dr":
            kept = np.where(self.bare <= _positive(clip), weight, 0.0)
            return Terms((Part(modelled + kept * residual, None),), None, None, kept)
        if estimator == "dr":
            return Terms((Part(modelled + weight * residual, None),), weight, residual, weight)
        parts = (Part(modelled, None), Part(weight * residual, weight))
        return Terms(parts, weight, residual, weight)

    @property
    def modelled(self) -> Floats | None:
        """The reward model as it was given, unchecked."""
        return self._model

    def model(self, estimator: Estimator) -> Floats:
        """The reward model (n, lanes), checked where this estimator needs it."""
        if self._model is None:
            raise OfflineDataError(f"The estimator {estimator} needs reward_model=, e.g. from cross_fit.")
        if self._model.shape != self.policy.shape:
            raise OfflineDataError(f"The reward model is {self._model.shape}, the target policy {self.policy.shape}.")
        if not np.isfinite(self._model).all():
            needed = self.policy > TOLERANCE
            if estimator != "dm":
                np.put_along_axis(needed, self.feedback.action[:, None], True, axis=1)
            if not np.isfinite(self._model[needed]).all():
                raise OfflineDataError(
                    "The reward model holds NaN or infinity where it is needed. Predict every eligible lane."
                )
        return self._model

    def _under_target(self, estimator: Estimator) -> Floats:
        """The model's reward in expectation over the target, (n,)."""
        model = self.model(estimator)
        if self._modelled is None:
            known = model if np.isfinite(model).all() else np.where(np.isfinite(model), model, 0.0)
            self._modelled = np.einsum("ij,ij->i", known, self.policy)
        return self._modelled

    def _of_logged(self) -> Floats:
        if self._predicted is None:
            self._predicted = of_action(self.model("dr"), self.feedback.action)
        return self._predicted


def estimators_for(reward_model: ArrayLike | None) -> Sequence[Estimator]:
    """Every estimator, or those that need no reward model; the headline first."""
    every: tuple[Estimator, ...] = ("dr", "sndr", "snips", "ips", "dm", "switch_dr", "clipped_ips")
    return every if reward_model is not None else [name for name in every if name not in MODELLED]


def _positive(clip: float) -> float:
    if not clip > 0:
        raise OfflineDataError(f"Weights cannot be clipped at {clip:g}. Give clip= above 0.")
    return clip
