"""Statistics that compare two windows of a log, under every permutation of a design at once.

Each returns (b + 1,) values, large where the windows differ, the true order first, and what they mean for that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.drifting.blocks import Design, Floats

COMPONENTS, LANDMARKS, FIT_ROWS, AT_ONCE = 64, 256, 2000, 8192
RIDGE = 0.1  # of the mean variance: directions that hardly vary decide nothing
LEAST_AFTER = 8.0  # effective ratings on either side of a change
TINY = 1e-12


@dataclass(frozen=True)
class Shift:
    """A mean before and after, the difference and its standard error; ``place``: the block from which on, -1: the whole
    recent window."""

    before: float
    after: float
    standard_error: float
    place: int = -1

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


def mix(labels: NDArray[Any], plan: Design) -> tuple[Floats, float, list[tuple[str, float, float]]]:
    """Pearson's chi-square of labels (n,) between the windows; total variation distance, 0..1, and the shares of each
    label before and after, the one that moved most first."""
    names, code = np.unique(labels, return_inverse=True)
    sums = _counts(code, len(names), plan)
    recent, total = plan.recent(sums), sums.sum(axis=0)
    share = recent.sum(axis=1, keepdims=True) / total.sum()
    spread = np.maximum(total * share * (1 - share), TINY)
    statistic: Floats = (np.square(recent - total * share) / spread).sum(axis=1)
    after = recent[0] / recent[0].sum()
    before = (total - recent[0]) / (total - recent[0]).sum()
    moved = np.argsort(-np.abs(after - before), kind="stable")
    return (
        statistic,
        float(np.abs(after - before).sum() / 2),
        [(str(names[i]), float(before[i]), float(after[i])) for i in moved],
    )


def _counts(code: NDArray[np.intp], names: int, plan: Design) -> Floats:
    """How many rows of each block have each code, (k, names)."""
    flat = np.bincount(plan.block * names + code[plan.rows], minlength=plan.blocks * names)
    return flat.reshape(plan.blocks, names).astype(np.float64)


def binned(values: Floats, bins: int = 10) -> NDArray[np.intp]:
    """Numbers (n,) as quantile bins of all of them; equal numbers share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def mean_shift(values: Floats, weight: Floats, plan: Design) -> tuple[Floats, Shift]:
    """|t| of the weighted mean of values (n,) between the windows; rows of weight 0 do not count."""
    sums = _moments(values, weight, plan)
    recent = plan.recent(sums)
    t, shifts = _studentised(recent, sums.sum(axis=0) - recent)
    return t, shifts(0)


def change_point(values: Floats, weight: Floats, plan: Design) -> tuple[Floats, Shift]:
    """The largest |t| over all places in the recent window at which the mean may have changed for good (Page 1954;
    studentised, and compared with permutations instead of a table). No change begins in the reference window."""
    sums = _moments(values, weight, plan)
    here = sums[plan.order[:, plan.first :]]
    after = np.cumsum(here[:, ::-1], axis=1)[:, ::-1]
    t, shifts = _studentised(after, sums.sum(axis=0) - after)
    place = t.argmax(axis=1)
    found = shifts((0, int(place[0])))
    return t.max(axis=1), Shift(found.before, found.after, found.standard_error, plan.first + int(place[0]))


def _moments(values: Floats, weight: Floats, plan: Design) -> Floats:
    """Block sums (k, 5): weight, weighted value around the mean of both windows, its square, weight squared, and weight
    times that mean."""
    counts = weight > 0
    centre = np.average(values[counts], weights=weight[counts])
    value = np.where(counts, values, centre) - centre
    columns = [weight, weight * value, np.square(weight * value), np.square(weight), weight * centre]
    return plan.sums(np.stack(columns, axis=1))


def _studentised(after: Floats, before: Floats) -> tuple[Floats, Any]:
    """|t| of the difference of two weighted means; sums (..., 5) as of ``_moments``."""

    def mean(part: Floats) -> Floats:
        result: Floats = part[..., 1] / np.maximum(part[..., 0], TINY)
        return result

    def effective(part: Floats) -> Floats:
        result: Floats = np.square(part[..., 0]) / np.maximum(part[..., 3], TINY)
        return result

    whole = after + before
    error = np.sqrt(
        np.maximum(whole[..., 2] / np.maximum(whole[..., 3], TINY), TINY)
        * (1 / np.maximum(effective(after), TINY) + 1 / np.maximum(effective(before), TINY))
    )
    enough = (effective(after) >= LEAST_AFTER) & (effective(before) >= LEAST_AFTER)
    t = np.where(enough, np.abs(mean(after) - mean(before)) / error, -np.inf)

    def shift(at: Any) -> Shift:
        centre = float(whole[at][4] / whole[at][0])
        return Shift(float(mean(before)[at]) + centre, float(mean(after)[at]) + centre, float(error[at]))

    return t, shift


def reduce(values: NDArray[np.float32], *, seed: int, components: int = COMPONENTS) -> NDArray[np.float32]:
    """Principal components (n, c) of both windows together: what a permutation does not change."""
    random = np.random.default_rng(seed)
    some = values[np.sort(random.choice(len(values), min(len(values), FIT_ROWS), replace=False))]
    centre = some.mean(axis=0)
    some = some - centre
    axes = random.standard_normal((values.shape[1], min(components, *values.shape))).astype(np.float32)
    for _ in range(3):  # subspace iteration (Halko et al. 2011): the leading directions, nearly
        axes, _ = np.linalg.qr(some.T @ (some @ axes))
    return np.concatenate([(part - centre) @ axes for part in _chunks(values)])


def _chunks(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


def discrepancy(values: NDArray[np.float32], plan: Design, *, seed: int) -> tuple[Floats, float]:
    """Squared maximum mean discrepancy (Gretton et al. 2012) of values (n, d) under a Gaussian kernel as wide as the
    median distance, by random Fourier features (Rahimi & Recht 2007), so that it takes linear time; and the discrepancy
    in 0..1 beyond what permutations have, about the share of requests that are of another kind."""
    random = np.random.default_rng(seed)
    some = values[np.sort(random.choice(len(values), min(len(values), 500), replace=False))]
    squares = np.square(some).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * some @ some.T, 0)[np.triu_indices(len(some), 1)]
    width = float(np.sqrt(np.median(apart))) or 1.0
    waves = (random.standard_normal((values.shape[1], LANDMARKS)) / width).astype(np.float32)
    sums = np.zeros((plan.blocks, 2 * LANDMARKS))
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        angle, block = values[plan.rows[part]] @ waves, plan.block[part]
        begins = np.flatnonzero(np.diff(block, prepend=-1))
        mapped = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        sums[block[begins]] += np.add.reduceat(mapped, begins, axis=0)
    gap = _gap(sums / np.sqrt(LANDMARKS), plan.size, plan)
    statistic: Floats = np.square(gap).sum(axis=1)
    beyond = max(float(statistic[0] - statistic[1:].mean()), 0.0)
    return statistic, float(np.sqrt(beyond))


def told_apart(values: NDArray[np.float32], plan: Design, *, seed: int) -> tuple[Floats, float]:
    """Classifier two-sample test: can a linear classifier that learned on half of the blocks tell which window the
    other half is from? It is fitted anew for each permutation, which Fisher's discriminant allows (Kim et al. 2021).
    Also the cross-fitted area under its curve, .5 where it cannot."""
    scale = values.std(axis=0)
    whole = (values[:, scale > TINY] / scale[scale > TINY]).astype(np.float64)
    whole -= whole.mean(axis=0)
    variance, axes = np.linalg.eigh(whole.T @ whole / len(whole))
    turned, inverse = whole @ axes, 1 / (variance + RIDGE * variance.mean())
    half = np.random.default_rng(seed).permutation(plan.blocks) % 2 == 0
    sums = plan.sums(turned)
    gaps = [_gap(sums * part[:, None], plan.size * part, plan) for part in (half, ~half)]
    statistic = np.zeros(len(plan.order))
    area = []
    for learned, judged, part in ((gaps[0], gaps[1], ~half), (gaps[1], gaps[0], half)):
        direction = learned * inverse
        length = np.sqrt(np.maximum((np.square(direction) * variance).sum(axis=1), TINY))
        statistic += (direction * judged).sum(axis=1) / length
        mine = part[plan.block]
        area.append(_area(turned[plan.rows[mine]] @ direction[0], plan.block[mine] >= plan.first))
    return statistic, float(np.mean(area))


def _gap(sums: Floats, size: Floats, plan: Design) -> Floats:
    """Mean of recent minus mean of reference (b + 1, d) over some of the blocks."""
    recent, count = plan.recent(sums), plan.recent(size[:, None])
    rest = size.sum() - count  # a permutation may leave nothing in a window
    result: Floats = recent / np.maximum(count, 1) - (sums.sum(axis=0) - recent) / np.maximum(rest, 1)
    return result


def _area(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, by the ranks of the positives."""
    order = np.argsort(score, kind="stable")
    rank = np.empty(len(score))
    rank[order] = np.arange(1, len(score) + 1)
    count = int(positive.sum())
    if count in (0, len(score)):
        return 0.5
    return float((rank[positive].sum() - count * (count + 1) / 2) / (count * (len(score) - count)))
