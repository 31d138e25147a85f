"""With which probabilities the lanes of a row could have been drawn: as its columns say, or as somebody claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from router_ml.offline.importing.mapping import Propensity
from router_ml.offline.importing.paths import from_json, look_up
from router_ml.offline.importing.values import UnreadableError, absent, number

SUM_TOLERANCE = 1e-3  # of what others rounded; the sum is made 1 then
ROUNDING = 1e-9
LEAST = 1e-9  # below, 1 / propensity is no weight that any number of rows could carry


def propensities_of(
    row: Mapping[str, Any], told: Propensity, *, lane: str, named: Callable[[str, str], str]
) -> dict[str, float] | None:
    """Probabilities by lane, which sum to 1 and give ``lane`` more than 0; None where the row says nothing.

    Args:
        named: the lane that a column (first argument) means with a name (second); raises UnreadableError.

    Raises:
        UnreadableError: they are none, or the lane that was chosen could not be drawn.
    """
    if told.only is not None and str(look_up(row, told.only.column)).strip() not in told.only.values:
        return None
    column, found = _said(row, told, lane, named)
    if found is None:
        return None
    total = math.fsum(found.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise UnreadableError(column, "expected probabilities that sum to 1")
    if not found.get(lane, 0.0) >= LEAST:
        raise UnreadableError(column, "expected a probability above 0 of the lane that was chosen")
    scale = total if abs(total - 1) > ROUNDING else 1.0  # what was exact stays as it was logged
    return {name: value / scale for name, value in found.items() if value >= LEAST}


def _said(
    row: Mapping[str, Any], told: Propensity, lane: str, named: Callable[[str, str], str]
) -> tuple[str, dict[str, float] | None]:
    if told.uniform is not None:
        return "uniform", dict.fromkeys(told.uniform, 1 / len(told.uniform))
    if told.epsilon is not None:
        column = told.around_column or "epsilon"
        said = told.around if told.around_column is None else look_up(row, told.around_column)
        if absent(said):
            return column, None
        greedy, each = named(column, str(said)), told.epsilon / len(told.over)
        return column, _added(dict.fromkeys(told.over, each), greedy, 1 - told.epsilon)
    if told.column is not None:
        own = number(look_up(row, told.column), told.column, most=1.0)
        others = [name for name in told.over if name != lane]
        return told.column, None if own is None else {lane: own, **{name: (1 - own) / len(others) for name in others}}
    if told.table is not None:
        return told.table, _table(look_up(row, told.table), told.table, named)
    columns = told.columns or {}
    cells = {name: number(look_up(row, column), column, most=1.0) for name, column in columns.items()}
    first = next(iter(columns.values()), "columns")
    return first, None if all(value is None for value in cells.values()) else {k: v or 0.0 for k, v in cells.items()}


def _added(each: dict[str, float], lane: str, more: float) -> dict[str, float]:
    return {**each, lane: each.get(lane, 0.0) + more}


def _table(cell: Any, column: str, named: Callable[[str, str], str]) -> dict[str, float] | None:
    if absent(cell) or cell == {}:
        return None
    value = from_json(cell) if isinstance(cell, str) else cell
    if not isinstance(value, Mapping):
        raise UnreadableError(column, "expected a JSON object with a probability by lane")
    found: dict[str, float] = {}
    for name, said in value.items():
        probability = number(said, column, most=1.0) or 0.0
        found = _added(found, named(column, str(name)), probability) if probability else found
    return found
