"""Intervals that may be looked at after every outcome: betting confidence sequences.

For each candidate mean a gambler bets that the true one is above it, before seeing each outcome; if the candidate is
true, no way of betting ever multiplies the stake by 2 / alpha with probability above alpha / 2 (Ville 1939). Candidates
against which that happened are out, for good (Waudby-Smith & Ramdas 2024). So the truth is inside at *all* times at
once with probability 1 - alpha, whenever one looks and whatever makes one stop, at every sample size.

Outcomes must be bounded and come in the order in which they were decided. One gambler's outcomes need a lower bound
only, which lets the bets against importance-weighted outcomes be large (Waudby-Smith, Wu, Ramdas, Karampatziakis &
Mineiro 2022); several gamblers share the stake where it is not known beforehand who does best. How far weights reach
has to be known before each outcome, as a property of the design: a reach taken from the weights that were seen peeks.

Here a sample is looked at as it grew, an end for each of its prefixes. ``anytime`` holds the same promise for a monitor
that is fed: it gives the present interval of a canary only, faster, also where costs have no upper bound.

>>> sequence = betting_sequence([1.0] * 200)
>>> round(float(sequence.low[-1]), 2), float(sequence.high[-1])
(0.96, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError

Floats = NDArray[np.float64]

LARGEST_BET = 0.5  # of what would ruin the gambler at the worst outcome
CANDIDATES = 500
AT_ONCE = 4096  # outcomes
HALVINGS = 40


@dataclass(frozen=True)
class ConfidenceSequence:
    """After each outcome (n,): the estimate ``value``, and ``low`` and ``high``, which hold the truth at all times at
    once with probability 1 - ``alpha``; they never widen."""

    value: Floats
    low: Floats
    high: Floats
    alpha: float


class Bets(NamedTuple):
    """Outcomes ``values`` (n,) with the mean in question, each at least ``floor`` (n,), which is known before it;
    ``guess``: a first guess of their mean and standard deviation, which decides nothing but the first bets."""

    values: Floats
    floor: Floats
    guess: tuple[float, float]


def betting_sequence(
    values: ArrayLike, *, low: float = 0.0, high: float = 1.0, alpha: float = 0.05
) -> ConfidenceSequence:
    """The mean of outcomes ``values`` (n,) between ``low`` and ``high``, by time.

    Raises:
        OfflineDataError: an outcome is NaN or outside the range, or ``alpha`` outside (0, 1).
    """
    outcomes = checked(values, low, high, alpha)
    middle, half = (low + high) / 2, (high - low) / 2
    up = [Bets(outcomes, np.full(len(outcomes), low), (middle, half))]
    down = [Bets(-outcomes, np.full(len(outcomes), -high), (-middle, half))]
    return sequence_of(up, down, within=(low, high), alpha=alpha, value=running_mean(outcomes))


def arm_sequence(
    outcome: ArrayLike,
    treated: ArrayLike,
    *,
    share: ArrayLike,
    low: float = 0.0,
    high: float = 1.0,
    alpha: float = 0.05,
) -> ConfidenceSequence:
    """How much higher the mean outcome of treated requests is than that of the others, by time: a canary watched live.

    Args:
        outcome: (n,) between ``low`` and ``high``, in the order of the decisions. Leave out those that are not rated,
            if both arms are rated alike.
        treated: (n,) whether each request went to the new arm.
        share: with which probability it did, a number or (n,), inside (0, 1): by plan or by earlier outcomes, not by
            what the request is. Each bet knows the shares up to its own request only.

    Raises:
        OfflineDataError: values outside their range, or lengths that differ.
    """
    outcomes = checked(outcome, low, high, alpha)
    arm, odds = np.asarray(treated, dtype=bool), np.broadcast_to(np.asarray(share, dtype=float), outcomes.shape)
    if arm.shape != outcomes.shape:
        raise OfflineDataError(f"Found {len(outcomes)} outcomes and {arm.shape} arms. Give one arm to each outcome.")
    if not ((odds > 0) & (odds < 1)).all():
        raise OfflineDataError(
            "A share is NaN or outside (0, 1). An arm that is never or always drawn compares nothing."
        )
    weight = np.where(arm, 1 / odds, -1 / (1 - odds))
    reach = -np.maximum.accumulate(1 / (1 - odds)), np.maximum.accumulate(1 / odds)
    foreseen = predicted_mean(outcomes, np.ones(len(outcomes)), (low, high))
    up = [residual_bets(weight, outcomes, c, reach=reach, bounds=(low, high)) for c in (low, foreseen)]
    down = [negated_bets(weight, outcomes, c, reach=reach, bounds=(low, high)) for c in (high, foreseen)]
    value = running_mean(weight * (outcomes - foreseen))
    return sequence_of(up, down, within=(low - high, high - low), alpha=alpha, value=value)


def residual_bets(
    weight: Floats,
    outcome: Floats,
    foreseen: Floats | float,
    *,
    reach: tuple[Floats | float, Floats | float],
    bounds: tuple[float, float],
    base: float = 0.0,
) -> Bets:
    """``base * foreseen + weight * (outcome - foreseen)``, and the least that it can be for weights within ``reach``
    (each end a number or (n,)) and outcomes within ``bounds``. Whatever is foreseen from earlier outcomes leaves the
    mean as it is, since weights average ``base``."""
    centre = np.broadcast_to(np.asarray(foreseen, dtype=float), outcome.shape)
    least = np.minimum(reach[1] * (bounds[0] - centre), reach[0] * (bounds[1] - centre))
    guess = base * sum(bounds) / 2, (bounds[1] - bounds[0]) / 2
    return Bets(base * centre + weight * (outcome - centre), base * centre + np.minimum(least, 0.0), guess)


def negated_bets(
    weight: Floats,
    outcome: Floats,
    foreseen: Floats | float,
    *,
    reach: tuple[Floats | float, Floats | float],
    bounds: tuple[float, float],
    base: float = 0.0,
) -> Bets:
    """The same for minus the outcome."""
    centre = -np.asarray(foreseen, dtype=float)
    return residual_bets(weight, -outcome, centre, reach=reach, bounds=(-bounds[1], -bounds[0]), base=base)


def predicted_mean(outcome: Floats, weight: Floats, bounds: tuple[float, float]) -> Floats:
    """The weighted mean of all earlier outcomes (n,), the middle of their range at first."""
    mass = np.concatenate([[1.0], 1 + np.cumsum(weight)[:-1]])
    total = sum(bounds) / 2 + np.concatenate([[0.0], np.cumsum(weight * outcome)[:-1]])
    foreseen: Floats = np.clip(total / mass, *bounds)
    return foreseen


def running_mean(values: Floats) -> Floats:
    """The mean of the first t values, for each t: (n,)."""
    mean: Floats = np.cumsum(values) / np.arange(1, len(values) + 1)
    return mean


def sequence_of(
    up: Sequence[Bets], down: Sequence[Bets], *, within: tuple[float, float], alpha: float, value: Floats
) -> ConfidenceSequence:
    """From gamblers who bet on a mean (``up``) and on minus that mean (``down``)."""
    low = _out_by_time(up, np.linspace(*within, CANDIDATES), alpha)
    high = -_out_by_time(down, np.linspace(-within[1], -within[0], CANDIDATES), alpha)
    return ConfidenceSequence(value, low, high, alpha)


def _out_by_time(bets: Sequence[Bets], candidates: Floats, alpha: float) -> Floats:
    """The largest of ascending candidates that is out after each outcome, the first where none is: (n,)."""
    found = np.empty(len(bets[0].values))
    best, start = np.full(len(candidates), -np.inf), 0
    for wealth in log_wealth(bets, candidates, alpha=alpha):
        peak = np.maximum(np.maximum.accumulate(wealth, axis=0), best)
        out = peak >= math.log(2 / alpha)
        out = np.logical_or.accumulate(out[:, ::-1], axis=1)[
            :, ::-1
        ]  # what a larger mean rules out, a smaller does too
        found[start : start + len(wealth)] = candidates[np.maximum(out.sum(axis=1) - 1, 0)]
        best, start = peak[-1], start + len(wealth)
    return found


def lower_end(bets: Sequence[Bets], *, within: tuple[float, float], alpha: float) -> float:
    """The lower end at level ``alpha`` / 2 after all outcomes, for a number of outcomes that was fixed beforehand: bets
    are sized for it, so that it is narrower than the end of a sequence."""
    low, high = within
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        last = np.full(1, -np.inf)
        for wealth in log_wealth(bets, np.array([middle]), alpha=alpha, fixed=True):
            last = wealth[-1]
        low, high = (middle, high) if last[0] >= math.log(2 / alpha) else (low, middle)
    return low


def log_wealth(bets: Sequence[Bets], candidates: Floats, *, alpha: float, fixed: bool = False) -> Iterator[Floats]:
    """Log of what a stake of 1 has become after each outcome, (chunk, candidates), chunk by chunk.

    Bets follow the plug-in rule of Waudby-Smith & Ramdas (2024, section 4): the mean and variance of earlier outcomes,
    and for all times alike, or for the last (``fixed``).
    """
    sizes = [_plug_in(one, alpha, fixed) for one in bets]
    carried = np.zeros((len(bets), len(candidates)))
    step = AT_ONCE if len(candidates) > 1 else AT_ONCE * 16
    for start in range(0, len(sizes[0]), step):
        each = []
        for number, (one, size) in enumerate(zip(bets, sizes, strict=True)):
            part = slice(start, start + step)
            room = candidates - one.floor[part, None]
            bet = np.minimum(size[part, None], LARGEST_BET / np.maximum(room, 1e-12))
            grown = np.cumsum(np.log1p(bet * (one.values[part, None] - candidates)), axis=0) + carried[number]
            carried[number] = grown[-1]
            each.append(grown)
        yield each[0] if len(each) == 1 else np.logaddexp.reduce(each, axis=0) - math.log(len(each))


def _plug_in(bets: Bets, alpha: float, fixed: bool) -> Floats:
    values, (middle, deviation) = bets.values, bets.guess
    count = len(values)
    time = np.arange(1, count + 1)
    mean = (middle + np.cumsum(values)) / (time + 1)
    variance = (deviation**2 + np.concatenate([[0.0], np.cumsum(np.square(values - mean))[:-1]])) / time
    horizon = count if fixed else time * np.log1p(time)
    size: Floats = np.sqrt(2 * math.log(2 / alpha) / (variance * horizon))
    return size


def checked(values: ArrayLike, low: float, high: float, alpha: float) -> Floats:
    """Outcomes as a vector.

    Raises:
        OfflineDataError: as ``betting_sequence``.
    """
    outcomes = np.asarray(values, dtype=float)
    if not (0 < alpha < 1 and low < high):
        raise OfflineDataError(f"Found alpha {alpha:g} and range {low:g} to {high:g}; expected alpha in (0, 1).")
    if outcomes.ndim != 1 or len(outcomes) == 0:
        raise OfflineDataError(f"Expected a vector of outcomes, found shape {outcomes.shape}.")
    if not ((outcomes >= low) & (outcomes <= high)).all():
        raise OfflineDataError(
            f"An outcome is NaN or outside {low:g} to {high:g}. Leave out what is not rated, or declare the true range."
        )
    return outcomes
