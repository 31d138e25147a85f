"""Has something changed since? A recent window of a log against a reference window, with controlled false alarms.

Inputs (embeddings, labels, sizes), each lane's quality against what was expected of it, change points, costs against
expected costs, latency; and what is certain: prices and models that answered. All checks that compare samples are
judged together (``drifting.blocks``): where nothing has changed, at most ``level`` of reports alarm. A check alarms
only where its effect is also worth it (``Check.least``), so that millions of rows do not turn trifles into alarms.

What it does not see: lanes that are hardly used, qualities that nobody rates, and changes that began before the
reference window ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Execution
from router_ml.errors import OfflineDataError
from router_ml.offline.drifting import blocks
from router_ml.offline.drifting.checks import Sampled, Skipped, Windows, inputs, lanes
from router_ml.offline.drifting.facts import prices, served_models
from router_ml.offline.drifting.windows import PER_WINDOW, RUN, stacked
from router_ml.storage.database.records import LoggedData

if TYPE_CHECKING:
    from pandas import DataFrame

LEVEL = 0.05
ROWS_FOR_LENGTH = 4000


@dataclass(frozen=True)
class Check:
    """One thing that was compared. ``p_value``: adjusted for all checks of the report, None where nothing is left to
    chance; ``effect`` in its own unit and ``least``, what is worth an alarm; ``rows``: in the reference and in the
    recent window; ``since``: of a change point."""

    name: str
    lane: str
    drifted: bool
    p_value: float | None
    effect: float
    least: float
    found: str
    do: str
    rows: tuple[int, int]
    since: str | None = None


@dataclass(frozen=True)
class DriftReport:
    """``checks``: those that drifted first; ``not_tested``: why, by check. ``reference``, ``recent``: first and last
    decision of each window, and how many; ``blocks``: how many blocks of each changed places."""

    level: float
    reference: tuple[str, str, int]
    recent: tuple[str, str, int]
    checks: tuple[Check, ...]
    blocks: tuple[int, int]
    not_tested: Mapping[str, str] = field(default_factory=dict)

    @property
    def drifted(self) -> tuple[Check, ...]:
        """What has changed, and is worth an alarm."""
        return tuple(check for check in self.checks if check.drifted)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "drifted": [check.name for check in self.drifted]}

    def to_frame(self) -> DataFrame:
        """The checks as a DataFrame."""
        from pandas import DataFrame

        return DataFrame([asdict(check) for check in self.checks])

    def to_html(self) -> str:
        """One page on its own, for a mail or a wiki."""
        from router_ml.offline.drifting.html import page

        return page(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        said = [f"{c.name} {c.lane}".strip() + f": {c.found}. {c.do}" for c in self.drifted]
        if not self.checks:
            return "Nothing could be tested: " + "; ".join(f"{name}: {why}" for name, why in self.not_tested.items())
        return "\n".join(said) or f"No drift at level {self.level:g} in {len(self.checks)} checks."


def drift(
    reference: LoggedData,
    recent: LoggedData,
    *,
    executions: Iterable[Execution] = (),
    level: float = LEVEL,
    together: tuple[NDArray[Any], NDArray[Any]] | None = None,
    seed: int = 0,
) -> DriftReport:
    """Compare two windows of a log.

    Args:
        reference, recent: decisions, oldest first; the reference came before.
        executions: of decisions of either window, for the models that answered.
        level: the share of reports, 0..1, that may alarm where nothing has changed.
        together: (n,) per window, what hangs together and is kept together: days, users. By default neighbours in time.
        seed: of the permutations; the same seed gives the same report.

    Raises:
        OfflineDataError: a window is empty, or the level is no share.
    """
    if not 0 < level < 1:
        raise OfflineDataError(f"Found level {level}, expected the share of clean reports that may alarm, as 0.05.")
    for name, data in (("reference", reference), ("recent", recent)):
        if len(data) < 2:
            raise OfflineDataError(f"The {name} window holds {len(data)} decisions. Choose a longer one.")
    known = list(executions)
    certain = (*prices(reference, recent), *served_models(reference, recent, known))
    windows = _windows(reference, recent, together, seed)
    found = [*inputs(windows), *lanes(windows)]
    sampled = [each for each in found if isinstance(each, Sampled)]
    skipped = {f"{each.name} {each.lane}".strip(): each.why for each in found if isinstance(each, Skipped)}
    if not known:
        skipped["served model"] = "no executions were given"
    checks = [Check(drifted=True, p_value=None, least=0.0, **asdict(fact)) for fact in certain]
    sampled, hopeless = _able(sampled, windows, level)
    skipped |= hopeless
    checks += _judged(sampled, windows, level)
    return DriftReport(
        level=level,
        reference=_extent(reference),
        recent=_extent(recent),
        checks=tuple(sorted(checks, key=lambda check: (not check.drifted, check.p_value or 0.0))),
        blocks=(windows.plan.first, windows.plan.blocks - windows.plan.first),
        not_tested=skipped,
    )


def _windows(
    reference: LoggedData, recent: LoggedData, together: tuple[NDArray[Any], NDArray[Any]] | None, seed: int
) -> Windows:
    pair, least = [reference, recent], 1
    if together is None:
        alike = _dependence(reference)
        least = blocks.block_size(len(reference), len(recent), least=alike)
        if any(map(_may_have_gaps, pair)) and alike <= RUN:
            least = min(least, RUN)
        pair = [_whole(data, least, len(other)) for data, other in ((reference, recent), (recent, reference))]
    elif any(len(mark) != len(data) for mark, data in zip(together, pair, strict=True)):
        raise OfflineDataError("Found other counts in together than decisions, expected one entry for each, by window.")
    data = stacked(*pair)
    marks = [np.arange(len(part)) for part in pair] if together is None else together
    checks = 8 + 4 * len(data.lanes)
    plan = blocks.design(
        *marks, seed=seed, least=least, permutations=max(blocks.PERMUTATIONS, blocks.PER_CHECK * checks)
    )
    return Windows(data, len(pair[0]), plan, seed)


def _whole(data: LoggedData, size: int, other: int) -> LoggedData:
    """The whole blocks of a window of which the other has so many rows: no more of them than serve."""
    most = max(2 * blocks.BLOCKS, blocks.SIZE_RATIO * (other // size))
    return data.select(blocks.whole_blocks(len(data), size, most=most, run=RUN if _may_have_gaps(data) else None))


def _may_have_gaps(data: LoggedData) -> bool:
    """As large as a window that was thinned by runs when it was read."""
    return PER_WINDOW // 2 <= len(data) <= PER_WINDOW


def _dependence(reference: LoggedData) -> int:
    """Rows of a block, by how long requests of the reference stay alike."""
    kept = np.isfinite(reference.embeddings).all(axis=1) & (reference.embeddings.shape[1] > 0)
    if kept.sum() >= len(reference) / 2:
        return blocks.block_length(reference.embeddings[kept][:ROWS_FOR_LENGTH])
    names, code = np.unique(np.char.add(reference.intent, reference.domain), return_inverse=True)
    return blocks.block_length(np.eye(len(names))[code[:ROWS_FOR_LENGTH]])


def _able(sampled: list[Sampled], windows: Windows, level: float) -> tuple[list[Sampled], dict[str, str]]:
    """The checks that could alarm at a level, or hold one value throughout, and why the others were not tested."""
    if not sampled:
        return [], {}
    statistics = np.stack([each.statistic for each in sampled], axis=1)
    least, same = blocks.reachable(statistics), np.ptp(statistics, axis=0) == 0
    able = (least <= level) | same
    if not (able & ~same).any() and not same.all():
        able[:] = False  # that all are in English is not what the report was asked for
    first, second = windows.plan.first, windows.plan.blocks - windows.plan.first
    few = f"{first} + {second} blocks change places: p could not fall below"
    why = "Choose longer windows, or keep less together"
    return (
        [each for each, may in zip(sampled, able, strict=True) if may],
        {
            f"{each.name} {each.lane}".strip(): f"{few} {p:.3f}. {why}"
            for each, p, may in zip(sampled, least, able, strict=True)
            if not may
        },
    )


def _judged(sampled: list[Sampled], windows: Windows, level: float) -> list[Check]:
    if not sampled:
        return []
    p_values = blocks.adjusted(np.stack([each.statistic for each in sampled], axis=1))
    return [
        Check(
            name=each.name,
            lane=each.lane,
            drifted=bool(p <= level and each.effect >= each.least),
            p_value=float(p),
            effect=each.effect,
            least=each.least,
            found=each.found,
            do=each.do,
            rows=each.rows,
            since=_begin(windows, each.place),
        )
        for each, p in zip(sampled, p_values, strict=True)
    ]


def _begin(windows: Windows, place: int) -> str | None:
    """When the block at a place begins."""
    plan: blocks.Design = windows.plan
    return None if place < 0 else _at(windows.data.created_at[plan.rows[plan.block == place]].min())


def _extent(data: LoggedData) -> tuple[str, str, int]:
    return _at(data.created_at.min()), _at(data.created_at.max()), len(data)


def _at(moment: np.datetime64) -> str:
    said: datetime = moment.astype("datetime64[s]").item()
    return said.isoformat() + "Z"
