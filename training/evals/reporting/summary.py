"""A summary of results: per suite and lane, and within them per route, cell, traffic class and tier."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from training.evals.reporting.alarms import Failure, ring
from training.evals.reporting.rows import Row, row_of
from training.evals.result import Result, Verdict
from training.evals.running.record import BUDGET, NO_MONEY, RunRecord
from training.evals.suite import Suite


@dataclass(frozen=True)
class Summary:
    """All rows of some runs. ``across``: what checks of many results at once found, by suite, where they failed;
    ``record``: of the run, which knows what is missing, None of results that are of none."""

    runs: tuple[str, ...]
    rows: tuple[Row, ...]
    across: Mapping[str, tuple[Verdict, ...]]
    record: RunRecord | None = None

    @property
    def tests(self) -> int:
        """How many tests were made of what is tolerated; those of checks of many results at once beside."""
        return sum(len(row.tests) for row in self.rows)

    @property
    def unheard(self) -> tuple[tuple[str, str], ...]:
        """Suites and lanes of which nothing could be judged, as where a lane was down all the time; what the rules keep
        from a lane is not among them."""
        found = dict.fromkeys((row.suite, row.lane) for row in self.rows if row.unheard)
        left = {} if self.record is None else self.record.left_out
        known = {(row.suite, row.lane) for row in self.rows}
        return tuple(
            found | dict.fromkeys((name, lane) for name in left for lane in left[name] if (name, lane) not in known)
        )

    @property
    def undone(self) -> bool:
        """Whether something could not be done, so that no alarm is no good news: a lane of which nothing was heard, or
        that could not be called any more, be it to judge, or a check that broke. Money that ran out is not among it."""
        if self.record is None:
            return bool(self.unheard)
        why = {one for lanes in self.record.left_out.values() for some in lanes.values() for one in some}
        unjudged = set(self.record.put_off) - {NO_MONEY}
        return bool(self.unheard or self.record.broken or why - {BUDGET} or unjudged)

    @property
    def alarms(self) -> tuple[tuple[Row, Failure], ...]:
        """All of them, with the row that each is in."""
        return tuple((row, one) for row in self.rows for one in row.alarms)

    def row(self, suite: str, lane: str) -> Row | None:
        """The row of a suite and a lane."""
        return next((one for one in self.rows if (one.suite, one.lane) == (suite, lane)), None)


def summarise(
    results: Sequence[Result],
    suites: Sequence[Suite],
    *,
    across: Mapping[str, Sequence[Verdict]] | None = None,
    record: RunRecord | None = None,
) -> Summary:
    """What results say.

    Args:
        suites: whose ``catches``, ``tolerated`` and cases tell what failures mean and what is missing; results of a
            suite that is not among them tolerate nothing.
        across: verdicts on many results at once, by suite, as ``across.json`` holds them.
        record: of the run that they are of.
    """
    known = {one.name: one for one in suites}
    grouped: dict[tuple[str, str], list[Result]] = {}
    for one in results:
        grouped.setdefault((one.suite, one.arm.lane), []).append(one)
    said = {name: tuple(verdicts) for name, verdicts in (across or {}).items()}
    rows = _rung(
        row_of(suite, lane, some, known.get(suite), [one for one in said.get(suite, ()) if one.lane == lane])
        for (suite, lane), some in grouped.items()
    )
    whole = {name: tuple(one for one in some if one.passed is False) for name, some in said.items()}
    runs = tuple(dict.fromkeys(one.run for one in results))
    return Summary(runs, rows, {k: v for k, v in whole.items() if v}, record)


def _rung(found: Iterable[Row]) -> tuple[Row, ...]:
    """Rows with their alarms, which are of all tests of a lane together."""
    rows = list(found)
    loud: set[tuple[str, str, str]] = set()
    for lane in {row.lane for row in rows}:
        tests = {(row.suite, lane, name): p for row in rows if row.lane == lane for name, p in row.tests.items()}
        loud |= {name for name, rung in zip(tests, ring(list(tests.values())), strict=True) if rung}
    return tuple(replace(row, failures=tuple(_loud(row, one, loud) for one in row.failures)) for row in rows)


def _loud(row: Row, one: Failure, loud: Container[tuple[str, str, str]]) -> Failure:
    return replace(one, alarm=one.alarm or (row.suite, row.lane, one.name) in loud)
