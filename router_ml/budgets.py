"""What each traffic class has spent today, so that its budget can be paced and its cap be kept.

A decision is charged with the expected cost of its lane when it is made; an outcome that says what it did cost corrects
that. Days are those of UTC by the clock of each decision, so that a replay of last week spends last week's money.

A process knows its own spending, and what the log held when it started, as soon as that can be read; where the
processes of a service share (``sharing``), what the others spent takes the place of the latter. Decisions that are made
at the same moment do not see each other's cost, so a cap may be passed by what is under way.
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
from router_ml.ledger import Ledger, Standing

if TYPE_CHECKING:
    from router_ml.storage.costs import Cost
    from router_ml.storage.eventlog import EventLog

__all__ = ["Budgets", "Standing"]

logger = logging.getLogger(__name__)

_CHARGES = 10_000  # decisions whose cost can still be corrected


class Budgets:
    """Spending of the classes that have a daily budget; thread safe, its memory is bounded."""

    def __init__(self, config: RouterConfig, *, charges: int = _CHARGES) -> None:
        self._limits = _limits(config)
        self._new = tuple(self._limits)  # classes whose spending of today is not known yet
        self._owed: dict[str, datetime] = {}  # those that a log which was away has to tell, and until when
        self._ledgers = {name: Ledger() for name in self._limits}
        self._charges: OrderedDict[str, tuple[str, date, float]] = OrderedDict()
        self._size = charges
        self._lock = threading.Lock()

    def under(self, config: RouterConfig) -> Budgets:
        """The same money under the budgets of another configuration: what either spends, both have spent."""
        other = copy(self)
        other._limits = _limits(config)
        with self._lock:
            other._new = tuple(name for name in other._limits if name not in self._ledgers)
            self._ledgers.update({name: Ledger() for name in other._new})
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
        ledger = self._ledgers.get(name)
        if ledger is None or not len(costs_usd):
            return
        at = at.astimezone(UTC)
        with self._lock:
            day = ledger.day(at.date())
            day.requests[at.hour] += len(costs_usd) if requests is None else requests
            for cost in costs_usd:  # not sum(), which rounds differently: the parts must not matter
                day.spent = max(day.spent + cost, 0.0)

    def correct(self, decision_id: str, cost_usd: float, *, instead_of: Cost | None = None) -> None:
        """Put what a decision did cost, fallbacks included, in the place of what was expected. A later correction
        replaces an earlier one.

        Args:
            instead_of: what the processes of the service count for it so far, whichever of them; by default what this
                one remembers, and nothing changes where it does not.
        """
        with self._lock:
            charged = self._charges.get(decision_id)
            if instead_of is not None and instead_of.traffic_class in self._ledgers:
                day = self._ledgers[instead_of.traffic_class].day(instead_of.at.astimezone(UTC).date())
                day.corrected += cost_usd - instead_of.usd
                if charged is not None:
                    self._charges[decision_id] = charged[0], charged[1], cost_usd
            elif charged is not None:
                self._book(decision_id, charged[0], charged[1], cost_usd)

    @property
    def shared(self) -> bool:
        """Whether other processes are heard."""
        return any(ledger.heard for ledger in self._ledgers.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that have a budget, of all routers of this process."""
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

    def prime(self, costs: Iterable[Cost]) -> None:
        """Charge what a log says was spent before this process started."""
        for cost in costs:
            self._charge(cost.decision_id, cost.traffic_class, cost.at, cost.usd)
            if cost.traffic_class in self._ledgers:
                with self._lock:
                    self._ledgers[cost.traffic_class].day(cost.at.astimezone(UTC).date()).primed += cost.usd

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
            self._prime_day(log, self._new, now, until=_midnight(now) + timedelta(days=1))
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
                self._prime_day(log, (name,), at, until=at)
            except LogError as error:
                logger.error("What %s had spent before the start is not known: %s", name, error)

    def _prime_day(self, log: EventLog, names: Sequence[str], day: datetime, *, until: datetime) -> None:
        self.prime(log.costs(_midnight(day), until=until, traffic_classes=names))

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
