"""What the answer of a proof rests on, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from router_ml.offline.proving.condition import comparisons
from router_ml.offline.proving.facts import DETECTED, FIELDS, PREDICTED
from router_ml.offline.proving.tally import Tally
from router_ml.offline.proving.vocabulary import Vocabulary

if TYPE_CHECKING:
    from router_ml.offline.proof import Window
    from router_ml.storage.proof.verify import Verification


def is_known(asked: tuple[str, str, str], words: Vocabulary) -> bool:
    """Whether a value that no record has (condition, field, value) is one all the same."""
    _, field, value = asked
    return FIELDS[field] is not None or value in words.known.get(field, frozenset())


def notes(count: Tally, chain: Verification, window: Window, words: Vocabulary) -> Iterator[str]:
    """Why the answer is what it is, and what it does not say."""
    fields = {each.field for condition in (count.asked, count.forbidden) for each in comparisons(condition)}
    if not chain.ok:
        yield "The chain of the log is broken, so that nothing in it proves anything."
    if count.matched == 0:
        yield "No decision of the window meets --where: where there was nothing to look at, nothing is shown."
    yield from _unseen(count, words)
    if count.unknown:
        yield f"Of {count.unknown} places it is not known whether --never holds: the record does not say enough."
    yield from _missing(count, chain, window)
    if fields & DETECTED:
        yield "This speaks of what was detected; what the guards did not find is not in it. Their recall is listed."
    if any(each.field == "region" for each in comparisons(count.forbidden)):
        yield "In --never, region is that of the request; that of a lane is lane_region."
    if fields & PREDICTED:
        yield "Intent, domain, mode and language are predicted labels."


def _missing(count: Tally, chain: Verification, window: Window) -> Iterator[str]:
    """What is not in the log, or may not be."""
    if not window.anchored:
        yield "No checkpoint was given, so that a chain which was cut short or written anew would not be seen."
    if chain.erased:
        yield f"{chain.erased} records of the log were erased on order or have expired; nothing can be said of them."
    if window.unread:
        yield f"{window.unread} decisions of these months were moved to an archive. Give --archive, where they lie."
    if window.lost:
        yield f"{window.lost} executions are of decisions that the log does not hold; --where cannot be asked of them."
    if count.planned_only:
        yield f"Of {count.planned_only} decisions no execution was reported: only their plans were looked at."
    yield "Executions are those that callers reported; a hop that nobody reported is not in the log."
    yield (
        "Nor are records that still wait in the spool of a router, or that were set aside there (.refused, .damaged): "
        "flush the routers, and look into those files."
    )


def _unseen(count: Tally, words: Vocabulary) -> Iterator[str]:
    for each in sorted(count.unseen):
        name, field, value = each
        if not is_known(each, words):
            yield (
                f"{name}: neither the log nor the configuration knows {field}={value}, so that nothing is shown by its "
                "absence. Check how it is written, or name with --model the configuration that has it."
            )
        elif value in words.used.get(field, frozenset()) or field not in words.used:
            yield f"{name}: no decision of the window has {field}={value}."
        else:
            yield f"{name}: no decision of the window has {field}={value}; no lane that is configured has it either."
