"""Does a mapping file fit? Its columns the file, its lanes the router.yaml: a misspelt name would be a value that no
row has, and nobody would hear of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import ConfigError, OfflineDataError, Problem
from router_ml.offline.importing.mapping import Mapping
from router_ml.offline.importing.paths import look_up

_MOST_NAMES = 30
_NAME = re.compile(r"[^\W\d][\w .:/()\[\]-]{0,40}")


def columns_of(mapping: Mapping) -> dict[str, str]:
    """The columns that a mapping names, by its key."""
    found: dict[str, Any] = {key: getattr(mapping, key) for key in ("text", "messages", "executed", "cost_usd")}
    found |= {key: getattr(mapping, key) for key in ("user", "session", "request_id", "rated_probability")}
    found |= {key: getattr(mapping, key) for key in ("org", "region", "channel", "traffic_class")}
    for key in ("lane", "quality", "rated_at", "latency_ms", "time"):
        found[key] = getattr(getattr(mapping, key), "column", None)
    for key, names in (
        ("tokens", ("input", "output")),
        ("labels", ("intent", "domain", "risks")),
        ("propensity", ("table", "column", "around_column")),
    ):
        found |= {f"{key}.{name}": getattr(getattr(mapping, key), name, None) for name in names}
    if (chances := mapping.propensity) is not None:
        found |= {f"propensity.columns.{lane}": column for lane, column in (chances.columns or {}).items()}
        found["propensity.only"] = chances.only and chances.only.column
    return {key: column for key, column in found.items() if isinstance(column, str)}


def has(cells: Table[str, Any], column: str) -> bool:
    """Whether a row has a column, or something at the end of a path."""
    return column in cells or look_up(cells, column) is not None


def check_columns(path: str | Path, mapping: Mapping, cells: Table[str, Any]) -> None:
    """See that a table has the columns that a mapping names, from its first row: all rows have the same.

    Raises:
        OfflineDataError: it lacks one.
    """
    lacking = {
        key: column
        for key, column in columns_of(mapping).items()
        if column not in cells and column.partition(".")[0].partition("[")[0] not in cells
    }
    if lacking:
        told = "; ".join(f"{column} ({key}{_meant(column, cells)})" for key, column in lacking.items())
        likely = [name for name in map(str, cells) if _NAME.fullmatch(name)]  # without a head, these would be values
        names = ", ".join(likely[:_MOST_NAMES]) + (", ..." if len(cells) > len(likely[:_MOST_NAMES]) else "")
        one = " Only one: is read.delimiter right?" if len(cells) == 1 else ""
        raise OfflineDataError(
            f"{path} has no column {told}, as the mapping says. Its columns: {names}.{one} Correct the mapping file."
        )


def nowhere(column: str, key: str, cells: Table[str, Any]) -> str:
    """What to say of a column of ``key`` that no row has; ``cells`` are those of one."""
    return f"expected a value ({key} of the mapping), found in no row{_meant(column, cells)}"


def check_lanes(mapping: Mapping, config: RouterConfig) -> None:
    """See that the lanes of a mapping are those of a configuration.

    Raises:
        ConfigError: one is not, with its key.
    """
    problems = [
        Problem("the mapping", None, key, f"{lane!r} is no lane of router.yaml{_meant(lane, config.lanes)}.", fix)
        for key, lane in _lanes(mapping)
        if lane not in config.lanes
        for fix in [f"Its lanes are {', '.join(config.lanes)}. Correct it, or take its line out of the mapping."]
    ]
    if problems:
        raise ConfigError(problems)


def _lanes(mapping: Mapping) -> Iterator[tuple[str, str]]:
    yield from ((f"lane.lanes.{name}", lane) for name, lane in mapping.lane.lanes.items())
    if (told := mapping.propensity) is not None:
        yield from (("propensity.uniform", lane) for lane in told.uniform or ())
        yield from (("propensity.over", lane) for lane in told.over)
        yield from (("propensity.columns", lane) for lane in told.columns or ())
        if told.around is not None and told.around not in mapping.lane.lanes:
            yield "propensity.around", told.around


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, [str(one) for one in known], n=1)
    return f"; did you mean {close[0]}?" if close else ""
