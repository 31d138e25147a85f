"""Which share of answers is right, where a judge that errs has judged all of them and people only a few.

``rogan_gladen`` needs how often the judge errs (measured anywhere that is like here); ``prediction_powered`` needs a
random part of these very answers to be judged by people, and then holds for any judge, however wrong it is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from router_ml.errors import OfflineDataError
from training.evals.judges.agreement import Floats, Measured

_Z = 1.959963984540054


def rogan_gladen(
    *, passed: int, of: int, sensitivity: tuple[int, int], specificity: tuple[int, int], z: float = _Z
) -> Measured:
    """The share of right answers behind the share that a judge passes (Rogan & Gladen 1978), with the interval of
    Lang & Reiczigel (2014), which also allows for what is not known of the judge.

    Args:
        passed, of: answers that the judge passed, of how many. sensitivity: right answers that it passed, of how many.
        specificity: wrong answers that it failed, of how many.

    Raises:
        OfflineDataError: no right or no wrong answers are known, or the judge is no better than chance.
    """
    (hit, right), (caught, wrong) = sensitivity, specificity
    if min(of, right, wrong) < 1:
        raise OfflineDataError("Correcting a judge needs answers, and right as well as wrong ones that people judged.")
    youden = hit / right + caught / wrong - 1
    # Shrunk as in the paper, so that a judge without a known error is not taken for one that never errs.
    se, sp = (hit + 1) / (right + 2), (caught + 1) / (wrong + 2)
    share = (passed + z * z / 2) / (of + z * z)
    power = se + sp - 1
    if youden <= 0 or power <= 0:
        raise OfflineDataError(
            f"The judge passes {hit}/{right} of the right answers and fails {caught}/{wrong} of the wrong ones: "
            "that is no better than chance, so its verdicts say nothing. Use another judge."
        )
    middle = (share + sp - 1) / power
    of_se, of_sp = se * (1 - se) / (right + 2), sp * (1 - sp) / (wrong + 2)
    move = 2 * z * z * (middle * of_se - (1 - middle) * of_sp)
    spread = share * (1 - share) / (of + z * z) + middle**2 * of_se + (1 - middle) ** 2 * of_sp
    half = z * math.sqrt(spread) / power
    value = (passed / of + caught / wrong - 1) / youden
    low, high = middle + move - half, middle + move + half
    return Measured(_unit(value), _unit(low), _unit(high), of)


def prediction_powered(human: ArrayLike, judge: ArrayLike, others: ArrayLike, *, z: float = _Z) -> Measured:
    """The mean of what people would say (Angelopoulos et al. 2023, with the tuning of *PPI++*): their mean where they
    judged, moved by how the judge finds the other answers better or worse than these, as far as the judge is worth it.

    Args:
        human, judge: (n,) of 0..1 on answers that people judged, a random part of all. others: (m,) of 0..1, the judge
            on the rest. ``z``: of the interval, which is normal and wants some thirty answers judged by people.

    Raises:
        OfflineDataError: fewer than two were judged by people, or no others.
    """
    said, seen, rest = (np.asarray(one, dtype=np.float64) for one in (human, judge, others))
    n, m = len(said), len(rest)
    if n < 2 or m < 1 or seen.shape != said.shape:
        raise OfflineDataError(f"Found {n} answers judged by people and {m} others; at least 2 and 1 are needed.")
    variance = float(np.concatenate([seen, rest]).var(ddof=1))
    both = float(np.cov(said, seen)[0, 1])
    worth = min(max(both / ((1 + n / m) * variance), 0.0), 1.0) if variance > 0 else 0.0
    value = float(said.mean() + worth * (rest.mean() - seen.mean()))
    middle, spread = _careful(said, seen, rest, worth)
    return Measured(_unit(value), _unit(middle - z * spread), _unit(middle + z * spread), n + m)


def _careful(said: Floats, seen: Floats, rest: Floats, worth: float) -> tuple[float, float]:
    """Middle and standard error of the interval, with one right and one wrong answer more, each judged as right and as
    wrong (after Agresti & Coull 1998): without them, few errors among few answers look like hardly any."""
    said, seen = np.concatenate([said, [1.0, 1.0, 0.0, 0.0]]), np.concatenate([seen, [1.0, 0.0, 1.0, 0.0]])
    n, m = len(said), len(rest)
    middle = float(said.mean() + worth * (rest.mean() - seen.mean()))
    spread = float((said - worth * seen).var(ddof=1)) / n + worth**2 * float(rest.var(ddof=1) if m > 1 else 0.25) / m
    return middle, math.sqrt(spread)


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
