"""How likely counts are at a quality, where judges err.

A judge of sensitivity Se and specificity Sp passes an answer of a lane of quality q with p = 1 - Sp + J q, where
J = Se + Sp - 1 (Rogan & Gladen 1978). n such judgements are worth n J^2 q (1 - q) / (p (1 - p)) of a perfect judge: the
ratio of the Fisher informations of q.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TINY = 1e-12


@dataclass(frozen=True)
class Reliability:
    """How often a judge passes what is right, and fails what is wrong."""

    sensitivity: float = 1.0
    specificity: float = 1.0

    @property
    def informative(self) -> float:
        """J = sensitivity + specificity - 1 (Youden 1950): 1 for a perfect judge, 0 for a coin."""
        return self.sensitivity + self.specificity - 1


PERFECT = Reliability()


@dataclass(frozen=True)
class Seen:
    """successes, counts: (c, j) by cell and judge; passes, fails: (j,) how often each judge passes what is wrong and
    fails what is right."""

    successes: Floats
    counts: Floats
    passes: Floats
    fails: Floats

    @classmethod
    def of(cls, successes: Floats, counts: Floats, judges: Sequence[Reliability]) -> Seen:
        """Counts (c, j), or (c,) where there is one judge."""
        size = len(successes), len(judges)
        passes = np.array([1 - judge.specificity for judge in judges])
        fails = np.array([1 - judge.sensitivity for judge in judges])
        return cls(np.reshape(successes, size), np.reshape(counts, size), passes, fails)

    def take(self, rows: NDArray[np.intp]) -> Seen:
        """The chosen cells."""
        return Seen(self.successes[rows], self.counts[rows], self.passes, self.fails)

    def likelihood(self, f: Floats) -> tuple[Floats, Floats, Floats]:
        """Gradient and Fisher information (g, c) of the log likelihood at logits f (g, c), and the latter (g,)."""
        q, p, rest = self._passing(f)
        inner = (1 - self.passes - self.fails) * (q * logistic(-f))[..., None]
        slope = ((self.successes - self.counts * p) * inner / (p * rest)).sum(axis=-1)
        curve = (self.counts * inner**2 / (p * rest)).sum(axis=-1)
        log = self.successes * np.log(p) + (self.counts - self.successes) * np.log(rest)
        return slope, np.maximum(curve, 1e-10), log.sum(axis=(-1, -2))

    def worth(self, quality: Floats) -> Floats:
        """How many answers of a perfect judge each cell's are worth at a quality (c,)."""
        inside = np.clip(quality, 1e-6, 1 - 1e-6)
        q, p, rest = self._passing(np.log(inside / (1 - inside)))
        ratio = (1 - self.passes - self.fails) ** 2 * (q * (1 - q))[..., None] / (p * rest)
        result: Floats = (self.counts * ratio).sum(axis=-1)
        return result

    def rough(self) -> tuple[float, float]:
        """A logit where the likelihood of a single cell is large, and about its information there."""
        total = float(self.counts.sum())
        if not total > 0:
            return 0.0, 0.0
        share = self.counts / total
        slope = float((share * (1 - self.passes - self.fails)).sum())
        base = float((share * self.passes).sum())
        start = float(np.clip(((self.successes.sum() + 0.5) / (total + 1) - base) / slope, 0.5 / (total + 1), 1))
        start = min(start, 1 - 0.5 / (total + 1))
        logit = float(np.log(start / (1 - start)))
        return logit, float(self.likelihood(np.array([[logit]]))[1][0, 0])

    def _passing(self, f: Floats) -> tuple[Floats, Floats, Floats]:
        """Quality (g, c), and how likely each judge passes and fails an answer, (g, c, j)."""
        q = logistic(f)
        slope = 1 - self.passes - self.fails
        p = self.passes + slope * q[..., None]
        rest = self.fails + slope * logistic(-f)[..., None]
        return q, np.maximum(p, _TINY), np.maximum(rest, _TINY)


def logistic(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    result: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return result
