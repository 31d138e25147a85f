"""Priors from answers: what the report shows, and what the router is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.priors import STRENGTH_CAP, CellPriors
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from training.evals.priors.answers import Answers
from training.evals.priors.counting import Cell, Count, Discounts, count
from training.evals.priors.shrinking import LEVEL, Cells, shrink

Floats = NDArray[np.float64]
BORROWED = 1.0  # answers of other cells that each of a cell's own may bring with it


@dataclass(frozen=True)
class Row:
    """A lane in a cell that was evaluated.

    ``answers`` as they are, ``counted`` after discounts, as answers of a perfect judge, their mean ``observed``;
    posterior mean ``quality`` with its interval; ``strength``: answers that the posterior is worth, ``given``: those
    that the router takes it for; ``shrunk``: weight, 0..1, of what was not seen in the cell itself.
    """

    lane: str
    intent: str
    domain: str
    answers: int
    counted: float
    observed: float
    quality: float
    low: float
    high: float
    strength: float
    given: float
    shrunk: float


@dataclass(frozen=True)
class Estimated:
    """``priors`` for a bundle, the ``rows`` behind them, what was ``left_out`` and why, and the ``correlation`` of the
    answers of a group."""

    priors: CellPriors
    rows: tuple[Row, ...]
    left_out: Mapping[str, int]
    correlation: float


def estimate_priors(
    answers: Answers,
    config: RouterConfig,
    *,
    intents: tuple[str, ...],
    domains: tuple[str, ...],
    discounts: Discounts,
    cap: float = STRENGTH_CAP,
    made: Mapping[str, Any] | None = None,
) -> Estimated:
    """Beta priors of the lanes that were evaluated, in all cells.

    Args:
        intents, domains: labels of the bundle's classifier; answers of others are left out, and counted.
        cap: most answers that a prior may be worth. made: provenance, kept in the file.

    Raises:
        OfflineDataError: no answer is left, or the cap is not above 0.
    """
    if not cap > 0:
        raise OfflineDataError(f"Found a cap of {cap:g} answers, expected more than 0.")
    known = answers.within(intents, domains, config.lanes)
    if not known.rows:
        reasons = "; ".join(f"{many} {reason}" for reason, many in sorted(known.left_out.items()))
        raise OfflineDataError(
            f"There is no answer to learn priors from ({reasons or 'no results'}). Run suites first."
        )
    counts, correlation = count(known.rows, config.lanes, discounts)
    lanes = tuple(name for name in config.lanes if any(cell[0] == name for cell in counts))
    if not lanes:
        raise OfflineDataError("Every answer has weight 0. Give suites a weight, or a longer half-life.")
    found = {lane: _lane(lane, counts, config, intents, domains) for lane in lanes}
    given = {lane: _given(cells, config.lanes[lane].prior.strength, cap) for lane, cells in found.items()}
    shape = len(intents), len(domains)

    def table(name: str) -> Floats:
        each = [given[lane] if name == "given" else getattr(found[lane], name) for lane in lanes]
        return np.stack([one.reshape(shape) for one in each], axis=2)

    priors = CellPriors(
        lanes=lanes,
        intents=intents,
        domains=domains,
        quality=table("quality"),
        strength=table("given"),
        counted=table("counted"),
        low=table("low"),
        high=table("high"),
        level=LEVEL,
        arms={lane: (config.lanes[lane].model, config.lanes[lane].version) for lane in lanes},
        made=dict(made or {}),
    )
    rows = tuple(_rows(counts, found, given, intents, domains))
    return Estimated(priors, rows, dict(known.left_out), correlation)


def _lane(
    lane: str,
    counts: Mapping[Cell, Count],
    config: RouterConfig,
    intents: tuple[str, ...],
    domains: tuple[str, ...],
) -> Cells:
    cells = [counts.get((lane, intent, domain)) for intent in intents for domain in domains]
    judges = tuple(dict.fromkeys(judge for one in cells if one is not None for judge in one.by_judge))
    table = np.array(
        [[(0.0, 0.0) if one is None else one.by_judge.get(judge, (0.0, 0.0)) for judge in judges] for one in cells]
    )
    rows, columns = np.divmod(np.arange(len(cells)), len(domains))
    believed = config.lanes[lane].prior
    return shrink(
        table[:, :, 1],
        table[:, :, 0],
        intents=rows,
        domains=columns,
        prior=believed.quality,
        worth=believed.strength,
        judges=judges,
    )


def _given(cells: Cells, configured: float, cap: float) -> Floats:
    """The strength that the router is given, (c,): capped, and in each cell at most what is configured and its own
    answers with as many of other cells. What other cells say moves the mean of a cell that was not evaluated, but
    does not let the lane reach a floor there."""
    own = configured + (1 + BORROWED) * cells.counted
    return np.minimum(np.minimum(cells.strength, own), cap)


def _rows(
    counts: Mapping[Cell, Count],
    found: Mapping[str, Cells],
    given: Mapping[str, Floats],
    intents: tuple[str, ...],
    domains: tuple[str, ...],
) -> list[Row]:
    rows = []
    for lane, cells in found.items():
        for at in range(len(cells.quality)):
            intent, domain = intents[at // len(domains)], domains[at % len(domains)]
            seen = counts.get((lane, intent, domain))
            if seen is None:
                continue
            counted, strength = float(cells.counted[at]), float(cells.strength[at])
            rows.append(
                Row(
                    lane=lane,
                    intent=intent,
                    domain=domain,
                    answers=seen.answers,
                    counted=counted,
                    observed=seen.observed,
                    quality=float(cells.quality[at]),
                    low=float(cells.low[at]),
                    high=float(cells.high[at]),
                    strength=strength,
                    given=float(given[lane][at]),
                    shrunk=max(1 - counted / strength, 0.0),
                )
            )
    return rows
