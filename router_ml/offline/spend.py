"""What requests cost, by whom, and what routing saved against always taking one lane on the same requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import RouteDecision
from router_ml.contract.base import is_shadow, is_unacted
from router_ml.errors import InvalidRequestError, MissingExtraError
from router_ml.offline.judging.pricing import check_baseline, price, provider
from router_ml.offline.judging.sums import RuleCost, RuleSums, SpendRow, Sums

if TYPE_CHECKING:
    from pandas import DataFrame

    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.views.stories import Story

NONE = "(none)"
_OF_DECISION: dict[str, Callable[[RouteDecision], str]] = {
    "org": lambda d: d.circumstances.org or NONE,
    "class": lambda d: d.traffic_class,
    "month": lambda d: d.created_at.strftime("%Y-%m"),
    "day": lambda d: d.created_at.strftime("%Y-%m-%d"),
    "intent": lambda d: d.intent.label,
    "domain": lambda d: d.domain.label,
    "tier": lambda d: d.risk_tier,
    "arm": lambda d: d.state.arm,
}
DRAWN = frozenset({"lane", "provider"})
BY = ("org", "class", "lane", "month", "day", "intent", "domain", "tier", "arm", "provider")


@dataclass(frozen=True)
class Spend:
    """Rows by group, dearest first, their total, and the rules, dearest first. ``baseline`` None: the dearest eligible
    lane of each request."""

    by: tuple[str, ...]
    baseline: str | None
    rows: tuple[SpendRow, ...]
    total: SpendRow
    rules: tuple[RuleCost, ...]
    shadow: int
    notes: tuple[str, ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as flat mappings, a column per name in ``by``."""
        return [dict(zip(self.by, row.group, strict=True)) | _numbers(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        rules = [asdict(rule) for rule in self.rules]
        about = {"by": list(self.by), "baseline": self.baseline, "shadow": self.shadow, "notes": list(self.notes)}
        return {**about, "total": _numbers(self.total), "rows": self.records(), "rules": rules}


def spent(stories: Iterable[Story], *, by: Sequence[str] = ("org", "class"), baseline: str | None = None) -> Spend:
    """Add up requests.

    Money goes to the lane and provider of the hop that took it; everything else counts where a request was planned.

    Args:
        by: names among ``BY``.
        baseline: the lane to compare with; by default the dearest eligible one of each request.

    Raises:
        InvalidRequestError: an unknown name or lane.
    """
    by = tuple(by)
    if not set(by) <= set(BY) or len(set(by)) < len(by):
        raise InvalidRequestError(f"Found --by {','.join(by)}, expected different ones of {', '.join(BY)}.")
    groups: dict[tuple[str, ...], Sums] = {}
    total, rules = Sums(), dict[str, RuleSums]()
    shadow, unpriced, seen = 0, 0, set[str]()
    for story in stories:
        decision = story.decision
        seen.update(decision.estimates, decision.excluded)
        if is_unacted(decision.decision_id):
            shadow += is_shadow(decision.decision_id)
            continue
        priced = price(story, baseline=baseline)
        unpriced += priced.unpriced
        total.add(decision, priced)
        lane = decision.lane or NONE
        own = _key(by, decision, lane, provider(decision, lane) if decision.lane else NONE)
        groups.setdefault(own, Sums()).add(decision, priced, parts=())
        for part in priced.parts:
            total_of = groups.setdefault(_key(by, decision, part.lane, part.provider), Sums())
            total_of.pay(part)
        if priced.rule is not None:
            rules.setdefault(priced.rule.name, RuleSums()).add(priced)
    check_baseline(baseline, seen)
    drawn = not DRAWN.isdisjoint(by)
    rows = sorted(
        (sums.row(key, drawn=drawn) for key, sums in groups.items()), key=lambda row: (-row.cost_usd, row.group)
    )
    costs = sorted((sums.row(name) for name, sums in rules.items()), key=lambda row: (-row.usd, row.rule))
    notes = _notes(total, shadow, unpriced, drawn=drawn)
    return Spend(by, baseline, tuple(rows), total.row(()), tuple(costs), shadow, notes)


def spend(
    log: EventLog,
    *,
    by: Sequence[str] = ("org", "class"),
    since: datetime | None = None,
    until: datetime | None = None,
    baseline: str | None = None,
    archive: str | None = None,
) -> DataFrame:
    """``spent`` over an event log, as a frame: a column for each name in ``by``, then those of ``SpendRow``.

    Args:
        since, until: from this time on, and before that one; without a zone: UTC.
        archive: where decisions were compacted to; without it, those are left out.

    Raises:
        InvalidRequestError: as ``spent``. LogError: the log cannot be read. MissingExtraError: pandas is not there.
    """
    from router_ml.storage.views.stories import stories

    return to_frame(spent(stories(log, since=since, until=until, archive=archive), by=by, baseline=baseline))


def to_frame(found: Spend) -> DataFrame:
    """The rows as a ``pandas.DataFrame``.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas.DataFrame(found.records(), columns=columns(found.by))


def columns(by: Sequence[str]) -> list[str]:
    """The names of the columns of rows by these names."""
    return [*by, *(each.name for each in fields(SpendRow) if each.name != "group")]


def _key(by: tuple[str, ...], decision: RouteDecision, lane: str, ran_by: str) -> tuple[str, ...]:
    own = {"lane": lane, "provider": ran_by}
    return tuple(own[name] if name in own else _OF_DECISION[name](decision) for name in by)


def _numbers(row: SpendRow) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name != "group"}


def _notes(total: Sums, shadow: int, unpriced: int, *, drawn: bool) -> tuple[str, ...]:
    count = total.counts.get
    sentences = (
        (count("expected", 0), "{} requests have no cost of their own: the expected one is taken (expected_usd)."),
        (unpriced, "{} requests have calls without a cost. Report cost_usd with each hop, also where it is 0."),
        (drawn, "Savings are in the total alone: which lane a request went to was drawn, so groups by it differ."),
        (shadow, "{} shadow decisions are no traffic and left out."),
    )
    return tuple(text.format(number) for number, text in sentences if number)
