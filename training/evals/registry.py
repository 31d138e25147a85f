"""Checks by name. A check is a plain function of what was asked and what was done; ``across`` looks at many results.

    @check("max_words")
    def max_words(seen: Seen, *, most: int) -> Verdict: ...

A check takes what ``suite.yaml`` or the case gives it as keywords, so a wrong key is an error that names the check. It
may block: it runs in a thread.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from router_ml.errors import OfflineDataError
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.case import Case, Expect
from training.evals.result import Result, Verdict
from training.evals.suite import Suite

MODULES = (
    "training.evals.checks.contract",
    "training.evals.checks.forms",
    "training.evals.checks.groundedness",
    "training.evals.checks.tools",
    "training.evals.checks.safety",
    "training.evals.checks.budgets",
    "training.evals.judges.known",
)
"""Where checks are, read when the first one is looked up."""


@dataclass(frozen=True)
class Seen:
    """What a check looks at: the case, its suite, the attempt, and what it may use."""

    suite: Suite
    case: Case
    attempt: Attempt
    bench: Bench


Check = Callable[..., Verdict | Sequence[Verdict]]
Across = Callable[..., Sequence[Verdict]]
_checks: dict[str, Check] = {}
_across: dict[str, Across] = {}
_over_lanes: set[str] = set()


def check(name: str) -> Callable[[Check], Check]:
    """Register a check of one attempt: ``(Seen, **given) -> Verdict or several``."""

    def registered(function: Check) -> Check:
        _checks[name] = function
        return function

    return registered


def across(name: str, *, over_lanes: bool = False) -> Callable[[Across], Across]:
    """Register a check of many results: ``(Suite, Sequence[Result], Bench, **given) -> Verdicts``. Of one lane at a
    time; ``over_lanes``: of all lanes of a run together, since it compares them."""

    def registered(function: Across) -> Across:
        _across[name] = function
        if over_lanes:
            _over_lanes.add(name)
        return function

    return registered


def compares_lanes(expect: Expect) -> bool:
    """Whether a check across results has to be given those of all lanes together.

    Raises:
        OfflineDataError: there is no such check.
    """
    _found(_across, expect, "check across results")
    return expect.check in _over_lanes


def run_check(seen: Seen, expect: Expect) -> tuple[Verdict, ...]:
    """What a check says of an attempt.

    Raises:
        OfflineDataError: there is no such check, or it does not take what it is given.
    """
    found = _found(_checks, expect, "check")(seen, **_given(_checks[expect.check], expect))
    return (found,) if isinstance(found, Verdict) else tuple(found)


def run_across(suite: Suite, results: Sequence[Result], bench: Bench, expect: Expect) -> tuple[Verdict, ...]:
    """What a check says of many results.

    Raises:
        OfflineDataError: as ``run_check``.
    """
    function = _found(_across, expect, "check across results")
    return tuple(function(suite, results, bench, **_given(function, expect)))


def settle(expect: Expect, *, across: bool = False) -> None:
    """See that a check could be run, without running it.

    Raises:
        OfflineDataError: there is no such check, or it does not take what it is given, or needs what it is not given.
    """
    function = _found(_across, expect, "check across results") if across else _found(_checks, expect, "check")
    given = _given(function, expect)
    wanted = inspect.signature(function).parameters.values()
    needed = {one.name for one in wanted if one.kind == one.KEYWORD_ONLY and one.default is one.empty}
    if missing := sorted(needed - set(given)):
        raise OfflineDataError(f"Check {expect.check} needs {', '.join(missing)}, which is not given.")


def _found(known: dict[str, Any], expect: Expect, what: str) -> Any:
    if expect.check not in known:
        for module in MODULES:
            importlib.import_module(module)
    if expect.check not in known:
        raise OfflineDataError(f"There is no {what} {expect.check!r}. Known: {', '.join(sorted(known))}.")
    return known[expect.check]


def _given(function: Callable[..., Any], expect: Expect) -> dict[str, Any]:
    takes = {name for name, one in inspect.signature(function).parameters.items() if one.kind == one.KEYWORD_ONLY}
    if stray := sorted(set(expect.given) - takes):
        raise OfflineDataError(
            f"Check {expect.check} does not know {', '.join(stray)}. It takes: {', '.join(sorted(takes)) or 'nothing'}."
        )
    return expect.given
