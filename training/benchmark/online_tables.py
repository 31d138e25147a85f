"""The online study as rows: medians over streams, least and most, for JSON and for a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.table import Table

NUMBERS = (("regret", ".4f"), ("cost_usd_per_1000", ".3f"), ("quality", ".3f"), ("floor_kept", ".2f"))


def median_and_spread(values: list[float | None]) -> dict[str, float | int] | None:
    """Median, least and most of the values that are there, and how many are; None without any."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return {"median": float(np.median(there)), "least": min(there), "most": max(there), "runs": len(there)}


def report(name: str, rows: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A row of the report."""
    if rows is None:
        return {"name": name, "installed": False}
    plain = ("regret", "cost_usd_per_1000", "quality", "floor_kept", "removed_used")
    events = list(rows[0]["adapt"])
    return {
        "name": name,
        "installed": True,
        **{key: median_and_spread([row[key] for row in rows]) for key in plain},
        "regret_by_phase": np.median([row["regret_by_phase"] for row in rows], axis=0).round(6).tolist(),
        "adapt": {event: median_and_spread([row["adapt"][event] for row in rows]) for event in events},
        "belief": {event: median_and_spread([row["belief"][event] for row in rows]) for event in rows[0]["belief"]},
    }


def as_table(rows: list[dict[str, Any]], title: str) -> Table:
    """The report for a terminal: medians, and the least and most times to adapt."""
    events = next(list(row["adapt"]) for row in rows if row["installed"])
    table = Table(
        "router", "regret", "$ per 1,000", "quality", "floor kept", *events, title=title, title_justify="left"
    )
    for row in rows:
        if not row["installed"]:
            table.add_row(row["name"], "not installed")
            continue
        numbers = [f"{row[key]['median']:{form}}" for key, form in NUMBERS]
        table.add_row(row["name"], *numbers, *(_span(row["adapt"][event]) for event in events))
    return table


def _span(value: dict[str, float] | None) -> str:
    return "" if value is None else f"{value['median']:.0f} ({value['least']:.0f}-{value['most']:.0f}; {value['runs']})"
