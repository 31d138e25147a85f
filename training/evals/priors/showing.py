"""Priors and what is missing, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from training.evals.priors.estimating import Estimated
from training.evals.priors.lacking import Lack, money

MOST_SHOWN = 20


def cells_table(found: Estimated) -> Table:
    """Each lane in each cell that was evaluated."""
    table = Table(
        title="Quality by lane and cell",
        caption=(
            "counted: after age, versions, judges and groups; shrunk: weight of what other cells and the configured "
            "prior say; given: answers that the router takes the prior for"
        ),
    )
    for name in ("lane", "cell"):
        table.add_column(name)
    for name in ("answers", "counted", "observed", "quality", "95%", "strength", "given", "shrunk"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows:
        table.add_row(
            row.lane,
            f"{row.intent}, {row.domain}",
            f"{row.answers}",
            f"{row.counted:.1f}",
            f"{row.observed:.2f}",
            f"{row.quality:.3f}",
            f"{row.low:.2f}-{row.high:.2f}",
            f"{row.strength:.1f}",
            f"{row.given:.1f}",
            f"{row.shrunk:.0%}",
        )
    return table


def lacks_table(lacks: Sequence[Lack]) -> Table:
    """What is missing for floors: the smallest gaps of each class first, ``MOST_SHOWN`` in all."""
    hidden = len(lacks) - MOST_SHOWN
    table = Table(
        title="Not known to reach the floor",
        caption=f"{hidden} more with --json" if hidden > 0 else None,
    )
    for name in ("class", "lane", "cell"):
        table.add_column(name)
    for name in ("floor", "low", "answers"):
        table.add_column(name, justify="right")
    for name in ("missing", "about USD", "suites"):
        table.add_column(name)
    for gap in _first(lacks):
        table.add_row(
            gap.traffic_class,
            gap.lane,
            f"{gap.intent}, {gap.domain}",
            f"{gap.floor:.2f}",
            f"{gap.low:.2f}",
            f"{gap.answers}",
            "any answer" if gap.lacks is None else gap.lacks.words,
            "" if gap.usd is None else money(gap.usd),
            ", ".join(f"{name} ({cases})" for name, cases in gap.suites.items()) or "none",
        )
    return table


def _first(lacks: Sequence[Lack]) -> list[Lack]:
    """A fair share for each class."""
    classes = dict.fromkeys(gap.traffic_class for gap in lacks)
    share = max(MOST_SHOWN // max(len(classes), 1), 1)
    return [gap for name in classes for gap in [one for one in lacks if one.traffic_class == name][:share]]
