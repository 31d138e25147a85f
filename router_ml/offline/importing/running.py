"""An import: batches of rows, each written whole or not at all, so that one that was broken off goes on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.contract import AuditEvent
from router_ml.deciding.recording import Made, entry_of
from router_ml.offline.importing.deciding import decide, decision_id, fired_by, outcome_of
from router_ml.offline.importing.files import file_sha256, rows_of
from router_ml.offline.importing.rows import Row
from router_ml.offline.importing.survey import Survey, Surveyor
from router_ml.state.sessions import is_private
from router_ml.storage.database.entries import Entry, of_audit_event, of_outcome
from router_ml.storage.views.owners import held, owners

if TYPE_CHECKING:
    from router_ml.offline.importing.mapping import Mapping as MappingFile
    from router_ml.router import Router
    from router_ml.storage.eventlog import EventLog

BATCH = 256  # texts of one length are encoded together: more rows at once are fewer runs of the encoder


@dataclass(frozen=True)
class Imported:
    """What an import did. ``decisions``: new ones; ``outcomes``: new ones, also of decisions that were there;
    ``there``: rows whose decision the log had already; ``gone``: rows whose decision was erased from it or has expired,
    which stays so. ``otherwise``: that a decision which was there had been written by another mapping; no import
    changes it. ``survey`` is of all rows of the file."""

    decisions: int
    outcomes: int
    there: int
    gone: int
    otherwise: bool
    survey: Survey

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**{name: getattr(self, name) for name in (*_COUNTS, "otherwise")}, "survey": self.survey.to_dict()}


_COUNTS = ("decisions", "outcomes", "there", "gone")


def import_file(
    path: str | Path,
    mapping: MappingFile,
    *,
    router: Router,
    log: EventLog,
    who: str,
    why: str,
    now: datetime | None = None,
    step: Callable[[int, int | None], None] = lambda rows, of: None,
) -> Imported:
    """Write the rows of a file as decisions and outcomes.

    The same file again adds nothing; with ratings that were not there before, it adds these. What has been erased does
    not come back. An audit event says who began it, from which file and by which mapping, another what came of it.

    Args:
        router: whose bundle and rules read the rows; its own log is not written to.
        who, why: for the audit events. step: hears how many rows have been read, and of how many, where it is a file.

    Raises:
        OfflineDataError: the file cannot be read to its end; nothing was written. LogError: the log cannot be written;
            what was written stays.
    """
    whole = None if str(path).startswith("mlflow:") else _rows(path, mapping)
    about = {
        "source": mapping.source,
        "format": mapping.format,
        "file_sha256": file_sha256(path),
        "mapping_sha256": mapping.sha256,
        "claims": list(mapping.claims),
    }
    surveyor = Surveyor(mapping, router.config, now=now or datetime.now(UTC))
    writer, counts = _Writer(router, log, mapping), dict.fromkeys(_COUNTS, 0)

    def tell(kind: Mapping[str, Any]) -> None:
        event = AuditEvent(
            event_id=f"imp_{secrets.token_hex(12)}",
            at=now or datetime.now(UTC),
            kind="imported",
            who=who,
            why=why,
            detail={**about, **kind},
        )
        log.write([of_audit_event(event)])

    for batch in surveyor.batches(path, BATCH):
        fresh = writer.missing(batch)
        if fresh.entries and not (counts["decisions"] or counts["outcomes"]):
            tell({"begun": True, "decisions": 0})
        log.write(fresh.entries)
        for name in _COUNTS:
            counts[name] += getattr(fresh, name)
        surveyor.read += fresh.decisions
        surveyor.private += fresh.private
        step(surveyor.rows, whole)
    survey = surveyor.result()
    if counts["decisions"] or counts["outcomes"]:
        tell({**counts, "rows": survey.rows, "left_out": survey.left_out})
    return Imported(**counts, otherwise=writer.otherwise, survey=survey)


def _rows(path: str | Path, mapping: MappingFile) -> int:
    """How many rows a file has. Counting takes little beside an import, and a file that cannot be read to its end is
    known before anything is written."""
    return sum(1 for _ in rows_of(path, kind=mapping.format, read=mapping.read))


@dataclass(frozen=True)
class _Fresh:
    entries: list[Entry]
    decisions: int
    outcomes: int
    there: int
    gone: int
    private: int


class _Writer:
    def __init__(self, router: Router, log: EventLog, mapping: MappingFile) -> None:
        self._router, self._log, self._mapping = router, log, mapping
        self.otherwise = False

    def missing(self, rows: Sequence[Row]) -> _Fresh:
        """The entries of rows that the log does not have."""
        source = self._mapping.source
        ids = [decision_id(source, row.key) for row in rows]
        known = owners(self._log, ids)
        gone = {name for name, one in known.items() if one.where == "gone"}
        self._compare(next((name for name, one in known.items() if one.where == "here"), None))
        new = [row for row, name in zip(rows, ids, strict=True) if name not in known]
        made = decide(self._router, new, source=source, mapping_sha256=self._mapping.sha256) if new else []
        told = (outcome_of(row, source=source) for row, name in zip(rows, ids, strict=True) if name not in gone)
        outcomes = [of_outcome(outcome) for outcome in told if outcome is not None]
        there = held(self._log, "outcome", [entry.record_id for entry in outcomes])
        outcomes = [entry for entry in outcomes if entry.record_id not in there]
        private = sum(is_private(one.decision) for one in made)
        return _Fresh(
            entries=[*map(self._entry, made), *outcomes],
            decisions=len(new),
            outcomes=len(outcomes),
            there=len(known) - len(gone),
            gone=len(gone),
            private=private,
        )

    def _compare(self, there: str | None) -> None:
        """Look whether a decision that is there came by this mapping; one of each batch tells."""
        found = None if there is None or self.otherwise else self._log.decision(there)
        if found is not None:
            fired = fired_by(self._mapping.source, self._mapping.sha256)
            self.otherwise = all((one.id, one.version) != fired for one in found.policies)

    def _entry(self, made: Made) -> Entry:
        router = self._router
        user = made.request.metadata.get(router.config.logging.subject)
        subject = None if user is None else self._log.subject_of(str(user))
        return entry_of(made, router.rules.base.versions.encoder, router.config, subject)
