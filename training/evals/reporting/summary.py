"""A summary of results: per suite and lane, and within them per route, cell, traffic class and tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.evals.reporting.alarms import Failure
from training.evals.reporting.rows import Row, row_of
from training.evals.result import Result, Verdict
from training.evals.suite import Suite


@dataclass(frozen=True)
class Summary:
    """All rows of some runs. ``across``: what checks of many results at once found, by suite, where they failed."""

    runs: tuple[str, ...]
    rows: tuple[Row, ...]
    across: Mapping[str, tuple[Verdict, ...]]

    @property
    def alarms(self) -> tuple[tuple[Row, Failure], ...]:
        """All of them, with the row that each is in."""
        return tuple((row, one) for row in self.rows for one in row.alarms)

    def row(self, suite: str, lane: str) -> Row | None:
        """The row of a suite and a lane."""
        return next((one for one in self.rows if (one.suite, one.lane) == (suite, lane)), None)


def summarise(
    results: Sequence[Result], suites: Sequence[Suite], *, across: Mapping[str, Sequence[Verdict]] | None = None
) -> Summary:
    """What results say.

    Args:
        suites: whose ``catches``, ``tolerated`` and cases tell what failures mean and what is missing; results of a
            suite that is not among them tolerate nothing.
        across: verdicts on many results at once, by suite, as ``across.json`` holds them.
    """
    known = {one.name: one for one in suites}
    grouped: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        grouped.setdefault((one.suite, one.arm.lane), []).append(one)
    said = {name: tuple(verdicts) for name, verdicts in (across or {}).items()}
    rows = tuple(
        row_of(suite, lane, some, known.get(suite), [one for one in said.get(suite, ()) if one.lane == lane])
        for (suite, lane), some in grouped.items()
    )
    whole = {name: tuple(one for one in some if one.passed is False) for name, some in said.items()}
    return Summary(tuple(dict.fromkeys(one.run for one in results)), rows, {k: v for k, v in whole.items() if v})
