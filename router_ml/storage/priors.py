"""The priors of a bundle's cells as a file.

``priors.json`` is an optional part of a bundle: without it, every lane has its configured prior in all cells.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from router_ml.allocation.priors import CellPriors
from router_ml.config.section import Fraction, NotNegative, Positive, Section
from router_ml.errors import BundleFormatError

FILE = "priors.json"
FORMAT = 1
_DIGITS = 6


class _LanePriors(Section):
    """Tables by intent, then domain."""

    model: str
    version: str
    quality: tuple[tuple[Fraction, ...], ...]
    strength: tuple[tuple[Positive, ...], ...]
    counted: tuple[tuple[NotNegative, ...], ...]
    low: tuple[tuple[Fraction, ...], ...]
    high: tuple[tuple[Fraction, ...], ...]


class _File(Section):
    format: Literal[1]
    level: Fraction
    intents: tuple[str, ...]
    domains: tuple[str, ...]
    lanes: dict[str, _LanePriors]
    made: dict[str, Any] = Field(default_factory=dict)


_TABLES = ("quality", "strength", "counted", "low", "high")


def as_json(priors: CellPriors) -> str:
    """The text of the file: the same priors give the same bytes."""
    lanes = {
        name: {
            "model": priors.arms[name][0],
            "version": priors.arms[name][1],
            **{table: np.round(getattr(priors, table)[:, :, at], _DIGITS).tolist() for table in _TABLES},
        }
        for at, name in enumerate(priors.lanes)
    }
    record = {
        "format": FORMAT,
        "level": priors.level,
        "intents": list(priors.intents),
        "domains": list(priors.domains),
        "lanes": lanes,
        "made": dict(priors.made),
    }
    return json.dumps(record, sort_keys=False) + "\n"


def digest(priors: CellPriors) -> str:
    """sha256 of the file."""
    return hashlib.sha256(as_json(priors).encode()).hexdigest()


def save_priors(priors: CellPriors | None, folder: Path) -> None:
    """Write ``priors.json``, or take it away where there are none; before the bundle is sealed."""
    if priors is None:
        (folder / FILE).unlink(missing_ok=True)
    else:
        (folder / FILE).write_text(as_json(priors), encoding="utf-8")


def load_priors(folder: Path) -> CellPriors | None:
    """The priors of a bundle; None where it has none.

    Raises:
        BundleFormatError: as ``read_priors``.
    """
    path = folder / FILE
    return read_priors(path) if path.is_file() else None


def read_priors(path: Path) -> CellPriors:
    """Read a file of priors.

    Raises:
        BundleFormatError: it is not there, of another format, or a table does not fit its labels.
    """
    what = "Make it again: python -m training.evals priors."
    try:
        found = _File.model_validate_json(path.read_bytes())
    except OSError:
        raise BundleFormatError(f"{path} cannot be read. {what}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise BundleFormatError(f"{path} holds no priors of format {FORMAT}: {where}: {first['msg']}. {what}") from None
    shape = len(found.intents), len(found.domains)
    for name, lane in found.lanes.items():
        for table in _TABLES:
            rows = getattr(lane, table)
            if (len(rows), *{len(row) for row in rows}) != shape:
                raise BundleFormatError(
                    f"{path}: {table} of lane {name} does not have the shape {shape} of its labels. {what}"
                )
    return CellPriors(
        lanes=tuple(found.lanes),
        intents=found.intents,
        domains=found.domains,
        level=found.level,
        arms={name: (lane.model, lane.version) for name, lane in found.lanes.items()},
        made=found.made,
        **{table: _stacked(found, table, shape) for table in _TABLES},
    )


def _stacked(found: _File, table: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    tables = [getattr(lane, table) for lane in found.lanes.values()]
    return np.stack([np.array(one, np.float64) for one in tables], axis=2) if tables else np.zeros((*shape, 0))


def check_labels(priors: CellPriors | None, *, intents: tuple[str, ...], domains: tuple[str, ...], where: str) -> None:
    """See that priors are of the cells that a classifier knows.

    Raises:
        BundleFormatError: they are of others.
    """
    if priors is not None and (priors.intents, priors.domains) != (intents, domains):
        raise BundleFormatError(
            f"{where}: its priors are of {len(priors.intents)} x {len(priors.domains)} cells, of other labels than "
            "its classifier has. Make them for this bundle: python -m training.evals priors --model."
        )
