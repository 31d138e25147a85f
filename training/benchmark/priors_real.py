"""Real outcomes by lane and cell: are the means of one half what priors from the other half expect?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.benchmark.routing import load
from training.evals.priors.shrinking import LEVEL, shrink
from training.outcomes import Pack

Floats = NDArray[np.float64]
SPLITS = 10
FEWEST = 5  # groups of a cell in the half that is held out
DRAWS = 2000
CONFIGURED = (0.8, 4.0)


@dataclass(frozen=True)
class Held:
    """``cells``: lanes x cells over all splits; share of held-out means inside the 95% prediction, with two standard
    errors over splits x lanes; root mean squared error of the expected means."""

    data: str
    method: str
    cells: int
    held: float
    error: float
    rmse: float


def held_out(path: Path, bundle: Path, *, seed: int, step: Callable[[str], None] = lambda name: None) -> list[Held]:
    """Each method on one matrix."""
    step(path.stem)
    pack = load(path, bundle)
    domains = pack.contexts.domain.shape[1]
    cell = pack.contexts.intent.argmax(axis=1) * domains + pack.contexts.domain.argmax(axis=1)
    size = pack.contexts.intent.shape[1] * domains
    hits: dict[str, list[NDArray[np.bool_]]] = defaultdict(list)
    squares: dict[str, list[Floats]] = defaultdict(list)
    for split in range(SPLITS):
        rng = np.random.default_rng([seed, split])
        groups = np.unique(pack.group)
        mine = np.isin(pack.group, rng.permutation(groups)[: len(groups) // 2])
        for column in range(len(pack.lanes)):
            n, s = _sums(pack, cell, mine, column, size)
            m, t = _sums(pack, cell, ~mine, column, size)
            judged = m >= FEWEST
            for name, (mean, strength) in _expected(s, n, domains).items():
                inside, off = _compare(mean[judged], strength[judged], m[judged], t[judged], rng)
                hits[name].append(inside)
                squares[name].append(off)
    rows = []
    for name, found in hits.items():
        shares = np.array([one.mean() for one in found if len(one)])
        whole = np.concatenate(found)
        error = 2 * shares.std(ddof=1) / np.sqrt(len(shares))
        rmse = float(np.sqrt(np.concatenate(squares[name]).mean()))
        rows.append(Held(path.stem, name, len(whole), float(whole.mean()), float(error), rmse))
    return rows


def _sums(pack: Pack, cell: NDArray[np.intp], rows: NDArray[np.bool_], column: int, size: int) -> tuple[Floats, Floats]:
    """Groups and their summed mean qualities, by cell: near-duplicates are one answer."""
    quality = pack.quality[:, column]
    some = np.flatnonzero(rows & np.isfinite(quality))
    keys, place = np.unique(np.stack([cell[some], pack.group[some]]), axis=1, return_inverse=True)
    mean: Floats = np.bincount(place.ravel(), quality[some]) / np.bincount(place.ravel())
    counts: Floats = np.bincount(keys[0], minlength=size).astype(np.float64)
    sums: Floats = np.bincount(keys[0], mean, minlength=size).astype(np.float64)
    return counts, sums


def _expected(s: Floats, n: Floats, domains: int) -> dict[str, tuple[Floats, Floats]]:
    prior, worth = CONFIGURED
    rows, columns = np.divmod(np.arange(len(n)), domains)
    ours = shrink(s, n, intents=rows, domains=columns, prior=prior, worth=worth)
    pooled = np.full_like(n, (s.sum() + prior * worth) / (n.sum() + worth)), np.full_like(n, n.sum() + worth)
    return {
        "ours": (ours.quality, ours.strength),
        "counts": ((s + prior * worth) / (n + worth), n + worth),
        "alone": ((s + 0.5) / (n + 1), n + 1),
        "pooled": pooled,
    }


def _compare(
    mean: Floats, strength: Floats, m: Floats, t: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each held-out mean lies inside its prediction: a Beta, and coins of that quality. Qualities between 0 and
    1 vary less than coins, so that their predictions are too wide rather than too narrow."""
    a, b = np.maximum(mean * strength, 1e-6), np.maximum((1 - mean) * strength, 1e-6)
    drawn = rng.binomial(m.astype(np.int64), rng.beta(a, b, (DRAWS, len(mean)))) / m
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    seen = t / m
    return (low - 1e-9 <= seen) & (seen <= high + 1e-9), np.square(seen - mean)
