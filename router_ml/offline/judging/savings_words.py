"""``Savings`` as sentences that are true word for word, and as a JSON record."""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

import numpy as np

from router_ml.offline.savings import CellSavings, Savings, Verdict

NAMED = 5  # cells
NEXT = 200  # prompts


def sentence(found: Savings) -> str:
    """Cost, quality, cells, and what further evaluation would settle; one paragraph."""
    prefix = "In sample, so better than it will be: " if found.in_sample else ""
    parts = [f"{prefix}{_cost(found)}, {_quality(found)}.", _cells(found), _settling(found)]
    return " ".join(part for part in parts if part)


def _cost(found: Savings) -> str:
    always = f"always {found.baseline}" + ("" if found.everywhere else " where the rules allow it")
    digits = 0 if 100 * found.cheaper_half >= 1 else 1
    size, half = f"{abs(found.cheaper):.{digits}%}", f"{100 * found.cheaper_half:.{digits}f}"
    if found.cheaper - found.cheaper_half > 0:
        return f"{size} ± {half} cheaper than {always}"
    if found.cheaper + found.cheaper_half < 0:
        return f"{size} ± {half} dearer than {always}"
    if found.cheaper == found.cheaper_half == 0:
        return f"the same cost as {always}"
    return f"not shown to be cheaper or dearer than {always} ({found.cheaper:+.{digits}%} ± {half} saved)"


def _quality(found: Savings) -> str:
    if found.quality == found.low == found.high == 0:
        return "the same quality, because nothing goes elsewhere"
    measured = f"measured {found.quality:+.3f}"
    if found.verdict == "kept":
        better = f" and {found.low:.3f} higher at least" if found.low >= 0.001 else ""
        return f"quality kept with 95% confidence{better} (at most {found.margin:g} lower; {measured})"
    if found.verdict == "lost":
        return f"quality lost with 95% confidence (more than {found.margin:g} lower; {measured})"
    return f"quality not shown to be kept ({measured}, with 95% confidence no lower than {found.low:+.3f})"


def _cells(found: Savings) -> str:
    if len(found.cells) < 2:
        return ""
    by: dict[Verdict, list[CellSavings]] = {each: [] for each in get_args(Verdict)}
    for cell in found.cells:
        by[cell.verdict].append(cell)
    said = []
    if judged := [*by["kept"], *by["lost"], *by["not shown"]]:
        said.append(f"Of {_count(judged)} it is kept in {_count(by['kept'], noun='')}")
    if by["lost"]:
        said.append(f"lost in {len(by['lost'])}: {_names(by['lost'])}")
    if by["not shown"]:
        said.append(f"not shown either way in {len(by['not shown'])}: {_names(by['not shown'])}")
    if by["same"]:
        said.append(f"{_count(by['same'])} never leave that lane, or may not take it")
    if by["small"]:
        said.append(f"{_count(by['small'])} are too small to tell")
    return "; ".join(said) + "."


def _count(cells: list[CellSavings], *, noun: str = " cells") -> str:
    return f"{len(cells)}{noun} ({sum(cell.share for cell in cells):.0%} of the requests)"


def _names(cells: list[CellSavings]) -> str:
    more = f" and {len(cells) - NAMED} more" if len(cells) > NAMED else ""
    return ", ".join(cell.name for cell in cells[:NAMED]) + more


def settled_by(found: Savings, prompts: int) -> list[CellSavings]:
    """The undecided cells that ``prompts`` further prompts, run on both, would settle, the quickest first."""
    open_cells = sorted((cell for cell in found.cells if cell.needed), key=lambda cell: cell.needed or 0)
    spent = np.cumsum([cell.needed or 0 for cell in open_cells])
    return open_cells[: int((spent <= prompts).sum())]


def _settling(found: Savings) -> str:
    undecided = sum(cell.verdict == "not shown" for cell in found.cells)
    if not undecided:
        return ""
    settled = settled_by(found, NEXT)
    if not settled:
        return f"{NEXT} more evaluated prompts would settle none of these, if differences and spread stay as they are."
    total = sum(cell.needed or 0 for cell in settled)
    return (
        f"About {total} more prompts, run on both, would settle {len(settled)} of these, if differences and spread "
        f"stay as they are: {_names(settled)}."
    )


def to_record(found: Savings) -> dict[str, object]:
    """The JSON form; a number that is not known is None."""
    record = asdict(found)
    record["cells"] = [_finite(asdict(cell)) for cell in found.cells]
    record["settled_by_200"] = [cell.name for cell in settled_by(found, NEXT)]
    return {"sentence": sentence(found), **_finite(record)}


def _finite(record: dict[str, object]) -> dict[str, object]:
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in record.items()}
