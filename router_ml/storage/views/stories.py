"""What is known of a decision, in one place: how it was made, what was done with it, and what was learned later.

Decisions that were compacted are read from their archive, where it is given; what came for them afterwards is still in
the database and joins them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import sqlalchemy as sql

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.contract.base import EVAL_SUFFIX
from router_ml.storage.database import records, tables
from router_ml.storage.database.records import Kept
from router_ml.storage.eventlog import EventLog
from router_ml.storage.proof.audit_trail import ArchiveFile, audit_trail
from router_ml.storage.readers.reading import records_of

PAGE = 500  # decisions at a time: what is in memory at once
EXECUTED_WITHIN = timedelta(days=31)  # how long before a window archives are read for what was executed in it
_APART = ("executed_lane", "labels", "cost_usd", "latency_ms", "validation")  # each counts by itself
_RATING = ("quality", "rated_probability", "signals", "rewards")  # these together
_MONTH = re.compile(r"month=(\d{4}-\d{2})/")


@dataclass(frozen=True)
class Story:
    """One decision with its executions, oldest first, and its outcomes, oldest first: one of each source, with the
    latest that it said of each thing. Outcomes of which a later one of their source took the place of something are
    ``overtaken``."""

    decision: RouteDecision
    executions: tuple[Execution, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    overtaken: tuple[Outcome, ...] = ()


def stories(
    log: EventLog,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    archive: str | None = None,
    executed: bool = False,
) -> Iterator[Story]:
    """Every decision from ``since`` on and before ``until`` (without a zone: UTC), in pages; those of the database
    oldest first, after those of the archive.

    Args:
        archive: the folder or URL that ``router-ml log compact`` wrote to; without it, what is there is left out.
        executed: first those, too, that were made before ``since`` and executed in the window, as an execution or an
            outcome that names a lane says; each with what is of the window alone.

    Raises:
        LogError: the log or the archive cannot be read.
    """
    if archive is not None:
        yield from _archived(log, archive, since, until, executed=executed)
    if executed and since is not None:
        yield from _earlier(log, since, until)
    decided: Iterable[RouteDecision] = log.decisions(since, batch_size=PAGE)
    if until is not None:
        end = records.utc(until)
        decided = takewhile(lambda decision: records.utc(decision.created_at) < end, decided)
    pages = iter(decided)
    while page := list(islice(pages, PAGE)):
        yield from _told(log, page)


def archived_files(
    log: EventLog, *, since: datetime | None = None, until: datetime | None = None, executed: bool = False
) -> tuple[ArchiveFile, ...]:
    """Files of the archive that may hold decisions of a window, by name, as the log names them; with ``executed`` also
    of a month before it, and those that the database holds an execution of the window for."""
    asked: set[str] = set()
    with log.session.read() as connection:
        files = audit_trail(connection).files
        if executed and since is not None:
            keys = tables.decision_keys.c
            of_it = keys.decision_id.in_(_executed_in(since, until))
            asked = set(connection.scalars(sql.select(keys.archive).where(keys.archive.is_not(None), of_it).distinct()))
            since -= EXECUTED_WITHIN
    first = "" if since is None else f"{records.utc(since):%Y-%m}"
    last = "9999-99" if until is None else f"{records.utc(until):%Y-%m}"

    def month(name: str) -> str | None:
        found = _MONTH.match(name)
        return found[1] if found else None

    return tuple(
        files[name] for name in sorted(files) if name in asked or (m := month(name)) is None or first <= m <= last
    )


def orphans(log: EventLog, *, since: datetime | None = None, until: datetime | None = None) -> int:
    """How many executions of a window are of a decision that the log does not know."""
    done, keys = tables.executions.c, tables.decision_keys.c
    decided = sql.exists().where(tables.decisions.c.decision_id == done.decision_id)
    moved = sql.exists().where(keys.decision_id == done.decision_id, keys.archive.is_not(None))
    query = sql.select(sql.func.count()).select_from(tables.executions).where(~decided, ~moved)
    query = query if since is None else query.where(done.at >= records.utc(since))
    query = query if until is None else query.where(done.at < records.utc(until))
    with log.session.read() as connection:
        return connection.execute(query).scalar_one()


def _executed_in(since: datetime, until: datetime | None) -> sql.CompoundSelect[Any]:
    """Ids of decisions that an execution, or an outcome which names a lane, of a window is of."""
    done, learned = tables.executions.c, tables.outcomes.c
    found = (
        sql.select(done.decision_id).where(*_times(done.at, since, until)),
        sql.select(learned.decision_id).where(learned.executed_lane.is_not(None), *_times(learned.at, since, until)),
    )
    return sql.union(*found)


def _times(at: Any, since: datetime, until: datetime | None) -> list[sql.ColumnElement[bool]]:
    return [at >= records.utc(since), *([] if until is None else [at < records.utc(until)])]


def _earlier(log: EventLog, since: datetime, until: datetime | None) -> Iterator[Story]:
    decided = tables.decisions.c
    query = sql.select(decided.decision_id).where(
        decided.created_at < records.utc(since),
        decided.decision_id.in_(_executed_in(since, until)),
        ~tables.ends_in(EVAL_SUFFIX),
    )
    with log.session.read() as connection:
        ids = list(connection.scalars(query.order_by(decided.created_at, decided.decision_id)))
    for start in range(0, len(ids), PAGE):
        with log.session.read() as connection:
            found = records_of(connection, ids[start : start + PAGE])
        page = [_parsed(RouteDecision, record, name) for name, record in found.items()]
        yield from (_part(story, since, until) for story in _told(log, page))


def _part(story: Story, since: datetime, until: datetime | None) -> Story:
    """What of a story is of a window."""
    runs = tuple(run for run in story.executions if run.at is not None and _within(run.at, since, until))
    learned, old = (
        tuple(each for each in some if _within(each.at, since, until)) for some in (story.outcomes, story.overtaken)
    )
    return Story(story.decision, runs, learned, old)


def _archived(
    log: EventLog, archive: str, since: datetime | None, until: datetime | None, *, executed: bool
) -> Iterator[Story]:
    from router_ml.storage.archives.files import Folder, read_file

    folder = Folder(archive)
    for file in archived_files(log, since=since, until=until, executed=executed):
        entries = [placed.entry for placed in read_file(folder, file.file, sha256=file.sha256)]
        page = [_parsed(RouteDecision, each.record, each.record_id) for each in entries if each.kind == "decision"]
        page = [decision for decision in page if not decision.decision_id.endswith(EVAL_SUFFIX)]
        page = [decision for decision in page if _within(decision.created_at, None if executed else since, until)]
        page.sort(key=lambda decision: (decision.created_at, decision.decision_id))
        done = [_parsed(Execution, each.record, each.decision_id) for each in entries if each.kind == "execution"]
        learned = [_parsed(Outcome, each.record, each.decision_id) for each in entries if each.kind == "outcome"]
        for story in _told(log, page, done, learned):
            if _within(story.decision.created_at, since, until):
                yield story
            elif since is not None and _acted(part := _part(story, since, until)):
                yield part


def _acted(story: Story) -> bool:
    named = any(outcome.executed_lane for outcome in (*story.outcomes, *story.overtaken))
    return named or bool(story.executions)


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    when = records.utc(at)
    return (since is None or when >= records.utc(since)) and (until is None or when < records.utc(until))


def _told(
    log: EventLog, page: list[RouteDecision], done: Sequence[Execution] = (), learned: Sequence[Outcome] = ()
) -> Iterator[Story]:
    """Decisions with what the database holds of them, beside what is known of them already."""
    executions, outcomes = _by_decision(done), _by_decision(learned)
    for start in range(0, len(page), PAGE):
        some = page[start : start + PAGE]
        ids = [decision.decision_id for decision in some]
        with log.session.read() as connection:
            _read(connection, Execution, tables.executions, tables.executions.c.execution_id, ids, executions)
            _read(connection, Outcome, tables.outcomes, tables.outcomes.c.arrived, ids, outcomes)
        for decision in some:
            runs = sorted(executions[decision.decision_id], key=_time)
            # stable: of one time, the last to arrive counts
            ordered = sorted(outcomes[decision.decision_id], key=_time)
            counted = counting(ordered)
            overtaken = tuple(outcome for outcome in ordered if outcome not in counted)
            yield Story(decision, tuple(runs), counted, overtaken)


def counting(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Of each source, given oldest first, the latest that it said of each thing; as one outcome, of its last time."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        before = found.pop(outcome.source, None)  # it moves to where the later one stands
        found[outcome.source] = outcome if before is None else _over(before, outcome)
    return tuple(found.values())


def _over(before: Outcome, after: Outcome) -> Outcome:
    unsaid = [name for name in _APART if getattr(after, name) is None]
    if after.quality is None and (before.quality is not None or (before.signals and not after.signals)):
        unsaid += _RATING
    said = {name: getattr(before, name) for name in unsaid}
    return after.model_copy(update={**said, "refused": after.refused or (before.refused and after.quality is None)})


def _time(record: Execution | Outcome) -> datetime:
    return records.utc(record.at or datetime.min.replace(tzinfo=UTC))


def _by_decision(found: Sequence[Any]) -> dict[str, list[Any]]:
    result: dict[str, list[Any]] = defaultdict(list)
    for each in found:
        result[each.decision_id].append(each)
    return result


def _read(
    connection: sql.Connection,
    model: type[Kept],
    table: sql.Table,
    second: Any,
    ids: list[str],
    found: dict[str, list[Any]],
) -> None:
    """Add records of a kind, oldest first."""
    query = sql.select(table.c.decision_id, table.c.record).where(table.c.decision_id.in_(ids))
    for row in connection.execute(query.order_by(table.c.at, second)):
        found[row.decision_id].append(_parsed(model, row.record, row.decision_id))


def _parsed(model: type[Kept], record: str, decision_id: str | None) -> Kept:
    return records.parse(model, record, f"A record of decision {decision_id}")
