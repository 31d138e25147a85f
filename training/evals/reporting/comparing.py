"""Two runs, or two lanes, case by case: what got worse, what got better, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router_ml.offline.estimating.clustered import Mean, mean
from training.evals.reporting.alarms import at_least
from training.evals.result import Result


@dataclass(frozen=True)
class Difference:
    """After less before, of a lane in a suite, over cases that both asked in the same words.

    ``difference`` of the shares that passed with its 95% interval (paired, over clusters); ``quality_difference`` the
    same of qualities; ``p_value``: exact, two-sided, of clusters that changed either way (McNemar 1947); ``broke`` and
    ``fixed``: cases; ``unmatched``: rows of either run that the other has not, or asked in other words.
    """

    suite: str
    lane: str
    pairs: int
    clusters: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    quality_difference: float
    quality_low: float
    quality_high: float
    p_value: float
    broke: tuple[str, ...]
    fixed: tuple[str, ...]
    unmatched: int


def compare(
    before: Sequence[Result], after: Sequence[Result], *, lanes: Mapping[str, str] | None = None
) -> list[Difference]:
    """Differences per suite and lane, where both runs have judged the same cases.

    Args:
        lanes: which lane of ``after`` stands against which of ``before``; by default each against itself.
    """
    first, second = _keyed(before, lambda lane: (lanes or {}).get(lane, lane)), _keyed(after, lambda lane: lane)
    found: list[Difference] = []
    for suite, lane in dict.fromkeys((suite, lane) for suite, lane, *_ in second):
        mine = {key: one for key, one in second.items() if key[:2] == (suite, lane)}
        theirs = {key: one for key, one in first.items() if key[:2] == (suite, lane)}
        shared = [key for key in mine if key in theirs]
        if shared:
            pairs = [(theirs[key], mine[key]) for key in shared]
            found.append(_difference(suite, lane, pairs, len(mine) + len(theirs) - 2 * len(shared)))
    return found


def _keyed(results: Sequence[Result], named: Callable[[str], str]) -> dict[tuple[str, str, str, str, int], Result]:
    judged = (one for one in results if one.passed is not None)
    return {(one.suite, named(one.arm.lane), one.case.id, one.case.digest, one.repeat): one for one in judged}


def _difference(suite: str, lane: str, pairs: Sequence[tuple[Result, Result]], unmatched: int) -> Difference:
    cluster = np.array([one.case.cluster for _, one in pairs], dtype=str)
    passed = np.array([[float(bool(one.passed)) for one in pair] for pair in pairs])
    quality = np.array([[one.quality or 0.0 for one in pair] for pair in pairs])
    of_passed, of_quality = (mean(two[:, 1] - two[:, 0], cluster, reach=1.0) for two in (passed, quality))
    low, high = interval(of_passed)
    quality_low, quality_high = interval(of_quality)
    moves = [(before.passed, after.passed, after.case.id) for before, after in pairs]
    return Difference(
        suite,
        lane,
        len(pairs),
        of_passed.clusters,
        float(passed[:, 0].mean()),
        float(passed[:, 1].mean()),
        of_passed.value,
        low,
        high,
        of_quality.value,
        quality_low,
        quality_high,
        _either_way(passed[:, 1] - passed[:, 0], cluster),
        tuple(dict.fromkeys(case for was, now, case in moves if was and not now)),
        tuple(dict.fromkeys(case for was, now, case in moves if now and not was)),
        unmatched,
    )


def interval(found: Mean, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval of a difference, inside -1..1."""
    if not math.isfinite(found.standard_error):
        return -1.0, 1.0
    half = found.half(z)
    return max(-1.0, found.value - half), min(1.0, found.value + half)


def _either_way(
    moved: np.ndarray[tuple[int], np.dtype[np.float64]], cluster: np.ndarray[tuple[int], np.dtype[np.str_]]
) -> float:
    """P(as uneven or more) where clusters that changed do so either way with the same probability."""
    _, member = np.unique(cluster, return_inverse=True)
    net = np.bincount(member, moved)
    worse, better = int((net < 0).sum()), int((net > 0).sum())
    return min(1.0, 2 * at_least(max(worse, better), worse + better, 0.5))
