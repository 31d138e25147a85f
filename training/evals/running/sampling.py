"""Fewer cases of a suite: whole clusters, drawn at random, from each cell in proportion."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from training.evals.case import Case


def sampled(cases: Sequence[Case], n: int | None, *, seed: int) -> tuple[Case, ...]:
    """About ``n`` cases in the order in which they stand; all of them where ``n`` is None or not less.

    Clusters are shuffled within their cell (that of their first case) and taken so that each cell is represented in
    proportion (systematic sampling), until ``n`` cases are reached: the last cluster is taken whole.
    """
    if n is None or n >= len(cases):
        return tuple(cases)
    clusters: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        clusters[case.cluster].append(case)
    cells: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, members in clusters.items():
        cells[members[0].cell].append(name)
    rng = random.Random(f"evaluations {seed}")
    order: list[tuple[float, float, str]] = []
    for _, names in sorted(cells.items()):
        rng.shuffle(names)
        order.extend(((at + rng.random()) / len(names), rng.random(), name) for at, name in enumerate(names))
    taken: set[str] = set()
    count = 0
    for _, _, name in sorted(order):
        if count >= n:
            break
        taken.add(name)
        count += len(clusters[name])
    return tuple(case for case in cases if case.cluster in taken)
