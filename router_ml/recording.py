"""Decisions go to the event log after they have been made, and only what policy lets the log keep."""

from __future__ import annotations

import logging as python_logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_ml.case import features_vector
from router_ml.config.schema import Logging
from router_ml.contract import OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.guardrails.policy import LOG_LEVELS
from router_ml.sessions import is_private
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

logger = python_logging.getLogger(__name__)


def record(
    log: EventLog | None,
    decisions: Sequence[RouteDecision],
    understood: Sequence[Understanding],
    *,
    encoder: str,
    logging: Logging,
) -> None:
    """Log decisions, at most what a policy's log level leaves; the embedding of a private one is not kept.

    If the log cannot be written, ``logging.on_error`` says whether traffic goes on; a decision of the restricted tier
    never leaves without a record.

    Raises:
        LogError: with the first decision that must not leave unlogged as ``decision``.
    """
    if log is None:
        return
    from router_ml.storage.records import Features

    def features(decision: RouteDecision, seen: Understanding) -> Features | None:
        level = min(decision.log_level, logging.of(decision.risk_tier).level, key=LOG_LEVELS.index)
        keep = level in ("embedding", "text") and not is_private(decision) and len(seen.embedding)
        if level == "decision":
            return None
        return Features(encoder, seen.embedding if keep else None, features_vector(seen))

    try:
        log.log_decisions([(d, features(d, seen)) for d, seen in zip(decisions, understood, strict=True)])
    except LogError as error:
        restricted = [decision for decision in decisions if decision.risk_tier == "restricted"]
        if logging.on_error == "raise" or restricted:
            error.decision = (restricted or decisions)[0]
            raise
        logger.error("%d decisions were made but not logged: %s", len(decisions), error)


def record_check(log: EventLog | None, check: OutputCheck, *, restricted: bool, logging: Logging) -> None:
    """Log what was found in an answer; a failure counts as for decisions. ``restricted``: the tier of the decision.

    Raises:
        LogError: the check could not be logged, and must be.
    """
    if log is None:
        return
    try:
        log.log_output_check(check)
    except LogError as error:
        if logging.on_error == "raise" or restricted:
            raise
        logger.error("An answer was checked but the check was not logged: %s", error)


def logged(log: EventLog | None, decision_id: str) -> RouteDecision:
    """The decision that an answer was asked for with.

    Raises:
        LogError: there is no log, it cannot be read, or it does not hold the decision.
    """
    if log is None:
        raise LogError("Without an event log a decision cannot be looked up by its id. Give the decision itself.")
    found = log.decision(decision_id)
    if found is None:
        raise LogError("The event log holds no decision with this id. Give the decision itself.")
    return found
