"""``python -m training.evals.reporting.coverage``: what intervals of shares hold, and how often a sound lane alarms."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product

import numpy as np

from training.evals.reporting.alarms import LEVEL, at_least, ring
from training.evals.reporting.shares import share
from training.evals.suite import NAMES, load_suite

GROUPS, SHARES, ALIKE = (3, 5, 8, 10, 15, 30, 60), (0.5, 0.8, 0.95), (0.05, 0.3, 0.9)
_SIZE = 4


def covered(groups: int, *, draws: int, seed: int = 0) -> list[tuple[float, float]]:
    """Share of draws whose 95% interval holds the true share, and its mean width, for each true share and correlation
    within groups of four (a beta-binomial model)."""
    rng, found, names = np.random.default_rng(seed), [], np.repeat(np.arange(groups), _SIZE).astype(str).tolist()
    for true, alike in product(SHARES, ALIKE):
        worth = (1 - alike) / alike
        own = rng.beta(true * worth, (1 - true) * worth, (draws, groups, 1))
        passed = (rng.random((draws, groups, _SIZE)) < own).reshape(draws, -1)
        all_of_it = [share(one.tolist(), names) for one in passed]
        held = np.mean([one.low <= true <= one.high for one in all_of_it])
        found.append((float(held), float(np.mean([one.high - one.low for one in all_of_it]))))
    return found


def alarmed(*, draws: int, seed: int = 0) -> tuple[int, float, float]:
    """Of a lane that fails exactly as often as the suites tolerate: its tests, the share of reports in which any of
    them is an alarm, and in which any is by the test at 1% alone."""
    tests = [(len(clusters), tolerated) for clusters, tolerated in _tests()]
    rng = np.random.default_rng(seed)
    p_values = np.empty((draws, len(tests)))
    for at, (of, tolerated) in enumerate(tests):
        tails = np.array([at_least(count, of, tolerated) for count in range(of + 1)])
        p_values[:, at] = tails[rng.binomial(of, tolerated, draws)]
    rung = np.mean([any(ring(one.tolist())) for one in p_values])
    return len(tests), float(rung), float((p_values.min(axis=1) < LEVEL).mean())


def _tests() -> Iterator[tuple[set[str], float]]:
    for suite in map(load_suite, NAMES):
        clusters = {case.cluster for case in suite.cases if case.decided is None}
        yield from ((clusters, tolerated) for tolerated in suite.file.tolerated.values() if tolerated > 0)


def main() -> None:
    """Print tables."""
    if sys.argv[1:] == ["alarms"]:
        tests, rung, alone = alarmed(draws=4_000)
        sys.stdout.write(f"{tests} tests: an alarm in {rung:.1%} of reports; by the test at 1% alone {alone:.1%}\n")
        return
    sys.stdout.write("| groups | held, on average | at worst | width |\n|---:|---:|---:|---:|\n")
    for groups in GROUPS:
        held, width = zip(*covered(groups, draws=400), strict=True)
        sys.stdout.write(f"| {groups} | {np.mean(held):.3f} | {min(held):.3f} | {np.mean(width):.2f} |\n")


if __name__ == "__main__":
    main()
