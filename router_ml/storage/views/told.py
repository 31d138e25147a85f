"""All that a log holds of one decision, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from router_ml.contract import Approval, Execution, Model, Outcome, OutputCheck, RouteDecision
from router_ml.errors import LogError
from router_ml.storage.database import records
from router_ml.storage.database.entries import Entry, Kind
from router_ml.storage.database.rows import as_entry
from router_ml.storage.database.writing import key_rows
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.audit_trail import audit_trail
from router_ml.storage.proof.kept import read_stored
from router_ml.storage.views.stories import PAGE, counting, stories

PARTS: tuple[Kind, ...] = ("decision", "execution", "approval", "output_check", "outcome")
Kept = TypeVar("Kept", bound=Model)


@dataclass(frozen=True)
class Told:
    """A decision with all that came of it, each oldest first. ``outcomes``: one of each source, with the latest that it
    said of each thing; ``overtaken``: those that a later one took the place of."""

    decision: RouteDecision
    executions: tuple[Execution, ...]
    checks: tuple[OutputCheck, ...]
    approvals: tuple[Approval, ...]
    outcomes: tuple[Outcome, ...]
    overtaken: tuple[Outcome, ...]


def tell(log: EventLog, decision_id: str, *, archive: str | None = None) -> Told:
    """Everything about a decision, from the database and, where it was compacted, from its archive.

    Args:
        archive: the folder or URL that ``router-ml log compact`` wrote to.

    Raises:
        LogError: the log does not hold it, it was erased, or it lies in an archive and none is given.
    """
    found = _entries(log, decision_id, archive)
    decided = _parsed(RouteDecision, found, "decision")
    if not decided:
        raise LogError("The event log holds no decision with this id. Check the id, and that it went to this log.")
    outcomes = _parsed(Outcome, found, "outcome")
    counted = counting(outcomes)
    return Told(
        decision=decided[0],
        executions=_parsed(Execution, found, "execution"),
        checks=_parsed(OutputCheck, found, "output_check"),
        approvals=_parsed(Approval, found, "approval"),
        outcomes=counted,
        overtaken=tuple(outcome for outcome in outcomes if outcome not in counted),
    )


def tell_all(log: EventLog, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Told]:
    """``tell`` for every decision of the database from ``since`` on and before ``until``, oldest first, in pages.

    Raises:
        LogError: the log cannot be read.
    """
    found = stories(log, since=since, until=until)
    while page := list(islice(found, PAGE)):
        beside: dict[str, list[Entry]] = {one.decision.decision_id: [] for one in page}
        with log.session.read() as connection:
            for kind in ("approval", "output_check"):
                for stored, _ in read_stored(connection, kind, list(beside), by_decision=True):
                    beside[stored.decision_id or ""].append(as_entry(stored))
        for one in page:
            some = beside[one.decision.decision_id]
            checks, approvals = _parsed(OutputCheck, some, "output_check"), _parsed(Approval, some, "approval")
            yield Told(one.decision, one.executions, checks, approvals, one.outcomes, one.overtaken)


def _entries(log: EventLog, decision_id: str, archive: str | None) -> list[Entry]:
    with log.session.read(snapshot=True) as connection:
        key = key_rows(connection, [decision_id]).get(decision_id)
        found = [
            as_entry(stored)
            for kind in PARTS
            for stored, _ in read_stored(connection, kind, [decision_id], by_decision=kind != "decision")
        ]
        file = None
        if key is not None and key.archive is not None:
            file = audit_trail(connection).files.get(key.archive)
    if key is not None and key.key is None:
        raise LogError("This decision was erased or has expired. What is left is its place in the chain.")
    if file is None:
        return found
    if archive is None:
        raise LogError("This decision was compacted. Give the folder or URL of the archive as well: --archive.")
    from router_ml.storage.archives.files import Folder, read_file

    placed = read_file(Folder(archive), file.file, sha256=file.sha256)
    return [*(as_entry(one.entry) for one in placed if one.entry.decision_id == decision_id), *found]


def _parsed(model: type[Kept], entries: list[Entry], kind: Kind) -> tuple[Kept, ...]:
    """Records of a kind, oldest first; of one time, in the order in which they came."""
    some = sorted((entry for entry in entries if entry.kind == kind), key=lambda entry: records.utc(entry.at))
    return tuple(records.parse(model, entry.record, f"A record of decision {entry.decision_id}") for entry in some)
