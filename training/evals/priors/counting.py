"""How many answers the answers of a lane in a cell are worth.

An answer weighs ``2^(-age / half-life)``, times ``OTHER_VERSION`` where another model or version of the lane gave it or
where the lane was found to be worse since, times the weight of its suite: a power prior (Ibrahim & Chen 2000), so the
weights are counts. Repeats of a case are one answer, their mean. The m cases of a group are worth m / (1 + (m - 1) r)
(Kish 1965), r their correlation. What each judge counted is kept apart: how far it is to be trusted is a matter of the
likelihood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from router_ml.allocation.priors import OTHER_VERSION
from router_ml.config import Lane
from router_ml.errors import OfflineDataError
from training.evals.priors.answers import Answer
from training.evals.priors.likelihood import PERFECT, Reliability

LITTLE = 10.0  # groups that the assumption "they are one answer" is worth
DAY_S = 86_400.0
Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Discounts:
    """``now``: the time that ages count to. ``suites``: weights, 1 by default. ``judges``: reliability by check;
    an answer counts as judged by the least reliable that judged it. ``lowered``: when a lane was found to be worse.
    ``correlation``: within groups, estimated where None."""

    now: datetime
    half_life_days: float = 90.0
    other_version: float = OTHER_VERSION
    suites: Mapping[str, float] = field(default_factory=dict)
    judges: Mapping[str, Reliability] = field(default_factory=dict)
    lowered: Mapping[str, datetime] = field(default_factory=dict)
    correlation: float | None = None

    def __post_init__(self) -> None:
        for name, judge in self.judges.items():
            if judge.informative <= 0:
                raise OfflineDataError(
                    f"Judge {name} has sensitivity {judge.sensitivity:g} and specificity {judge.specificity:g}, no "
                    "better than a coin. Expected a sum above 1. Leave its suite out with a weight of 0."
                )
        if not self.half_life_days > 0:
            raise OfflineDataError(f"Found a half-life of {self.half_life_days:g} days, expected more than 0.")


@dataclass(frozen=True)
class Count:
    """Of a lane in a cell: ``answers`` as they are, and by judge how many they are after discounts and groups, and how
    many of these passed."""

    answers: int
    by_judge: Mapping[Reliability, tuple[float, float]]

    @property
    def counted(self) -> float:
        """After discounts, whoever judged."""
        return sum(n for n, _ in self.by_judge.values())

    @property
    def observed(self) -> float:
        """Mean quality, corrected for judges that err, 0..1."""
        parts = (n * ((s / n - 1 + j.specificity) / j.informative) for j, (n, s) in self.by_judge.items())
        return min(max(sum(parts) / self.counted, 0.0), 1.0)


@dataclass(frozen=True)
class _Group:
    """Cases that stand and fall together: their qualities and weights, and who judged them."""

    cell: Cell
    qualities: tuple[float, ...]
    weights: tuple[float, ...]
    judge: Reliability

    @property
    def mean(self) -> float:
        return sum(q * w for q, w in zip(self.qualities, self.weights, strict=True)) / max(sum(self.weights), 1e-300)

    def worth(self, correlation: float) -> float:
        return sum(self.weights) / (1 + (len(self.weights) - 1) * correlation)


def count(
    answers: Sequence[Answer], lanes: Mapping[str, Lane], discounts: Discounts
) -> tuple[dict[Cell, Count], float]:
    """Counts by (lane, intent, domain), and the correlation within groups."""
    groups = _groups(answers, lanes, discounts)
    correlation = within_groups(groups) if discounts.correlation is None else discounts.correlation
    raw: dict[Cell, int] = defaultdict(int)
    for one in answers:
        raw[one.lane, one.intent, one.domain] += 1
    sums: dict[Cell, dict[Reliability, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for group in groups:
        worth = group.worth(correlation)
        total = sums[group.cell][group.judge]
        total[0] += worth
        total[1] += worth * group.mean
    found = {
        cell: Count(raw[cell], {judge: (n, min(s, n)) for judge, (n, s) in by_judge.items() if n > 0})
        for cell, by_judge in sums.items()
    }
    return {cell: one for cell, one in found.items() if one.by_judge}, correlation


def _groups(answers: Sequence[Answer], lanes: Mapping[str, Lane], discounts: Discounts) -> list[_Group]:
    newest = _served_now(answers)
    cases: dict[tuple[Cell, Reliability, str, str], dict[str, list[tuple[float, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in answers:
        key = (one.lane, one.intent, one.domain), _judge(one.checks, discounts.judges), one.suite, one.cluster
        cases[key][one.case].append((one.quality, _weight(one, lanes[one.lane], newest, discounts)))
    found = []
    for (cell, judge, _, _), of_cases in cases.items():
        means, weights = [], []
        for repeats in of_cases.values():
            total = sum(weight for _, weight in repeats)
            if total > 0:
                means.append(sum(quality * weight for quality, weight in repeats) / total)
                weights.append(max(weight for _, weight in repeats))
        if weights:
            found.append(_Group(cell, tuple(means), tuple(weights), judge))
    return found


def _weight(one: Answer, lane: Lane, newest: Mapping[str, str], discounts: Discounts) -> float:
    days = max((discounts.now - one.at).total_seconds(), 0.0) / DAY_S
    weight: float = discounts.suites.get(one.suite, 1.0) * 0.5 ** (days / discounts.half_life_days)
    configured = (one.model, one.version) == (lane.model, lane.version)
    served = one.served_model is None or one.served_model == newest.get(one.lane, one.served_model)
    before = one.lane in discounts.lowered and one.at < discounts.lowered[one.lane]
    return weight * (1.0 if configured and served and not before else discounts.other_version)


def _served_now(answers: Iterable[Answer]) -> dict[str, str]:
    """What each lane's provider last said that it serves."""
    last: dict[str, tuple[datetime, str]] = {}
    for one in answers:
        if one.served_model is not None and (one.lane not in last or one.at >= last[one.lane][0]):
            last[one.lane] = one.at, one.served_model
    return {lane: served for lane, (_, served) in last.items()}


def _judge(checks: tuple[str, ...], known: Mapping[str, Reliability]) -> Reliability:
    return min((known[name] for name in checks if name in known), key=lambda one: one.informative, default=PERFECT)


def within_groups(groups: Sequence[_Group]) -> float:
    """Correlation of the cases of a group, 0..1: the analysis-of-variance estimate within cells (Donner 1986), drawn
    towards 1 as if ``LITTLE`` groups had said so: where little is known, a group is one answer."""
    by_cell: dict[Cell, list[_Group]] = defaultdict(list)
    for group in groups:
        by_cell[group.cell].append(group)
    between, within, df_between, df_within, size, several = 0.0, 0.0, 0, 0, 0.0, 0
    for of_cell in by_cell.values():
        values = [np.array(group.qualities) for group in of_cell]
        total = sum(len(one) for one in values)
        middle = sum(one.sum() for one in values) / total
        between += sum(len(one) * float(one.mean() - middle) ** 2 for one in values)
        within += sum(float(((one - one.mean()) ** 2).sum()) for one in values)
        df_between, df_within = df_between + len(values) - 1, df_within + total - len(values)
        size += total - sum(len(one) ** 2 for one in values) / total
        several += sum(len(one) > 1 for one in values)
    if not df_within or not df_between:
        return 1.0
    mean_between, mean_within = between / df_between, within / df_within
    spread = mean_between + (size / df_between - 1) * mean_within
    estimate = float(np.clip((mean_between - mean_within) / spread, 0, 1)) if spread > 0 else 1.0
    return (several * estimate + LITTLE) / (several + LITTLE)
