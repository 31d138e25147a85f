"""How a run ends: what checks say of a lane's results together, and what its record says of all of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime

from training.evals.result import Result, Verdict
from training.evals.running.record import RunRecord
from training.evals.running.verdicts import BROKE, across_of
from training.evals.running.working import Work
from training.evals.suite import Suite


async def together(work: Work, suite: Suite) -> tuple[Verdict, ...]:
    """Of one suite; a lane may judge there only what it may see of all cases."""
    seen = [one for one in work.made if one.suite == suite.name and (one.attempt is None or _asked(one))]
    if not suite.file.across or not seen:
        return ()
    may = frozenset(work.bench.config.lanes)
    for one in seen:
        may &= work.allowed.lanes(suite, one.case)
    ask = None if work.bench.judge is None else work.asks(may)
    return await asyncio.to_thread(across_of, suite, seen, replace(work.bench, ask=ask))


def _asked(result: Result) -> bool:
    return result.attempt is not None and result.attempt.error != "not_allowed"


def ended(record: RunRecord, work: Work, now: datetime) -> RunRecord:
    """The record of a run of which nothing is on its way any more."""
    left: dict[str, dict[str, dict[str, int]]] = {}
    for (suite, lane), why in work.left.items():
        left.setdefault(suite, {})[lane] = dict(why)
    seen = work.made
    broken = Counter(said.check for one in seen for said in one.verdicts if said.detail.startswith(BROKE))
    barred = Counter(one.arm.lane for one in seen if one.attempt is not None and not _asked(one))
    waiting = Counter(one.put_off for one in seen if one.put_off)
    return record.model_copy(
        update={
            "ended": now,
            "status": "partial" if left or waiting else "done",
            "spent_usd": work.budget.spent_usd,
            "left_out": left,
            "put_off": dict(waiting),
            "broken": dict(broken),
            "not_allowed": dict(barred),
        }
    )
