"""One permutation design for all checks of a drift report, so that together they raise few false alarms.

Rows of the two windows are cut into blocks of neighbours in time (or of one cluster), and blocks change places. Where
nothing has changed, blocks are exchangeable, and the report in hand is one of many equally likely ones: each check is
compared with itself under the same permutations, and the smallest p-value of a report with the smallest p-values of the
permuted reports (Westfall & Young 1993, step-down). So a report with nothing to find alarms at most at the stated
level, however many checks there are and however they hang together. Blocks instead of rows, because requests that
follow each other are alike: permuting rows would take a busy hour for a change. Blocks of both windows are alike only
where they hold equally many rows that followed each other: a window that is too large is thinned by whole blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS, FEWEST = 100, 10  # of both windows, and of the smaller one, where blocks may be as short as that
SIZE_RATIO = 10  # a window with more than so many times the blocks of the other, and 2 * BLOCKS, only costs time
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
        least: rows that a block has at least, where a window has as many.
    """
    size = block_size(len(reference), len(recent), least=least, blocks=blocks)
    parts, rows, offset = [], [], 0
    for window in (reference, recent):
        order, block = _cut(window, max(1, len(window) // size))
        rows.append(order + offset)
        parts.append(block)
        offset += len(window)
    first = int(parts[0][-1]) + 1
    block = np.concatenate([parts[0], parts[1] + first])
    order = _orders(int(block[-1]) + 1, first, permutations, np.random.default_rng(seed))
    return Design(np.concatenate(rows), block, first, order)


def _orders(blocks: int, first: int, permutations: int, random: np.random.Generator) -> NDArray[np.intp]:
    """The true order and so many others; where there are fewer ways to choose the recent blocks, each of them once."""
    if comb(blocks, first) > permutations:
        places = np.tile(np.arange(blocks), (permutations + 1, 1))
        places[1:] = random.permuted(places[1:], axis=1)
        return places
    recent = np.array(list(combinations(range(blocks), blocks - first))[::-1])  # the true ones come first
    rest = np.ones((len(recent), blocks), bool)
    np.put_along_axis(rest, recent, False, axis=1)
    recent[1:] = random.permuted(recent[1:], axis=1)
    return np.concatenate([np.nonzero(rest)[1].reshape(len(recent), first), recent], axis=1)


def block_size(reference: int, recent: int, *, least: int = 1, blocks: int = BLOCKS) -> int:
    """Rows of a block of windows of so many rows: about ``blocks`` of both windows, some of them in the smaller one,
    which is cut evenly: a shorter last block would make the true arrangement unlike the others."""
    smaller = min(reference, recent)
    wanted = max(least, 1, min(-(-(reference + recent) // blocks), -(-smaller // FEWEST)))
    return smaller // max(1, smaller // wanted)


def whole_blocks(rows: int, size: int, *, most: int, run: int | None = None) -> NDArray[np.intp]:
    """Rows of a window, as whole blocks of ``size``, at most so many of them, evenly spread.

    Args:
        run: rows that follow each other without a gap, where the window was read with gaps: no block spans one.
    """
    if run is None or run < size:  # what is left over is the oldest
        starts = np.arange(rows % size, rows, size)
    else:
        starts = (np.arange(0, rows, run)[:, None] + np.arange(0, run - size + 1, size)).ravel()
        starts = starts[starts + size <= rows]
    if len(starts) > most:
        starts = starts[np.arange(most) * len(starts) // most]
    return (starts[:, None] + np.arange(size)).ravel()


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


def _cut(together: NDArray[Any], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows in the order of blocks, and the block of each: whole clusters, in the order in which they begin, in at most
    ``count`` blocks that are about as large as each other."""
    _, begins, cluster = np.unique(together, return_index=True, return_inverse=True)
    order = np.argsort(begins[cluster], kind="stable")
    started = begins[cluster][order]
    opens = np.diff(started, prepend=-1) != 0
    at = np.maximum.accumulate(np.where(opens, np.arange(len(order)), 0))  # where the row's cluster begins
    _, block = np.unique(at * count // len(order), return_inverse=True)
    return order, block


def adjusted(statistics: Floats) -> Floats:
    """Adjusted p-values (m,) of statistics (b + 1, m), large where something has changed, the true order first.

    Step-down minP: the chance that, where nothing has changed, any of the checks that are not rejected before would be
    as extreme. A statistic that cannot be computed is -inf.
    """
    total, p = len(statistics), _alone(statistics)
    result, least = np.ones(statistics.shape[1]), np.full(total, np.inf)
    ranked = np.argsort(p[0], kind="stable")
    for column in ranked[::-1]:
        least = np.minimum(least, p[:, column])
        result[column] = (least <= p[0, column]).mean()
    result[ranked] = np.maximum.accumulate(result[ranked])
    return result


def reachable(statistics: Floats) -> Floats:
    """The smallest adjusted p-value (m,) that each check could have had, whichever arrangement were the true one.

    Few blocks have few arrangements: one day among 29 is the oddest of them in some check or other. The first check
    that is rejected has to be odder than all checks are by chance; those after it only than themselves.
    """
    p = _alone(statistics)
    best = p.min(axis=0)
    first = np.searchsorted(np.sort(p.min(axis=1)), best, side="right") / len(p)
    result: Floats = np.maximum(best, first.min())
    return result


def _alone(statistics: Floats) -> Floats:
    """The p-value of each check by itself under each arrangement, (b + 1, m)."""
    total, p = len(statistics), np.empty_like(statistics)
    for column, values in enumerate(statistics.T):
        p[:, column] = (total - np.searchsorted(np.sort(values), values, side="left")) / total
    return p
