"""What a router keeps: its decisions, at most what tier, findings and rules leave of them, and what became of them.

Decisions are written after they have been made and before they are answered. Where they cannot be, the rule of their
traffic class says whether they go on; one of the restricted tier never leaves without a record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import ValidationError

from router_ml.config import RouterConfig
from router_ml.contract import (
    Approval,
    Execution,
    Model,
    Outcome,
    OutputCheck,
    RiskTier,
    RouteDecision,
    RouteRequest,
    describe,
)
from router_ml.errors import InvalidRequestError, LogError, LogRefusedError
from router_ml.guardrails.digests import key_from_environment
from router_ml.guardrails.withholding import withheld, without_texts
from router_ml.ruling.case import features_vector
from router_ml.state.overrides import Governed, InForce
from router_ml.state.sessions import is_private
from router_ml.storage.spooling.recorder import Ack, Recorder
from router_ml.understanding.understand import Understanding

if TYPE_CHECKING:
    from router_ml.storage.database.entries import Entry
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.views.owners import Owned

__all__ = ["Ack", "Made", "Recorded", "entry_of", "must_be_kept", "record", "record_check"]

logger = logging.getLogger(__name__)
Kept = TypeVar("Kept", bound=Model)


@dataclass(frozen=True)
class Made:
    """A decision and what it was made from; ``named``: its id is the caller's."""

    request: RouteRequest
    understood: Understanding
    decision: RouteDecision
    named: bool = False


class Recorded(Governed):
    """What a router is besides a chooser: it keeps what it did and what came of it, and says how far that got."""

    def __init__(self, base: InForce, recorder: Recorder) -> None:
        super().__init__(base, recorder.log)
        self._recorder = recorder

    @property
    def log(self) -> EventLog | None:
        """The event log; None where there is none, or it could not be opened yet."""
        return self._recorder.log

    @property
    def keeps(self) -> bool:
        """Whether anything is kept, also where the log could not be opened yet."""
        return self._recorder.keeps

    def acknowledged(self, decision: RouteDecision | str) -> Ack | None:
        """How far a decision's record had got when it was answered: ``database`` or ``spool``. None where nothing was
        kept, or it is not among the last 10,000 of this router."""
        return self._recorder.acknowledged(decision if isinstance(decision, str) else decision.decision_id)

    def find(self, decision_id: str) -> RouteDecision | None:
        """A decision in the log, or on its way there from this process; None: it is not known here, or not yet.

        Raises:
            LogError: the log cannot be read.
        """
        return self._recorder.find(decision_id)

    def owners(self, decision_ids: Sequence[str]) -> dict[str, Owned]:
        """Of which organisation decisions are, by id, of those that are known.

        Raises:
            LogError: the log cannot be read.
        """
        return self._recorder.owners(decision_ids)

    def log_execution(
        self, execution: Execution | Mapping[str, Any], *, now: datetime | None = None, words: bool = True
    ) -> Ack | None:
        """Log what was done with a decision; how far it got, None when no log is configured.

        What tools were given and gave, and what errors said, is kept of a decision whose ``log_level`` is ``text``
        alone; of others keyed digests and the class of an error (``guardrails.withholding``).

        Args:
            now: its time, where it says none; by default the current time.
            words: False where private data has come in since the decision, so that no words may be kept any more.

        Raises:
            InvalidRequestError: a field is wrong. LogError: it could not be kept.
        """
        from router_ml.storage.database.entries import of_execution

        parsed = _parsed(Execution, execution)
        if not words or not self._keeps_text(parsed.decision_id):
            parsed = withheld(parsed, key_from_environment(), tools=self.config.tools)
        return self._recorder.write([of_execution(parsed, now or datetime.now(UTC))])

    def log_approval(self, approval: Approval | Mapping[str, Any]) -> Ack | None:
        """Log a step of an approval; answer and errors are those of ``log_execution``."""
        from router_ml.storage.database.entries import of_approval

        return self._recorder.write([of_approval(_parsed(Approval, approval))])

    def _keepable_outcome(self, outcome: Outcome) -> Outcome:
        checked = outcome.validation
        if checked is None or not checked.errors or self._keeps_text(outcome.decision_id):
            return outcome
        return outcome.model_copy(update={"validation": without_texts(checked)})

    def _keeps_text(self, decision_id: str) -> bool:
        """Whether words may be kept of a decision; of one that is not known they may not."""
        if all(keep.level != "text" for keep in self.config.logging.keep.values()):
            return False  # without asking the database
        return self._recorder.level_of(decision_id) == "text"

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until the database has all that was logged so far; whether it has after ``timeout`` seconds. False as
        well while something that it refused is set aside (``router-ml log spool``)."""
        return self._recorder.flush(timeout)

    def close(self) -> None:
        """Deliver what waits in the spool, as far as the database takes it at once, and let go of both. What is left
        stays on disk, and the next process that opens the spool delivers it."""
        self._recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def record(recorder: Recorder, made: Sequence[Made], *, encoder: str, config: RouterConfig) -> None:
    """Log decisions, all or none. A restricted one whose id the caller gave, which may be taken, does not wait in a
    spool until the database says so.

    Raises:
        LogRefusedError: a record is never taken, as one under an id that is taken; with the first as ``decision``.
        LogError: they could not be kept, with the first that must not leave unlogged as ``decision``.
    """
    if not recorder.keeps:
        return
    try:
        about = [_user(each.request, config.logging.subject) for each in made]
        subjects = [None if user is None else recorder.subject_of(user) for user in about]
        entries = [entry_of(each, encoder, config, subject) for each, subject in zip(made, subjects, strict=True)]
        unknown = [user if subject is None else None for user, subject in zip(about, subjects, strict=True)]
        direct = any(each.named and each.decision.risk_tier == "restricted" for each in made)
        pairs = [(each.decision, entry) for each, entry in zip(made, entries, strict=True)]
        recorder.write_decisions(pairs, users=unknown, direct=direct)
    except LogRefusedError as error:
        error.decision = made[0].decision
        raise
    except LogError as error:
        held = [one for one in (each.decision for each in made) if _held(one, config)]
        if held:
            restricted = [decision for decision in held if decision.risk_tier == "restricted"]
            error.decision = (restricted or held)[0]
            raise
        logger.error("%d decisions were made but not logged: %s", len(made), error)


def record_check(recorder: Recorder, check: OutputCheck, *, decision: RouteDecision, config: RouterConfig) -> None:
    """Log what was found in the answer to a decision; a failure counts as for decisions.

    Raises:
        LogError: the check could not be kept, and must be.
    """
    from router_ml.storage.database.entries import of_output_check

    try:
        recorder.write([of_output_check(check)])
    except LogError as error:
        if _held(decision, config):
            raise
        logger.error("An answer was checked but the check was not logged: %s", error)


def must_be_kept(config: RouterConfig, traffic_class: str, tier: RiskTier) -> bool:
    """Whether requests of a class and tier are refused where they cannot be logged."""
    rule = config.traffic_classes.get(traffic_class)
    on_error = (rule.on_log_error if rule is not None else None) or config.logging.on_error
    return on_error == "raise" or tier == "restricted"


def _held(decision: RouteDecision, config: RouterConfig) -> bool:
    return must_be_kept(config, decision.traffic_class, decision.risk_tier)


def entry_of(made: Made, encoder: str, config: RouterConfig, subject: str | None) -> Entry:
    """A decision with what may be kept beside it; of a private one neither text nor embedding, whatever it says.

    Args:
        encoder: sha256 of the one that read it. subject: the keyed hash of the person that it is about.
    """
    from router_ml.storage.database.entries import of_decision
    from router_ml.storage.database.records import Features

    decision, seen, features = made.decision, made.understood, None
    level = decision.log_level if not is_private(decision) else "features"
    if decision.log_level != "decision" and decision.state.degraded is None:  # else nothing was computed
        embedding = seen.embedding if level in ("embedding", "text") and len(seen.embedding) else None
        features = Features(encoder, embedding, features_vector(seen))
    days = config.logging.of(decision.risk_tier).days
    return of_decision(
        decision,
        features=features,
        text=made.request.model_dump_json() if level == "text" else None,
        subject=subject,
        keep_until=None if days is None else decision.created_at + timedelta(days=days),
    )


def _user(request: RouteRequest, key: str) -> str | None:
    """Whom a request is about, by its metadata; anything but a text or a whole number is no id."""
    value = request.metadata.get(key)
    known = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return str(value) if known else None


def _parsed(model: type[Kept], given: Kept | Mapping[str, Any]) -> Kept:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(describe(error, model.__name__.lower())) from None
