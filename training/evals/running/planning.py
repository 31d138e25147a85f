"""What a run would be: its record and its jobs, from suites and lanes, before anything is asked."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from router_ml.errors import OfflineDataError
from training.evals.bench import Bench
from training.evals.running.jobs import Job, arms_of, jobs_of
from training.evals.running.record import RunRecord, RunSettings, of_suite
from training.evals.running.verdicts import require_known
from training.evals.suite import Suite
from training.evals.watching.dependencies import dependencies_of


def plan(
    suites: Sequence[Suite], lanes: Sequence[str], *, bench: Bench, settings: RunSettings, now: datetime
) -> tuple[RunRecord, tuple[Job, ...]]:
    """What a run would be, and all that it would ask; nothing is asked or written.

    Raises:
        OfflineDataError: as ``run_in``.
    """
    if settings.target == "lane" and not lanes and any(case.decided is None for one in suites for case in one.cases):
        raise OfflineDataError("Found no lane to ask. Name at least one, or let the router choose: --target route.")
    names = Counter(one.name for one in suites)
    if twice := [name for name, count in names.items() if count > 1]:
        raise OfflineDataError(f"Found two suites called {', '.join(twice)}. Run one, or give each a name of its own.")
    require_known(suites, bench.config.lanes)
    if bench.judge is not None:
        arms_of(bench.config, [bench.judge], None, target="lane")
        settings = settings.model_copy(update={"judge": bench.judge})
    arms = arms_of(bench.config, tuple(dict.fromkeys(lanes)), bench.router, target=settings.target)
    jobs = jobs_of(suites, arms, bench.router, settings)
    record = RunRecord(
        run=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        started=now,
        suites=tuple(of_suite(one, len({job.case.id for job in jobs if job.suite is one})) for one in suites),
        arms=arms,
        settings=settings,
        dependencies=dependencies_of(bench.config, suites, bench.router),
    )
    return record, jobs
