"""Which trade-offs keep a class's promise: lambda certified by learn-then-test (Angelopoulos et al. 2021).

A promise is about an average: the quality of a class is at least its floor (``mean``), or at most ``max_loss`` below
that of whichever fixed lane is best (``loss``). Each lambda is a policy, the router's own ``distribution``, taken in
expectation over its draw. Lambdas are tested in a fixed order, from 0 (best quality) upwards, each at level ``delta``,
until the first that fails: so the largest that passes breaks the promise with probability ``delta`` at most, however
many were tested. The test is ``estimating.capital.above_zero``, valid for outcomes anywhere in 0..1.

What is assumed: groups of near-duplicates are independent draws from the traffic that the promise is about, and a group
counts as at most ``MOST_COPIES`` prompts, or one for each ``GROUPS_PER_COPY`` groups if that is more (a large one would
otherwise outweigh what the rest can show); the policies have not been learned from these outcomes; logged propensities
and P(rated) are true. For ``loss`` the policy is tested against every lane and has to pass each time, which costs no
correction (an intersection-union test, Berger 1982).

From a log with one outcome per request, gains are doubly robust: any model of quality that has not seen the outcomes
lowers the variance and cannot spoil the test. Where the policy goes and the log could not, quality counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import TrafficClass
from router_ml.errors import OfflineDataError
from router_ml.offline.curves import LAMBDAS
from router_ml.offline.estimating.capital import above_zero, needed
from router_ml.offline.feedback import Feedback, of_action
from router_ml.storage.promises import Certificate

Floats = NDArray[np.float64]
Policy = Callable[[float], Floats]  # lambda to propensities (n, L)

METHOD = "fixed-sequence testing of the mean by betting towards 1 / delta"
MOST_COPIES = 3
GROUPS_PER_COPY = 800
_SMALLEST = 0.01


@dataclass(frozen=True)
class Gains:
    """Independent gains over a promise, (units, lambdas, comparisons): their mean is above zero where it is kept.

    No gain is below ``-worst``; ``variance`` is a guess made without outcomes; ``quality`` (lambdas,) the estimated
    average; ``rows`` the prompts in the units; ``rivals`` names the comparisons.
    """

    values: Floats
    worst: float
    variance: float
    quality: Floats
    rows: int
    rivals: tuple[str, ...] = ()


def lambdas_for(promised: TrafficClass) -> Floats:
    """Lambdas to test for a class, ascending from 0: the default sweep and its own."""
    return np.unique(np.append(LAMBDAS, promised.quality_per_usd))


def matrix_gains(
    policy: Policy,
    lambdas: Floats,
    quality: Floats,
    *,
    group: NDArray[np.integer],
    promised: TrafficClass,
    lanes: Sequence[str],
) -> Gains:
    """Gains where the outcome of every lane is known.

    Args:
        quality: (n, L) in 0..1, NaN in lanes that no policy takes. group: (n,) of near-duplicates. lanes: their names.

    Raises:
        OfflineDataError: a policy takes a lane whose outcome is not known.
    """
    expected = np.stack([_expected(policy(float(each)), quality) for each in lambdas], axis=1)
    _, member, size = np.unique(group, return_inverse=True, return_counts=True)
    most = max(MOST_COPIES, len(size) // GROUPS_PER_COPY)
    weight = (np.minimum(size, most) / size)[member]
    floor, promise, rivals = promised.floor, promised.promise, tuple[str, ...]()
    if promise.kind == "mean":
        gains, worst, variance = (expected - floor)[:, :, None], floor, floor * (1 - floor)
    else:
        known = np.flatnonzero(np.isfinite(quality).all(axis=0))
        rivals = tuple(lanes[lane] for lane in known.tolist())
        if not rivals:
            raise OfflineDataError(
                "No lane was run on every prompt, so a loss against the best of them cannot be certified. Evaluate the "
                "lanes on the same prompts, or promise a mean."
            )
        gains = expected[:, :, None] - quality[:, None, known] + promise.max_loss
        worst, variance = 1 - promise.max_loss, promise.max_loss
    values = np.zeros((len(size), *gains.shape[1:]))
    np.add.at(values, member, gains * weight[:, None, None])
    worst, variance = most * max(worst, _SMALLEST), max(variance, _SMALLEST)
    return Gains(values, worst, variance, expected.mean(axis=0), len(quality), rivals)


def _expected(policy: Floats, quality: Floats) -> Floats:
    """Quality in expectation over the draw, (n,)."""
    blind = ~np.isfinite(quality) & (policy > 0)
    if blind.any():
        row, lane = np.argwhere(blind)[0]
        raise OfflineDataError(
            f"The policy may take lane {lane} for prompt {row}, whose outcome is not known. Make the lane ineligible."
        )
    result: Floats = (policy * np.where(policy > 0, quality, 0)).sum(axis=1)
    return result


def logged_gains(
    policy: Policy,
    lambdas: Floats,
    feedback: Feedback,
    *,
    promised: TrafficClass,
    lanes: Sequence[str],
    model: Floats | None = None,
) -> Gains:
    """Gains from logged outcomes of one lane each, doubly robust; every decision is a unit.

    Args:
        feedback: with ``logging``. model: (n, L) predicted quality, by a model that has not seen these outcomes; 0
            without one, which is plain inverse propensity weighting.

    Raises:
        OfflineDataError: the log does not hold the full propensities.
    """
    if feedback.logging is None:
        raise OfflineDataError("Certifying from a log needs the full propensities. Give Feedback its logging=.")
    drawn = _Drawn(
        feedback, feedback.logging, np.zeros_like(feedback.logging) if model is None else np.clip(model, 0, 1)
    )
    terms, weights, spreads = zip(*(drawn.terms(policy(float(each)), absent=0.0) for each in lambdas), strict=True)
    expected = np.stack(terms, axis=1)
    floor, promise, rivals = promised.floor, promised.promise, tuple[str, ...]()
    worst, variance = max(weights), float(np.mean(spreads)) * max(floor * (1 - floor), _SMALLEST)
    if promise.kind == "mean":
        values, worst = (expected - floor)[:, :, None], worst + floor
    else:
        fixed = [
            drawn.terms(np.eye(len(lanes))[np.full(len(feedback), lane)], absent=1.0) for lane in range(len(lanes))
        ]
        rivals = tuple(lanes)
        values = expected[:, :, None] - np.stack([term for term, _, _ in fixed], axis=1)[:, None] + promise.max_loss
        worst += max(weight for _, weight, _ in fixed) + 1 - promise.max_loss
    return Gains(values, worst, variance, expected.mean(axis=0), len(feedback), rivals)


@dataclass(frozen=True)
class _Drawn:
    feedback: Feedback
    logging: Floats
    model: Floats

    def terms(self, target: Floats, *, absent: float) -> tuple[Floats, float, float]:
        """Doubly robust quality (n,) of a policy with ``absent`` where the log could not go; the largest weight that a
        draw could have had; the mean square of weights. The last two do not look at what was drawn."""
        supported = self.logging > 0
        ratio = np.where(supported, target / np.where(supported, self.logging, 1), 0.0)
        modelled = (target * np.where(supported, self.model, absent)).sum(axis=1)
        rarest = self.feedback.rarest
        weight = of_action(ratio, self.feedback.action) * self.feedback.rating_weight
        reward = np.where(self.feedback.rated, self.feedback.reward, 0.0)
        residual = weight * (reward - of_action(self.model, self.feedback.action))
        square = float((target * ratio).sum(axis=1).mean()) / rarest
        return modelled + residual, float(ratio.max()) / rarest, max(square, 1.0)


def certify(
    gains: Gains,
    lambdas: Floats,
    promised: TrafficClass,
    *,
    basis: str,
    uncovered: Floats,
    prices_sha256: str,
    seed: int = 0,
) -> Certificate:
    """The certificate of a class.

    Args:
        lambdas: (s,) ascending from 0, those of ``gains``. basis: which prompts these are, in words.
        uncovered: (s,) probability that selection would give to lanes without outcomes.
        seed: of the order in which gains are met.
    """
    delta = promised.promise.delta
    passed = above_zero(gains.values, worst=gains.worst, delta=delta, variance=gains.variance, seed=seed)
    count = int(np.logical_and.accumulate(passed.all(axis=1)).sum())
    at = max(count - 1, 0)
    return Certificate(
        floor=promised.floor,
        delta=delta,
        kind=promised.promise.kind,
        max_loss=promised.promise.max_loss,
        lambda_max=float(lambdas[at]) if count else None,
        quality=float(gains.quality[at]),
        rows=gains.rows,
        groups=len(gains.values),
        basis=basis,
        uncovered=float(np.clip(uncovered[at], 0, 1)),
        explore_share=promised.explore_share,
        prices_sha256=prices_sha256,
        method=METHOD,
        reason=_reason(gains, lambdas[at], promised) if count else _refusal(gains, promised),
    )


def _closest(gains: Gains, at: int) -> tuple[float, float, str]:
    """Mean and deviation of the comparison that is hardest to pass at a lambda, and its rival."""
    mean = gains.values[:, at].mean(axis=0)
    hardest = int(mean.argmin())
    return float(mean[hardest]), float(gains.values[:, at, hardest].std()), (*gains.rivals, "")[hardest]


def _reason(gains: Gains, quality_per_usd: float, promised: TrafficClass) -> str:
    promise, at = promised.promise, f"up to lambda {quality_per_usd:g} on {gains.rows} prompts"
    sure = f"with confidence {1 - promise.delta:g}"
    if promise.kind == "mean":
        return f"Average quality reaches {promised.floor:g} {sure}, {at}."
    return f"Average quality is at most {promise.max_loss:g} below each of {', '.join(gains.rivals)} {sure}, {at}."


def _refusal(gains: Gains, promised: TrafficClass) -> str:
    mean, deviation, rival = _closest(gains, 0)
    against = f"at most {promised.promise.max_loss:g} below {rival}" if rival else f"at least {promised.floor:g}"
    found = (
        f"Even at lambda 0 an average {against} is not shown on {gains.rows} prompts: measured {gains.quality[0]:.3f}"
    )
    more = needed(mean, deviation, delta=promised.promise.delta) - len(gains.values)
    if not np.isfinite(more):
        return f"{found}, which is not above it. Lower the promise, or add a better lane."
    return f"{found}. About {max(round(more * gains.rows / len(gains.values)), 1)} more would be needed."
