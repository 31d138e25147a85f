"""Answers from the event log, where results were kept in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from router_ml.storage.eventlog import EventLog
from training.evals.priors.answers import Answer, Answers
from training.evals.reporting.logged import evaluations
from training.evals.suite import Suite


def of_log(
    log: EventLog, suites: Mapping[str, Suite], *, since: datetime | None = None, archive: str | None = None
) -> Answers:
    """Answers that a log holds, and the ``archive`` that it was compacted to, of suites that count for quality; a suite
    that is not given counts as it was logged.

    Raises:
        LogError: the log cannot be read.
    """
    found = Answers()
    for one in evaluations(log, since, archive=archive):
        if one.suite in suites and not suites[one.suite].file.quality:
            found.left_out[f"suite {one.suite} does not count for quality"] += 1
        elif one.quality is None:
            found.left_out["nothing could be judged"] += 1
        else:
            found.rows.append(
                Answer(
                    lane=one.lane,
                    model=one.model,
                    version=one.version,
                    suite=one.suite,
                    intent=one.intent,
                    domain=one.domain,
                    case=one.case,
                    cluster=one.cluster,
                    quality=one.quality,
                    at=one.at,
                    checks=one.checks,
                    served_model=one.served_model,
                    cost_usd=one.cost_usd,
                    run=one.run,
                    repeat=one.repeat,
                )
            )
    return found
