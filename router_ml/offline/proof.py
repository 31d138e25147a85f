"""Did what must never happen happen? Counts and exceptions over a verified log, and what the answer rests on.

``where`` says of which decisions. ``never`` is held against every hop of every execution that was reported, at the
place which the hop states and, where the decision froze another for that lane, at that one too; against lanes that an
execution or an outcome names otherwise; and where nothing was reported, against those that were planned. What is not
known counts against the claim: a decision that ``where`` may hold for is looked at; a place that ``never`` may hold for
makes the answer "not shown", and so does a value that nobody knows, or that there was nothing to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from router_ml.contract import AuditEvent
from router_ml.guardrails.measured import Measured, measured
from router_ml.offline.proving.condition import Condition, Joined, comparisons, parse, to_text
from router_ml.offline.proving.facts import DETECTED, FIELDS
from router_ml.offline.proving.notes import is_known, notes
from router_ml.offline.proving.tally import InForce, Tally
from router_ml.offline.proving.visits import Breach
from router_ml.offline.proving.vocabulary import NO_WORDS, Vocabulary, vocabulary

if TYPE_CHECKING:
    from router_ml.config import RouterConfig
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.proof.checkpoint import Checkpoint
    from router_ml.storage.proof.verify import Verification
    from router_ml.storage.views.stories import Story

Answer = Literal["proven", "exceptions", "not shown"]
EVERYTHING = Joined("and", ())


@dataclass(frozen=True)
class Window:
    """Decisions made or executed from ``since`` on and before ``until``. ``unread``: how many, perhaps of it, lie in
    archives that were not read; ``lost``: executions whose decision nobody logged; ``anchored``: the chain was held
    against a checkpoint."""

    since: datetime | None = None
    until: datetime | None = None
    unread: int = 0
    lost: int = 0
    anchored: bool = True


EVER = Window()


@dataclass(frozen=True)
class Proof:
    """The answer. Of ``decisions`` in the window, ``matched`` meet ``where``, ``perhaps`` of them only may; they were
    ``executed`` (in ``hops``), ``planned_only``, or went ``nowhere``. ``unknown``: places of which it is not known
    whether ``never`` holds. ``exceptions``: how many; ``listed``: the first of them."""

    answer: Answer
    chain: Verification
    where: str | None
    never: str
    since: datetime | None
    until: datetime | None
    decisions: int
    matched: int
    perhaps: int
    executed: int
    planned_only: int
    nowhere: int
    hops: int
    exceptions: int
    unknown: int
    listed: tuple[Breach, ...]
    versions: tuple[InForce, ...]
    changes: tuple[AuditEvent, ...]
    recall: tuple[Measured, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, times as ISO 8601."""
        record = asdict(self) | {"changes": [event.model_dump(mode="json") for event in self.changes]}
        plain: dict[str, Any] = _plain(record)
        return plain


def prove(
    log: EventLog,
    *,
    never: str,
    where: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    archive: str | None = None,
    checkpoint: Checkpoint | None = None,
    config: RouterConfig | None = None,
) -> Proof:
    """Verify a log, then look at every decision made or executed from ``since`` on and before ``until`` (without a
    zone: UTC).

    Args:
        never, where: as for ``answer``.
        archive: where decisions were compacted to; without it, a window that has some cannot be answered for.
        checkpoint: heads of the chain that were kept elsewhere; without it, a tail that was cut off is not seen.
        config: whose values are known also where no record has them; without it, those of the log alone.

    Raises:
        InvalidRequestError: a condition cannot be read. LogError: the log cannot.
    """
    from router_ml.storage.database.records import utc
    from router_ml.storage.proof.verify import verify
    from router_ml.storage.views.stories import orphans, stories

    _read(where, never)  # a slip shows before a long verification
    chain = verify(log, checkpoint=checkpoint, archive=archive)
    unread = 0 if archive is not None else _unread(log, since, until)
    changes = [event for event in log.audit_events(since) if until is None or utc(event.at) < utc(until)]
    lost = orphans(log, since=since, until=until)
    window = Window(since, until, unread, lost, anchored=checkpoint is not None)
    told = stories(log, since=since, until=until, archive=archive, executed=True)
    words = NO_WORDS if config is None else vocabulary(config)
    return answer(told, where=where, never=never, chain=chain, changes=changes, window=window, words=words)


def _unread(log: EventLog, since: datetime | None, until: datetime | None) -> int:
    from router_ml.storage.views.stories import archived_files

    return sum(file.decisions for file in archived_files(log, since=since, until=until, executed=True))


def answer(
    stories: Iterable[Story],
    *,
    where: str | None,
    never: str,
    chain: Verification,
    changes: Iterable[AuditEvent] = (),
    window: Window = EVER,
    words: Vocabulary = NO_WORDS,
) -> Proof:
    """Look at every decision once.

    Args:
        stories: of the window; ``prove`` takes those of a log.
        where, never: conditions, as ``proving.condition`` reads them, over ``proving.facts.FIELDS``; without ``where``
            every decision is meant.
        chain: what verification of the log said.
        changes: audit events of the window.
        window: that the stories are of, and what of it is not among them.
        words: values that are known beside those of the stories.

    Raises:
        InvalidRequestError: a condition cannot be read.
    """
    asked, forbidden = _read(where, never)
    count = Tally(asked, forbidden)
    for story in stories:
        count.add(story)
    unheard = any(not is_known(each, words) for each in count.unseen)
    doubts = (not chain.ok, count.unknown > 0, window.unread > 0, window.lost > 0, count.matched == 0, unheard)
    return Proof(
        answer="exceptions" if chain.ok and count.exceptions else "not shown" if any(doubts) else "proven",
        chain=chain,
        where=None if where is None else to_text(asked),
        never=to_text(forbidden),
        since=window.since,
        until=window.until,
        **{name: getattr(count, name) for name in _COUNTS},
        listed=tuple(count.listed),
        versions=tuple(sorted(count.versions.values(), key=lambda each: each.first)),
        changes=tuple(changes),
        recall=_recall(asked, forbidden),
        notes=tuple(notes(count, chain, window, words)),
    )


def _read(where: str | None, never: str) -> tuple[Condition, Condition]:
    asked = EVERYTHING if where is None else parse(where, fields=FIELDS, name="--where")
    return asked, parse(never, fields=FIELDS, name="--never")


_COUNTS = (
    *("decisions", "matched", "perhaps", "executed", "planned_only", "nowhere", "hops"),
    *("exceptions", "unknown"),
)


def _recall(*conditions: Condition) -> tuple[Measured, ...]:
    asked = {each.field for condition in conditions for each in comparisons(condition)}
    return measured() if asked & DETECTED else ()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
