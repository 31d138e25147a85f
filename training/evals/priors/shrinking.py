"""Posterior quality of one lane in all cells: each cell is drawn towards what its intent and its domain say of the
lane, these towards the lane's mean, and that towards the configured prior, as far as the counts allow.

    s_c | q_c ~ Binomial(n_c, q_c);   logit q_c = m + a_intent + b_domain + e_c;   m ~ N(logit prior, 1 / (s p (1 - p)))
    a ~ N(0, A^2), b ~ N(0, B^2), e ~ N(0, E^2);   each spread Exponential (Simpson et al. 2017), integrated on a grid;
    that of E is the widest: few cells say little of it, and where it is too small, intervals are too narrow

A binomial regression with a Gaussian prior, so Laplace's approximation at each point of the grid gives how likely that
point is (Rasmussen & Williams 2006, algorithm 3.1), and of each cell the cavity: what all *other* cells say of it. The
cavity times the cell's own binomial likelihood is then integrated exactly, as in nested Laplace approximations (Rue et
al. 2009). Empirical Bayes would take the best point of the grid for true, and be too sure where few cells are known.

Counts may be fractions: a quality between 0 and 1 is a share of a success, whose variance is at most that of a coin. A
judge that errs is part of the likelihood, so that what it cannot tell stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from training.evals.priors.likelihood import PERFECT, Reliability, Seen, logistic

Floats = NDArray[np.float64]
LEVEL = 0.95
SPREADS = (0.05, 0.2, 0.45, 0.9, 1.6)  # of intents and of domains, in logits
OWN = (0.05, 0.2, 0.4, 0.7, 1.1, 1.7, 2.6)  # of a cell of its own
RATES = 1.5, 1.5, 0.75  # of the exponential priors of spreads: P(spread > 2) = 5%, of a cell of its own 22%
NOT_TOLD_APART = 0.01  # an end so close to 0 or 1 is put there: logits tell apart what no suite can
_STEPS = 30
_LONGEST = 2.0
_CONVERGED = 1e-6
_NEGLIGIBLE = 1e-3
_POINTS = 161
_REACH = 7.0
_LEAST_STRENGTH = 0.5


@dataclass(frozen=True)
class Cells:
    """Posterior of one lane by cell, (c,) each: mean, equal-tailed interval at ``LEVEL``, the strength of the Beta with
    the same mean and variance, and how many answers of a perfect judge were ``counted``. Ends within
    ``NOT_TOLD_APART`` of 0 or 1 are 0 or 1."""

    quality: Floats
    low: Floats
    high: Floats
    strength: Floats
    counted: Floats


def shrink(
    successes: Floats,
    counts: Floats,
    *,
    intents: NDArray[np.intp],
    domains: NDArray[np.intp],
    prior: float,
    worth: float,
    judges: Sequence[Reliability] = (PERFECT,),
) -> Cells:
    """The posterior of one lane.

    Args:
        successes, counts: (c, j) by cell and judge, or (c,) of a perfect one; 0 <= successes <= counts; a count of 0 is
            a cell that was not evaluated.
        intents, domains: (c,) of each cell. prior, worth: mean in 0..1 and answers of the configured prior.
        judges: (j,) who counted.
    """
    seen_by = Seen.of(successes, counts, judges)
    prior = min(max(prior, 0.01), 0.99)
    width = 1 / (worth * prior * (1 - prior))
    grid = np.array(list(product(SPREADS, SPREADS, OWN)))
    # the mean of a logistic normal is nearer to 1/2 than its middle (MacKay 1992): it is to be the configured one
    shift = np.sqrt(1 + np.pi / 8 * (width + (grid**2).sum(axis=1)))
    centre = np.log(prior / (1 - prior)) * shift[:, None]
    like = (intents[:, None] == intents).astype(float), (domains[:, None] == domains).astype(float)
    parts = np.stack([*like, np.eye(len(intents))])
    known = np.flatnonzero(seen_by.counts.sum(axis=1) > 0)
    kernel = np.tensordot(grid**2, parts[:, known][:, :, known], axes=1) + width
    f, slope, curve, evidence = _laplace(seen_by.take(known), kernel, centre)
    weight = evidence - grid @ np.array(RATES) + np.log(_measure())
    weight = np.exp(weight - weight.max())
    kept = weight > _NEGLIGIBLE
    mean, variance = _cavities(grid[kept], parts, known, width, centre[kept], f[kept], slope[kept], curve[kept])
    return _integrated(mean, variance, weight[kept] / weight[kept].sum(), seen_by)


def _measure() -> Floats:
    """How much of the spreads' ranges each point of the grid stands for."""
    sizes = [np.gradient(np.array(axis)) for axis in (SPREADS, SPREADS, OWN)]
    return np.array([a * b * c for a, b, c in product(*sizes)])


def _laplace(seen: Seen, kernel: Floats, centre: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Modes (g, c), gradients and expected curvatures of the likelihood there, and the log evidence (g,), for each
    kernel (g, c, c), by Fisher scoring."""
    size = kernel.shape[1]
    f = np.repeat(centre, size, axis=1)
    a = np.zeros_like(f)
    if not size:
        return f, f, f, np.zeros(len(kernel))
    identity = np.eye(size)
    for _ in range(_STEPS):
        slope, curve, _ = seen.likelihood(f)
        root = np.sqrt(curve)
        inner = identity + root[:, :, None] * kernel * root[:, None, :]
        b = curve * (f - centre) + slope
        right = root * np.einsum("gij,gj->gi", kernel, b)
        a = b - root * np.linalg.solve(inner, right[:, :, None])[:, :, 0]
        moved = np.clip(centre + np.einsum("gij,gj->gi", kernel, a) - f, -_LONGEST, _LONGEST)
        f += moved
        if np.abs(moved).max() < _CONVERGED:
            break
    slope, curve, log = seen.likelihood(f)
    root = np.sqrt(curve)
    volume = np.linalg.slogdet(identity + root[:, :, None] * kernel * root[:, None, :])[1]
    return f, slope, curve, log - 0.5 * (a * (f - centre)).sum(axis=1) - 0.5 * volume


def _cavities(
    grid: Floats,
    parts: Floats,
    seen: NDArray[np.intp],
    width: float,
    centre: Floats,
    f: Floats,
    slope: Floats,
    curve: Floats,
) -> tuple[Floats, Floats]:
    """Mean and variance, (g, C), of each cell's logit as all other cells have it."""
    cross = np.tensordot(grid**2, parts[:, :, seen], axes=1) + width
    own = (grid**2).sum(axis=1)[:, None] + width
    if not len(seen):
        shape = len(grid), parts.shape[1]
        return np.broadcast_to(centre, shape).copy(), np.broadcast_to(own, shape).copy()
    root = np.sqrt(curve)
    inner = np.eye(len(seen)) + root[:, :, None] * cross[:, seen] * root[:, None, :]
    solved = np.linalg.solve(inner, root[:, :, None] * np.swapaxes(cross, 1, 2))
    variance = own - np.einsum("gcs,gsc->gc", cross, root[:, :, None] * solved)
    mean = centre + np.einsum("gcs,gs->gc", cross, slope)
    site, target = curve, f + slope / curve
    left = np.maximum(1 / variance[:, seen] - site, 1e-6)
    mean[:, seen] = (mean[:, seen] / variance[:, seen] - site * target) / left
    variance[:, seen] = 1 / left
    return mean, variance


def _integrated(mean: Floats, variance: Floats, weight: Floats, seen: Seen) -> Cells:
    """Posterior by cell from cavities (g, C), their weights (g,), and the cells' own counts."""
    found = [_one(mean[:, at], variance[:, at], weight, seen.take(np.array([at]))) for at in range(len(seen.counts))]
    quality, low, high, strength = (np.array(column) for column in zip(*found, strict=True))
    return Cells(quality, low, high, strength, seen.worth(quality))


def _one(mean: Floats, variance: Floats, weight: Floats, seen: Seen) -> tuple[float, float, float, float]:
    precision = 1 / variance
    start, own = seen.rough()
    middle = (mean * precision + own * start) / (precision + own)
    deviation = np.sqrt(1 / (precision + own))
    low, high = (middle - _REACH * deviation).min() - 1, (middle + _REACH * deviation).max() + 1
    at = np.linspace(low, high, max(_POINTS, int((high - low) / (deviation.min() / 4)) + 1))
    log = seen.likelihood(at[:, None])[2] - 0.5 * (at - mean[:, None]) ** 2 * precision[:, None]
    density = np.exp(log - log.max(axis=1, keepdims=True))
    # the weights of the grid hold the cell's own likelihood already, so each part is normalised by itself
    share = weight @ (density / density.sum(axis=1, keepdims=True))
    q = logistic(at)
    centre = float(share @ q)
    spread = float(share @ (q - centre) ** 2)
    ends = np.interp([(1 - LEVEL) / 2, (1 + LEVEL) / 2], np.cumsum(share) - share / 2, q)
    strength = max(centre * (1 - centre) / max(spread, 1e-12) - 1, _LEAST_STRENGTH)
    return (
        centre,
        0.0 if ends[0] < NOT_TOLD_APART else float(ends[0]),
        1.0 if ends[1] > 1 - NOT_TOLD_APART else float(ends[1]),
        strength,
    )
