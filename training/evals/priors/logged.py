"""Answers from the event log, where evaluations were written to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from router_ml.storage.evaluated import SOURCE, read_evaluated
from router_ml.storage.eventlog import EventLog
from training.evals.priors.answers import Answer, Answers
from training.evals.suite import Suite


def of_log(log: EventLog, suites: Mapping[str, Suite], *, since: datetime | None = None) -> Answers:
    """Answers that a log holds, of suites that count for quality.

    A log knows no groups but the request: each answer stands for itself. Results files know more; where both hold an
    answer, give one of them.

    Raises:
        LogError: the log cannot be read.
    """
    found = Answers()
    for decision, outcome in read_evaluated(log, since):
        suite = (outcome.source or "").removeprefix(SOURCE)
        if suite in suites and not suites[suite].file.quality:
            found.left_out[f"suite {suite} does not count for quality"] += 1
        elif outcome.quality is None or outcome.executed_lane is None:
            found.left_out["nothing could be judged"] += 1
        else:
            request = decision.request_id or decision.decision_id
            found.rows.append(
                Answer(
                    lane=outcome.executed_lane,
                    model=decision.model or "",
                    version="",
                    suite=suite,
                    intent=decision.intent.label,
                    domain=decision.domain.label,
                    case=request,
                    cluster=request,
                    quality=outcome.quality,
                    at=outcome.at,
                    cost_usd=outcome.cost_usd,
                )
            )
    return found
