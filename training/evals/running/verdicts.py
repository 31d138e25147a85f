"""What the checks of a suite and of a case say of an attempt. One that breaks is a verdict that says nothing."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from router_ml.errors import ConfigError, OfflineDataError
from training.evals.bench import Bench
from training.evals.case import Expect
from training.evals.registry import Seen, compares_lanes, run_across, run_check, settle
from training.evals.result import Result, Verdict
from training.evals.suite import Suite

BROKE = "broke: "
"""How the detail of a verdict begins whose check raised; our own error, or the class of another one, follows."""


def verdicts_of(seen: Seen) -> tuple[Verdict, ...]:
    """Of the checks of the suite, then of the case's own."""
    found: list[Verdict] = []
    for expect in (*seen.suite.file.checks, *seen.case.checks):
        try:
            found.extend(run_check(seen, expect))
        except Exception as error:  # noqa: BLE001 - a check that breaks must not take the run with it
            found.append(_broken(expect, error))
    return tuple(found)


def across_of(suite: Suite, results: Iterable[Result], bench: Bench) -> tuple[Verdict, ...]:
    """Of the checks that look at many results: those of one lane after another, so that each verdict is of a lane; of
    all lanes together for those that compare them, which say themselves which lane a verdict is of."""
    all_of_them = list(results)
    by_lane: dict[str, list[Result]] = {}
    for one in all_of_them:
        by_lane.setdefault(one.arm.lane, []).append(one)
    found: list[Verdict] = []
    for expect in suite.file.across:
        together = {"": all_of_them} if compares_lanes(expect) else by_lane
        for lane, seen in together.items():
            try:
                said = run_across(suite, seen, bench, expect)
            except Exception as error:  # noqa: BLE001 - as above
                said = (_broken(expect, error),)
            found.extend(replace(one, lane=one.lane or lane) for one in said)
    return tuple(found)


def require_known(suites: Iterable[Suite], lanes: Container[str]) -> None:
    """See that every check there is can be run, before anything is asked.

    Args:
        lanes: that a check may name to judge.

    Raises:
        OfflineDataError: names the suite, the case and what is wrong with its check, or with the schema of a tool.
    """
    for suite in suites:
        if suite.file.tools:
            try:
                suite.checker  # noqa: B018 - reads the schemas
            except ConfigError as error:
                raise OfflineDataError(f"Suite {suite.name}: {str(error).removeprefix('router.yaml: ')}") from None
        own = [(f"Suite {suite.name}", expect, False) for expect in suite.file.checks]
        across = [(f"Suite {suite.name}", expect, True) for expect in suite.file.across]
        cases = [(f"Suite {suite.name}, case {case.id}", one, False) for case in suite.cases for one in case.checks]
        for where, expect, many in (*own, *across, *cases):
            try:
                settle(expect, across=many)
            except OfflineDataError as error:
                raise OfflineDataError(f"{where}: {error}") from None
            if (judge := expect.given.get("judge")) is not None and judge not in lanes:
                raise OfflineDataError(f"{where}: check {expect.check} is to be judged by {judge}, which is no lane.")


def _broken(expect: Expect, error: Exception) -> Verdict:
    said = str(error) if isinstance(error, OfflineDataError) else type(error).__name__
    return Verdict(expect.check, None, detail=f"{BROKE}{said}")
