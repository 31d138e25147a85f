"""The event log: what was decided, with which probabilities, and what came of it. One SQL database, many writers.

SQLAlchemy takes half a second to import, so this is imported only where a log is configured. A decision is kept as its
own stable JSON, beside the columns that queries need; embeddings only where the caller passes them. A write that
returned survives a killed process (SQLite: WAL, synchronous=NORMAL). Nothing is ever replaced: each entry has its place
in a hash chain (``proof.chain``). Errors never hold logged values.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import sqlalchemy as sql

from router_ml.contract import Approval, AuditEvent, Execution, Outcome, OutputCheck, RouteDecision
from router_ml.contract.audit import AuditKind, DrillKind
from router_ml.errors import LogError
from router_ml.storage.archives.erasure import Erasure, erase
from router_ml.storage.database import entries as entry
from router_ml.storage.database import records, tables
from router_ml.storage.database.entries import Entry
from router_ml.storage.database.migrations import prepare, secret_digest, secret_of_subjects
from router_ml.storage.database.records import Features, LoggedData
from router_ml.storage.database.rows import Stored
from router_ml.storage.database.session import Session
from router_ml.storage.database.tables import SCHEMA_VERSION
from router_ml.storage.database.writing import distinct, key_rows, write_entries
from router_ml.storage.proof.chain import Writer
from router_ml.storage.readers import reading
from router_ml.storage.readers.costs import Billed, Cost, billed, read_costs, with_bills
from router_ml.storage.readers.reading import Wanted

__all__ = ["SCHEMA_VERSION", "EventLog", "Features", "LoggedData"]

ATTRIBUTION_DAYS = 30.0


class EventLog:
    """An open event log; thread safe, and several processes may share one database.

    ``url``: a path to an SQLite file (made if absent, its folder too) or any SQLAlchemy URL. ``attribution_days``:
    outcomes that come later after their decision are kept, and teach nothing. Every method raises ``LogError`` when the
    database fails; opening also when a schema that this release does not know wrote it.

    >>> with EventLog("sqlite://") as log:
    ...     log.counts()["decisions"]
    0
    """

    def __init__(self, url: str | Path, *, attribution_days: float = ATTRIBUTION_DAYS) -> None:
        self.attribution = timedelta(days=attribution_days)
        self._secret: bytes | None = None
        self.session = Session(str(url))
        self.session.prepare(prepare)

    def write(self, entries: Iterable[Entry]) -> list[Billed]:
        """Keep entries, in one transaction: all or none. Repeating it changes nothing; another record under the same id
        is a ``LogError``. Outcomes and the like may come before their decision. What is about a decision that was
        erased or has expired is not kept. Returns what that changed of the costs of decisions."""
        new = distinct(entries)
        return self.session.write(lambda connection, chain: _write(connection, new, chain))

    def log_decision(self, decision: RouteDecision, *, features: Features | None = None) -> None:
        """Keep a decision, and what it was made from where that may be kept. Repeating it changes nothing; another
        decision under the same id is a ``LogError``."""
        self.log_decisions([(decision, features)])

    def log_decisions(self, pairs: Iterable[tuple[RouteDecision, Features | None]]) -> None:
        """``log_decision`` for many, in one transaction: all or none."""
        self.write(entry.of_decision(decision, features=features) for decision, features in pairs)

    def log_outcome(self, outcome: Outcome) -> list[Billed]:
        """Keep an outcome. All that differ are kept; when they are read, the latest rating counts, the latest cost, and
        so on: what an outcome leaves out changes nothing that an earlier one said. ``LogError`` when the decision was
        never logged. Returns what that changed of the cost of the decision."""
        return self.log_outcomes([outcome])

    def log_outcomes(self, outcomes: Iterable[Outcome]) -> list[Billed]:
        """``log_outcome`` for many, in one transaction: all or none."""
        new = distinct(map(entry.of_outcome, outcomes))
        ids = list(dict.fromkeys(str(one.decision_id) for one in new))

        def add(connection: sql.Connection, chain: Writer) -> list[Billed]:
            known = reading.records_of(connection, ids).keys()
            archived = {key for key, row in key_rows(connection, ids).items() if row.archive is not None}
            if missing := [key for key in ids if key not in known and key not in archived]:
                raise LogError(
                    f"{len(missing)} of {len(ids)} decisions are not in this log, first {missing[0]}. Log a decision "
                    "before its outcome, and check that both go to the same log."
                )
            return _write(connection, new, chain)

        return self.session.write(add)

    def log_output_check(self, check: OutputCheck) -> None:
        """Keep what was found in an answer. Repeating it changes nothing; another under its id is a ``LogError``."""
        self.write([entry.of_output_check(check)])

    def log_audit_event(self, event: AuditEvent) -> None:
        """Keep who changed the rules in force, and why; as for output checks, nothing is ever replaced."""
        self.write([entry.of_audit_event(event)])

    def output_checks(self, decision_id: str) -> list[OutputCheck]:
        """What was found in the answers to a decision, oldest first."""
        return list(reading.read_kind(self.session.read, OutputCheck, None, decision_id))

    def audit_events(self, since: datetime | None = None) -> list[AuditEvent]:
        """Who changed the rules in force and why, oldest first."""
        return list(reading.read_kind(self.session.read, AuditEvent, since))

    def drill_events(self, since: datetime | None = None) -> list[AuditEvent]:
        """Drills that were begun and ended, oldest first. What another release wrote and this one cannot read is left
        out, so that it stops nobody from ending a drill."""
        return self.changes(get_args(DrillKind), since)

    def changes(self, kinds: Sequence[AuditKind], since: datetime | None = None) -> list[AuditEvent]:
        """Audit events of some kinds, oldest first, as far as this release can read them."""
        return list(reading.read_changes(self.session.read, kinds, since))

    def count_changes(self, kinds: Sequence[AuditKind]) -> int:
        """How many audit events of some kinds there are."""
        return reading.count_changes(self.session.read, kinds)

    def recent_configs(self, since: datetime, *, most: int = 1000) -> Counter[str]:
        """How many of the newest decisions from ``since`` on were made with which configuration, by its sha256; also
        those of another release."""
        return reading.recent_configs(self.session.read, since, most)

    def executions(self, decision_id: str | None = None, *, since: datetime | None = None) -> Iterator[Execution]:
        """What was done, of one decision or of all, oldest first."""
        return reading.read_kind(self.session.read, Execution, since, decision_id)

    def outcomes(self, since: datetime | None = None) -> Iterator[Outcome]:
        """All that was learned later, oldest first, also what a later outcome has overtaken."""
        return reading.read_kind(self.session.read, Outcome, since)

    def approvals(self, since: datetime | None = None) -> Iterator[Approval]:
        """Each step of each approval, oldest first."""
        return reading.read_kind(self.session.read, Approval, since)

    def decision(self, decision_id: str) -> RouteDecision | None:
        """The decision with this id as it was made, None where there is none."""
        with self.session.read() as connection:
            record = reading.records_of(connection, [decision_id]).get(decision_id)
        return None if record is None else records.parse(RouteDecision, record, f"Decision {decision_id}")

    def decisions(
        self, since: datetime | None = None, bundle: str | None = None, *, batch_size: int = 1000, shadows: bool = True
    ) -> Iterator[RouteDecision]:
        """Decisions, oldest first, read in pages between which nothing is held open; with ``shadows`` also what a
        shadow decided, whose ids end in ``.shadow``; never what an evaluation did (see ``readers.evaluated``)."""
        found = reading.read_decisions(self.session.read, Wanted(since, bundle, shadows=shadows), batch_size)
        return (records.parse(RouteDecision, record, f"Decision {name}") for name, record in found)

    def logged(
        self,
        since: datetime | None = None,
        bundle: str | None = None,
        *,
        encoder: str | None = None,
        source: str | None = None,
    ) -> LoggedData:
        """The log as arrays for learning and off-policy evaluation.

        ``encoder``: keep embeddings of this encoder alone; ``EncoderMismatchError`` where there are several and none is
        named. ``source``: read outcomes of this source alone, the clean choice where sources differ in
        ``rated_probability``; by default the latest rating counts.
        """
        wanted = Wanted(since, bundle, source=source, encoder=encoder)
        return next(reading.read_batches(self.session.read, wanted, self.attribution, None))

    def batches(
        self,
        since: datetime | None = None,
        bundle: str | None = None,
        *,
        encoder: str | None = None,
        source: str | None = None,
        org: str | None = None,
        size: int = 50_000,
    ) -> Iterator[LoggedData]:
        """``logged`` in bounded memory: ``size`` decisions at a time, oldest first, with the same lanes in each batch;
        nothing for an empty log. ``org``: decisions of this organisation alone."""
        wanted = Wanted(since, bundle, org, source, encoder)
        return reading.read_batches(self.session.read, wanted, self.attribution, size)

    def count(self, since: datetime | None = None, bundle: str | None = None) -> int:
        """How many decisions ``logged`` would give."""
        return reading.count_decisions(self.session.read, Wanted(since, bundle))

    def costs(self, since: datetime, *, until: datetime, traffic_classes: Sequence[str]) -> list[Cost]:
        """What decisions of some classes cost or were expected to, oldest first; from ``since``, before ``until``."""
        with self.session.read() as connection:
            return read_costs(connection, since, until, traffic_classes)

    def counts(self) -> dict[str, int]:
        """How many of each kind there are; of decisions also those drawn from several lanes, with an embedding, and
        with a rating."""
        outcomes = tables.outcomes
        counted: dict[str, sql.Select[int]] = {
            "decisions": sql.select(sql.func.count()).select_from(tables.decisions),
            "randomised": sql.select(sql.func.count()).where(tables.decisions.c.randomised),
            "embeddings": sql.select(sql.func.count(tables.features.c.embedding)),
            "outcomes": sql.select(sql.func.count()).select_from(outcomes),
            "rated": sql.select(sql.func.count(outcomes.c.decision_id.distinct())).where(
                outcomes.c.quality.is_not(None)
            ),
        }
        for table in (tables.executions, tables.approvals, tables.output_checks, tables.audit_events):
            counted[table.name] = sql.select(sql.func.count()).select_from(table)
        with self.session.read() as connection:
            return {name: connection.execute(query).scalar_one() for name, query in counted.items()}

    def subject_of(self, user: str) -> str:
        """The name that a person has in this log: HMAC-SHA256 (hex) under a secret that the log made when it was new.
        The secret is read once, so that later calls need no database."""
        return hmac.digest(self._subjects_secret(), user.encode("utf-8", "surrogatepass"), "sha256").hex()

    def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            LogError: it does not answer.
        """
        with self.session.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def identity(self) -> str:
        """What tells this log from any other, wherever it is: a digest of a secret that it made when it was new."""
        return secret_digest(self._subjects_secret()).hex()[:32]

    def _subjects_secret(self) -> bytes:
        if self._secret is None:
            with self.session.read() as connection:
                self._secret = secret_of_subjects(connection)
        return self._secret

    def erase(self, *, user: str, who: str, why: str, now: datetime, archive: str | None = None) -> Erasure:
        """Erase all that is about a person; as ``archives.erasure.erase``."""
        return erase(self, user=user, who=who, why=why, now=now, archive=archive)

    def close(self) -> None:
        """Release the database; further calls raise ``LogError``."""
        self.session.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write(connection: sql.Connection, new: Sequence[Stored], chain: Writer) -> list[Billed]:
    """Write entries, one transaction at a time per decision that has a bill among them: none counts twice."""
    key_rows(connection, with_bills(new), lock="update")
    return billed(connection, write_entries(connection, new, chain))
