"""Is the floor kept for everybody? Quality by cell, language, organisation and class, so that no minority pays for the
mean.

Each group gets Wilson's (1927) score interval at its effective number of ratings, which is wide enough for any quality
in 0..1: no variance is larger than that of zeros and ones. Ratings are weighted by 1 / P(rated). ``missed`` allows for
how many groups were looked at: Benjamini & Hochberg (1995), so that at most ``false_discovery`` of those called missed
are expected to be innocent. Few ratings are no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.storage.database.records import LoggedData

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]
By = Literal["cell", "language", "org", "class"]
Verdict = Literal["kept", "missed", "not enough evidence"]

CONFIDENCE = 0.9
FALSE_DISCOVERY = 0.1
MIN_EFFECTIVE = 5.0
_NORMAL = NormalDist()


@dataclass(frozen=True)
class FloorRow:
    """One group: ``rated`` of ``requests``, estimated quality with its interval, the floor that was promised (the mean,
    where several were), and whether it was kept. ``p_value``: of quality this low or lower if the floor was kept."""

    group: str
    requests: int
    rated: int
    quality: float
    low: float
    high: float
    floor: float
    p_value: float
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """The row as plain values; None where a number is not known."""
        values = asdict(self)
        return {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124 - NaN


def logged_floors(data: LoggedData, *, by: By = "cell", false_discovery: float = FALSE_DISCOVERY) -> list[FloorRow]:
    """What users of each group got, from the rated decisions of a log, randomised or not.

    Raises:
        OfflineDataError: nothing is rated, or a rating has no P(rated) in (0, 1].
    """
    labels: dict[By, Any] = {
        "cell": np.char.add(np.char.add(data.intent, " x "), data.domain),
        "language": data.language,
        "org": np.where(data.org == "", "(none)", data.org),
        "class": data.traffic_class,
    }
    rated = np.isfinite(data.quality)
    probability = data.rated_probability[rated]
    if not ((probability > 0) & (probability <= 1)).all():
        raise OfflineDataError("A rated decision has a P(rated) that is NaN or outside (0, 1]. Log how it was picked.")
    weight = np.zeros(len(data))
    weight[rated] = 1 / probability
    return floors(data.quality, labels[by], floor=data.floor, weight=weight, false_discovery=false_discovery)


def floors(
    quality: Floats,
    groups: NDArray[np.str_],
    *,
    floor: Floats | float,
    weight: Floats | None = None,
    false_discovery: float = FALSE_DISCOVERY,
) -> list[FloorRow]:
    """A row per group, by name.

    Args:
        quality: (n,) in 0..1, NaN where not rated; of a matrix, what a policy is expected to earn per prompt.
        groups: (n,) names. floor: promised, (n,) or one for all.
        weight: (n,) 1 / P(rated), 1 by default.

    Raises:
        OfflineDataError: nothing is rated.
    """
    rated = np.isfinite(quality)
    if not rated.any():
        raise OfflineDataError(
            f"None of {len(quality)} decisions is rated, so nothing is known of any floor. Rate some."
        )
    weight = np.where(rated, 1.0 if weight is None else weight, 0.0)
    promised = np.broadcast_to(np.asarray(floor, float), quality.shape)
    rows = [_row(name, quality, promised, weight, groups == name) for name in np.unique(groups).tolist()]
    judged = [index for index, row in enumerate(rows) if np.isfinite(row.p_value)]
    missed = discoveries([rows[index].p_value for index in judged], false_discovery)
    verdicts = dict(zip(judged, missed, strict=True))
    return [_judge(row, missed=verdicts.get(index)) for index, row in enumerate(rows)]


def _row(name: str, quality: Floats, floor: Floats, weight: Floats, of: NDArray[np.bool_]) -> FloorRow:
    rated = of & (weight > 0)
    count, given = int(rated.sum()), weight[rated]
    effective = effective_sample_size(given)
    promised = float(np.average(floor[rated], weights=given) if count else floor[of].mean())
    if not count:
        return FloorRow(name, int(of.sum()), 0, np.nan, 0.0, 1.0, promised, np.nan, "not enough evidence")
    mean = float(np.average(quality[rated], weights=given))
    low, high = wilson(mean, effective)
    spread = max(promised * (1 - promised), 1e-12)
    p_value = 1 - _NORMAL.cdf((promised - mean) / (spread / effective) ** 0.5)
    enough = effective >= MIN_EFFECTIVE
    return FloorRow(
        name, int(of.sum()), count, mean, low, high, promised, p_value if enough else np.nan, "not enough evidence"
    )


def _judge(row: FloorRow, *, missed: bool | None) -> FloorRow:
    verdict: Verdict = "not enough evidence"
    if missed:
        verdict = "missed"
    elif missed is not None and row.low >= row.floor:
        verdict = "kept"
    return FloorRow(**{**asdict(row), "verdict": verdict})


def wilson(mean: float, count: float, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a mean in 0..1 over ``count`` values.

    >>> tuple(round(end, 3) for end in wilson(1.0, 10))
    (0.787, 1.0)
    """
    z2 = _NORMAL.inv_cdf((1 + confidence) / 2) ** 2
    centre = (mean + z2 / (2 * count)) / (1 + z2 / count)
    half = (z2 * (mean * (1 - mean) / count + z2 / (4 * count * count))) ** 0.5 / (1 + z2 / count)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which of many tests count at a false discovery rate (Benjamini & Hochberg 1995).

    >>> discoveries([0.001, 0.2, 0.03, 0.9], 0.1)
    [True, False, True, False]
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values, kind="stable")
    within = values[order] <= rate * np.arange(1, len(values) + 1) / max(len(values), 1)
    count = int(np.flatnonzero(within)[-1]) + 1 if within.any() else 0
    found = np.zeros(len(values), dtype=bool)
    found[order[:count]] = True
    return [bool(each) for each in found]


def as_frame(rows: Sequence[FloorRow]) -> DataFrame:
    """The rows as a DataFrame."""
    from pandas import DataFrame

    return DataFrame([asdict(row) for row in rows])
