"""What each traffic class has spent today, so that its budget can be paced and its cap be kept.

A decision is charged with the expected cost of its lane when it is made. What its executions cost corrects that, and an
outcome that says what it did cost corrects both, once each: the transaction that writes a bill says what it changed,
and whoever wrote it counts that. A bill that waits in a spool is counted ahead by the process that was told of it, if
it knows the decision. Days are those of UTC by the clock of each decision, so that a replay of last week spends last
week's money.

All classes are counted, so that one which gets a budget while the service runs has its day's spending. A process knows
its own, and what the log held when it started, as soon as that can be read; where the processes of a service share
(``sharing``), what the others spent takes the place of the latter. Decisions that are made at the same moment do not
see each other's cost, so a cap may be passed by what is under way.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.errors import LogError
from router_ml.state.ledger import Ledger, Standing

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.readers.costs import Billed, Cost

__all__ = ["Budgets", "Standing"]

logger = logging.getLogger(__name__)

_CHARGES = 10_000  # decisions whose cost can still be corrected


class Budgets:
    """Spending of the classes, with or without a daily budget; thread safe, its memory is bounded."""

    def __init__(self, config: RouterConfig, *, charges: int = _CHARGES) -> None:
        self._limits = _limits(config)
        self._new = dict.fromkeys(self._limits, 0.0)  # spending of today before now is not known; and what is, of it
        self._primed = set(self._limits)
        self._owed: dict[str, datetime] = {}  # those that a log which was away has to tell, and until when
        self._ledgers = {name: Ledger() for name in config.traffic_classes}
        self._charges: OrderedDict[str, tuple[str, date, float]] = OrderedDict()
        self._ahead: OrderedDict[str, float | None] = OrderedDict()  # by bill; None: the log has it, and told
        self._size = charges
        self._lock = threading.Lock()

    def under(self, config: RouterConfig) -> Budgets:
        """The same money under the budgets of another configuration: what either spends, both have spent."""
        other = copy(self)
        other._limits = _limits(config)
        with self._lock:
            self._ledgers.update({name: Ledger() for name in config.traffic_classes if name not in self._ledgers})
            today = datetime.now(UTC).date()
            new = [name for name in other._limits if name not in self._primed]
            other._new = {name: self._ledgers[name].spent_here(today) for name in new}
            self._primed.update(new)
        return other

    def standing(self, name: str, now: datetime) -> Standing | None:
        """The money of a class by the clock of a decision; None where it has no budget."""
        limit = self._limits.get(name)
        if limit is None:
            return None
        with self._lock:
            ledger = self._ledgers[name]
            return Standing(limit, ledger.spent(now.astimezone(UTC).date()), ledger.profile)

    def charge(self, decision: RouteDecision) -> None:
        """Take what a decision is expected to cost from its class; one under the same id takes the place of the first.

        What goes to no lane costs nothing.
        """
        cost = decision.estimates[decision.lane].cost_usd if decision.lane is not None else 0.0
        self._charge(decision.decision_id, decision.traffic_class, decision.created_at, cost)

    def charge_many(self, name: str, at: datetime, costs_usd: Sequence[float], *, requests: int | None = None) -> None:
        """Charge requests of a class, one after another in one step, all in the hour of ``at``. A class without a
        budget is not charged. What has to be corrected later is charged once more, with what it did cost less that.

        Args:
            requests: how many of them are new; by default each cost is one request.
        """
        ledger = self._ledgers.get(name) if name in self._limits else None
        if ledger is None or not len(costs_usd):
            return
        at = at.astimezone(UTC)
        with self._lock:
            day = ledger.day(at.date())
            day.requests[at.hour] += len(costs_usd) if requests is None else requests
            for cost in costs_usd:  # not sum(), which rounds differently: the parts must not matter
                day.spent = max(day.spent + cost, 0.0)

    def correct(self, decision_id: str, cost_usd: float, *, record: str | None = None) -> None:
        """Put what a decision did cost, fallbacks included, in the place of what was expected, if that is remembered. A
        later correction replaces an earlier one.

        Args:
            record: the id of the bill, if it is on its way to the log, which is going to ``settle`` it.
        """
        with self._lock:
            charged = self._charges.get(decision_id)
            if record is not None and self._ahead.get(record, 0.0) is None:  # it was faster
                return
            if charged is not None:
                self._book(decision_id, charged[0], charged[1], cost_usd)
                if record is not None:
                    self._keep_ahead(record, (self._ahead.get(record) or 0.0) + cost_usd - charged[2])

    def settle(self, bills: Sequence[Billed]) -> None:
        """Count what bills changed that this process has written to the log, less what it has counted ahead of it."""
        with self._lock:
            for bill in bills:
                cost = bill.cost
                if cost.traffic_class not in self._ledgers:
                    continue
                ahead = sum(self._ahead.get(record) or 0.0 for record in bill.records)
                for record in bill.records:
                    self._keep_ahead(record, None)
                charged = self._charges.get(cost.decision_id)
                if charged is not None:
                    ahead += cost.usd - charged[2]
                    self._book(cost.decision_id, charged[0], charged[1], cost.usd)
                day = self._ledgers[cost.traffic_class].day(cost.at.astimezone(UTC).date())
                day.corrected += cost.usd - bill.before - ahead

    def _keep_ahead(self, record: str, usd: float | None) -> None:
        self._ahead.pop(record, None)
        self._ahead[record] = usd
        if len(self._ahead) > self._size:
            self._ahead.popitem(last=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that are counted, of all routers of this process."""
        return tuple(self._ledgers)

    def own(self, days: Iterable[date]) -> dict[tuple[str, date], float]:
        """What this process spent itself, by class and day; may be below 0, where bills were lower than another process
        expected."""
        days = tuple(days)
        with self._lock:
            return {
                (name, on): day.spent - day.primed + day.corrected
                for name, ledger in self._ledgers.items()
                for on in days
                if (day := ledger.days.get(on)) is not None
            }

    def hear(self, others: Mapping[tuple[str, date], float]) -> None:
        """Take the place of what the other processes had spent as of the last time."""
        with self._lock:
            for name, ledger in self._ledgers.items():
                ledger.heard = {on: usd for (of, on), usd in others.items() if of == name}

    def release(self, decision_id: str) -> None:
        """Give back what a decision was charged that did not come to be."""
        with self._lock:
            before = self._charges.pop(decision_id, None)
            if before is not None:
                self._add(before[0], before[1], -before[2])

    def prime(self, costs: Iterable[Cost], *, known_usd: float = 0.0) -> None:
        """Charge what a log says was spent before this process started; of one class and day, of which ``known_usd``
        was charged here already."""
        with self._lock:
            found = [cost for cost in costs if cost.traffic_class in self._ledgers]
            new = [cost for cost in found if cost.decision_id not in self._charges]
            known_usd = max(known_usd - sum(cost.usd for cost in found) + sum(cost.usd for cost in new), 0.0)
            for cost in new:
                at = cost.at.astimezone(UTC)
                day = self._ledgers[cost.traffic_class].day(at.date())
                known = min(cost.usd, known_usd)
                known_usd -= known
                day.spent += cost.usd - known
                day.primed += cost.usd - known
                day.requests[at.hour] += 1
                self._remember(cost.decision_id, cost.traffic_class, at.date(), cost.usd)

    def prime_from(self, log: EventLog | None, now: datetime, *, on_error: str, away: bool = False) -> None:
        """``prime`` with today's decisions of a log, for classes that have a budget and were not counted before.

        Args:
            away: there is a log which could not be opened yet; ``catch_up`` asks it later.

        Raises:
            LogError: the log cannot be read, and ``on_error`` is raise; else the day starts without it.
        """
        if not self._new:
            return
        if log is None:
            if away:
                logger.warning("What was spent today is not known until the event log opens; budgets start full.")
                self._owed.update(dict.fromkeys(self._new, now))
            return
        try:
            for name, known_usd in self._new.items():
                until = now if known_usd else _midnight(now) + timedelta(days=1)
                self._prime_day(log, name, now, until=until, known_usd=known_usd)
        except LogError as error:
            if on_error == "raise":
                raise
            logger.error("What was spent today is not known, so budgets start full: %s", error)

    def catch_up(self, log: EventLog | None) -> None:
        """Ask a log that was away at the start what had been spent by then; costs nothing where none was."""
        if not self._owed or log is None:
            return
        with self._lock:
            owed = dict(self._owed)
            self._owed.clear()
        for name, at in owed.items():
            try:
                self._prime_day(log, name, at, until=at, known_usd=0.0)
            except LogError as error:
                logger.error("What %s had spent before the start is not known: %s", name, error)

    def _prime_day(self, log: EventLog, name: str, day: datetime, *, until: datetime, known_usd: float) -> None:
        self.prime(log.costs(_midnight(day), until=until, traffic_classes=[name]), known_usd=known_usd)

    def _charge(self, decision_id: str, name: str, at: datetime, cost: float) -> None:
        ledger = self._ledgers.get(name)
        if ledger is None:
            return
        at = at.astimezone(UTC)
        with self._lock:
            ledger.day(at.date()).requests[at.hour] += decision_id not in self._charges
            self._book(decision_id, name, at.date(), cost)

    def _book(self, decision_id: str, name: str, on: date, cost: float) -> None:
        """Charge a decision, in the place of what it was charged before."""
        before = self._charges.pop(decision_id, None)
        if before is not None:
            self._add(before[0], before[1], -before[2])
        self._add(name, on, cost)
        self._remember(decision_id, name, on, cost)

    def _remember(self, decision_id: str, name: str, on: date, cost: float) -> None:
        self._charges[decision_id] = name, on, cost
        if len(self._charges) > self._size:
            self._charges.popitem(last=False)

    def _add(self, name: str, on: date, cost: float) -> None:
        """Add to a day that is still kept; sums of corrections may not fall below nothing."""
        day = self._ledgers[name].days.get(on)
        if day is not None:
            day.spent = max(day.spent + cost, 0.0)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _limits(config: RouterConfig) -> dict[str, float]:
    """USD per day, of the classes that have a budget."""
    classes = config.traffic_classes.items()
    return {name: one.budget_usd_per_day for name, one in classes if one.budget_usd_per_day is not None}
