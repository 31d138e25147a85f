"""One permutation design for all checks of a drift report, so that together they raise few false alarms.

Rows of the two windows are cut into blocks of neighbours in time (or of one cluster), and blocks change places. Where
nothing has changed, blocks are exchangeable, and the report in hand is one of many equally likely ones: each check is
compared with itself under the same permutations, and the smallest p-value of a report with the smallest p-values of the
permuted reports (Westfall & Young 1993, step-down). So a report with nothing to find alarms at most at the stated
level, however many checks there are and however they hang together. Blocks instead of rows, because requests that
follow each other are alike: permuting rows would take a busy hour for a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 100
PERMUTATIONS = 999
PER_CHECK = 60  # permutations per check at least, so that the smallest p-value can still pass
TIMES = 8.0  # a block is this much longer than requests stay alike: at 4, one clean report in twelve alarmed
LONGEST, ALIKE = 200, 0.02  # lags that are looked at; a correlation that counts as none


@dataclass(frozen=True)
class Design:
    """``rows`` (n,): the rows of both windows, stacked, in the order of blocks; ``block`` (n,): the block of each of
    these; ``first``: how many blocks are the reference's; ``order`` (b + 1, k): the block at each place in time, by
    permutation, the true order first."""

    rows: NDArray[np.intp]
    block: NDArray[np.intp]
    first: int
    order: NDArray[np.intp]

    @property
    def blocks(self) -> int:
        """How many there are, k."""
        return int(self.order.shape[1])

    @cached_property
    def size(self) -> Floats:
        """Rows of each block, (k,)."""
        return np.bincount(self.block, minlength=self.blocks).astype(np.float64)

    def only(self, chosen: NDArray[np.bool_]) -> Design:
        """The same blocks and permutations with only the chosen rows (n,), for values that are given of these alone."""
        kept = chosen[self.rows]
        return Design((np.cumsum(chosen) - 1)[self.rows[kept]], self.block[kept], self.first, self.order)

    @cached_property
    def _member(self) -> Floats:
        """1 where a permutation puts a block into the recent window, (b + 1, k)."""
        member = np.zeros(self.order.shape, np.float64)
        np.put_along_axis(member, self.order[:, self.first :], 1.0, axis=1)
        return member

    def sums(self, values: NDArray[Any]) -> Floats:
        """Sums (k, d) of values (n, d), given in the order of the windows, over each block."""
        begins = np.flatnonzero(np.diff(self.block, prepend=-1))
        total = np.zeros((self.blocks, values.shape[1]))
        total[self.block[begins]] = np.add.reduceat(np.asarray(values, np.float64)[self.rows], begins, axis=0)
        return total

    def recent(self, sums: Floats) -> Floats:
        """Sums (b + 1, d) over the blocks that a permutation puts into the recent window."""
        total: Floats = self._member @ sums
        return total


def design(
    reference: NDArray[Any],
    recent: NDArray[Any],
    *,
    seed: int,
    least: int = 1,
    blocks: int = BLOCKS,
    permutations: int = PERMUTATIONS,
) -> Design:
    """A design for two windows.

    Args:
        reference, recent: (n,) what must stay together in each window, in the order of time: a day, a user; every row
            for itself where all differ.
        least: rows that a block has at least.
    """
    size = max(least, -(-(len(reference) + len(recent)) // blocks))
    parts, rows, offset = [], [], 0
    for window in (reference, recent):
        order, block = _cut(window, size)
        rows.append(order + offset)
        parts.append(block)
        offset += len(window)
    first = int(parts[0][-1]) + 1
    block = np.concatenate([parts[0], parts[1] + first])
    places = np.tile(np.arange(int(block[-1]) + 1), (permutations + 1, 1))
    places[1:] = np.random.default_rng(seed).permuted(places[1:], axis=1)
    return Design(np.concatenate(rows), block, first, places)


def block_length(values: NDArray[Any]) -> int:
    """How many rows a block needs so that blocks hardly depend on each other, from values (n, d) in the order of time:
    a few times the integrated autocorrelation time (Sokal 1997), 1 where rows are independent."""
    centred = np.asarray(values, np.float64) - np.mean(values, axis=0)
    power = float(np.square(centred).sum()) / max(len(centred), 1)
    time = 1.0
    for lag in range(1, min(LONGEST, len(centred) // 4) + 1 if power > 0 else 0):
        alike = float((centred[:-lag] * centred[lag:]).sum()) / (len(centred) - lag) / power
        if alike < ALIKE:
            break
        time += 2 * alike
    return 1 if time == 1.0 else int(np.ceil(TIMES * time))


def _cut(together: NDArray[Any], size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows in the order of blocks, and the block of each: whole clusters, in the order in which they begin."""
    _, begins, cluster = np.unique(together, return_index=True, return_inverse=True)
    order = np.argsort(begins[cluster], kind="stable")
    started = begins[cluster][order]
    opens = np.diff(started, prepend=-1) != 0
    at = np.maximum.accumulate(np.where(opens, np.arange(len(order)), 0))  # where the row's cluster begins
    _, block = np.unique(at // size, return_inverse=True)
    return order, block


def adjusted(statistics: Floats) -> Floats:
    """Adjusted p-values (m,) of statistics (b + 1, m), large where something has changed, the true order first.

    Step-down minP: the chance that, where nothing has changed, any of the checks that are not rejected before would be
    as extreme. A statistic that cannot be computed is -inf.
    """
    total = len(statistics)
    p = np.empty_like(statistics)
    for column, values in enumerate(statistics.T):
        p[:, column] = (total - np.searchsorted(np.sort(values), values, side="left")) / total
    result, least = np.ones(statistics.shape[1]), np.full(total, np.inf)
    ranked = np.argsort(p[0], kind="stable")
    for column in ranked[::-1]:
        least = np.minimum(least, p[:, column])
        result[column] = (least <= p[0, column]).mean()
    result[ranked] = np.maximum.accumulate(result[ranked])
    return result
