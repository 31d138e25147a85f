"""Rows of the routing table: scores pooled over repeats, and paired differences with intervals.

Splits of the same prompts overlap, so their differences are not independent: over splits the interval is the corrected
resampled t interval (Nadeau & Bengio, 2003), whose variance is (1 / J + n_test / n_train) s^2 for J splits. Over
bootstraps of one test part it is difference +- t s, s being the standard deviation of the bootstraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from training.benchmark.contenders import Label
from training.benchmark.protocol import Score

LEVEL = 0.95
SPREAD = ("gap_closed", "committed", "apgr")


@dataclass(frozen=True)
class Repeats:
    """How the scores were repeated. ``test_per_train``: prompts tested on per prompt learned from; None for bootstraps
    of one test part."""

    count: int
    test_per_train: float | None

    def half_width(self, differences: Sequence[float]) -> float:
        """Half of the 95% interval of the mean of paired differences; infinite from a single one."""
        from scipy.stats import t

        if self.count < 2:
            return float("inf")
        variance = float(np.var(differences, ddof=1))
        factor = 1.0 if self.test_per_train is None else 1 / self.count + self.test_per_train
        return float(t.ppf(0.5 + LEVEL / 2, self.count - 1) * np.sqrt(factor * variance))


@dataclass(frozen=True)
class Difference:
    """Points of gap closed that a row of ours has over another row, or over mixing fixed lanes (``hull``), with a 95%
    interval."""

    other: Label
    difference: float
    low: float
    high: float

    def as_json(self) -> dict[str, object]:
        """Name and cost of the other row, and the numbers; bounds are None where there is only one repeat."""
        low, high = (round(each, 6) if np.isfinite(each) else None for each in (self.low, self.high))
        numbers = {"difference": round(self.difference, 6), "low": low, "high": high}
        return {"name": self.other.name, "cost": self.other.cost, **numbers}


@dataclass(frozen=True)
class Row:
    """One router: mean and standard deviation of its scores over the repeats.

    ``versus_best``: against the best other row that learned from the same; ``versus_hull``: against 0. Both for rows of
    ours alone.
    """

    label: Label
    mean: Score
    sd: Score
    versus_best: Difference | None = None
    versus_hull: Difference | None = None

    def as_json(self) -> dict[str, object]:
        """The row of the JSON report, numbers rounded to six digits."""
        result: dict[str, object] = asdict(self.label)
        for field in fields(Score):
            value, spread = getattr(self.mean, field.name), getattr(self.sd, field.name)
            result[field.name] = _rounded(value)
            if field.name in SPREAD:
                result[f"{field.name}_sd"] = _rounded(spread)
        if self.label.ours:
            result["versus_best"] = self.versus_best.as_json() if self.versus_best else None
            result["versus_hull"] = self.versus_hull.as_json() if self.versus_hull else None
        return result


def pool(scores: Sequence[Mapping[Label, Score]], repeats: Repeats) -> list[Row]:
    """One row for each label, from its scores in every repeat."""
    rows = {
        label: Row(
            label,
            _pooled([each[label] for each in scores], np.mean),
            _pooled([each[label] for each in scores], _spread),
        )
        for label in scores[0]
    }
    closed = {label: [each[label].gap_closed for each in scores] for label in rows}
    for label, row in rows.items():
        if label.ours:
            others = [each for each in rows if _rivals(label, each)]
            best = max(others, key=lambda each: rows[each].mean.gap_closed, default=None)
            against_best = None if best is None else _difference(closed[label], closed[best], best, repeats)
            hull = _difference(closed[label], [0.0] * len(scores), Label("hull"), repeats)
            rows[label] = replace(row, versus_best=against_best, versus_hull=hull)
    return list(rows.values())


def _rivals(label: Label, other: Label) -> bool:
    """Whether the other learned from as much: the same log, or lanes that it drew itself."""
    return not other.ours and other.feedback == label.feedback and other.logging in (label.logging, None)


def _difference(mine: Sequence[float], theirs: Sequence[float], other: Label, repeats: Repeats) -> Difference:
    differences = [a - b for a, b in zip(mine, theirs, strict=True)]
    middle, half = float(np.mean(differences)), repeats.half_width(differences)
    return Difference(other, middle, middle - half, middle + half)


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _pooled(scores: list[Score], pool: Callable[[list[float]], float]) -> Score:
    def of(name: str) -> float | None:
        values = [getattr(each, name) for each in scores]
        return None if any(value is None for value in values) else float(pool(values))

    return Score(**{field.name: of(field.name) for field in fields(Score)})  # type: ignore[arg-type]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
