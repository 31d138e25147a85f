"""Has something changed since? A recent window of a log against a reference window, with controlled false alarms.

Inputs (embeddings, labels, sizes), each lane's quality against what was expected of it, change points, costs against
expected costs, latency; and what is certain: prices and models that answered. All checks that compare samples are
judged together (``drift_blocks``): where nothing has changed, at most ``level`` of reports alarm. A check alarms only
where its effect is also worth it (``Check.least``), so that millions of rows do not turn trifles into alarms.

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
from router_ml.offline.drift_blocks import PER_CHECK, PERMUTATIONS, Design, adjusted, block_length, design
from router_ml.offline.drift_checks import Sampled, Skipped, Windows, inputs, lanes
from router_ml.offline.drift_facts import prices, served_models
from router_ml.offline.drift_windows import stacked, thinned
from router_ml.storage.records import LoggedData

if TYPE_CHECKING:
    from pandas import DataFrame

LEVEL = 0.05
ROWS_FOR_LENGTH = 4000
SIZE_RATIO = 10  # a window that is larger than this times the other only costs time


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
        from router_ml.offline.drift_html import page

        return page(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        said = [f"{c.name} {c.lane}".strip() + f": {c.found}. {c.do}" for c in self.drifted]
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
    parts = [thinned(len(reference), SIZE_RATIO * len(recent)), thinned(len(recent), SIZE_RATIO * len(reference))]
    pair = reference.select(parts[0]), recent.select(parts[1])
    data = stacked(*pair)
    checks = 8 + 4 * len(data.lanes)
    marks = [np.arange(len(part)) for part in pair] if together is None else _marks(together, parts)
    least = _dependence(pair[0]) if together is None else 1
    plan = design(*marks, seed=seed, least=least, permutations=max(PERMUTATIONS, PER_CHECK * checks))
    return Windows(data, len(pair[0]), plan, seed)


def _dependence(reference: LoggedData) -> int:
    """Rows of a block, by how long requests of the reference stay alike."""
    kept = np.isfinite(reference.embeddings).all(axis=1) & (reference.embeddings.shape[1] > 0)
    if kept.sum() >= len(reference) / 2:
        return block_length(reference.embeddings[kept][:ROWS_FOR_LENGTH])
    names, code = np.unique(np.char.add(reference.intent, reference.domain), return_inverse=True)
    return block_length(np.eye(len(names))[code[:ROWS_FOR_LENGTH]])


def _marks(together: tuple[NDArray[Any], NDArray[Any]], parts: list[NDArray[np.intp]]) -> list[NDArray[Any]]:
    if any(len(mark) <= part[-1] for mark, part in zip(together, parts, strict=True)):
        raise OfflineDataError("Found fewer entries in together than decisions, expected one for each, by window.")
    return [mark[part] for mark, part in zip(together, parts, strict=True)]


def _judged(sampled: list[Sampled], windows: Windows, level: float) -> list[Check]:
    if not sampled:
        return []
    p_values = adjusted(np.stack([each.statistic for each in sampled], axis=1))
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
    plan: Design = windows.plan
    return None if place < 0 else _at(windows.data.created_at[plan.rows[plan.block == place]].min())


def _extent(data: LoggedData) -> tuple[str, str, int]:
    return _at(data.created_at.min()), _at(data.created_at.max()), len(data)


def _at(moment: np.datetime64) -> str:
    said: datetime = moment.astype("datetime64[s]").item()
    return said.isoformat() + "Z"
