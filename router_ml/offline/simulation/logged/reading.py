"""A log, read once for simulation: its arrays, what rules looked at in each decision, and every call that was made.

What is not in a record is not made up: where a record does not hold all that rules may look at, it says so, and the
lanes that were eligible then are an upper bound of those that are eligible in a simulation.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from router_ml.config import RouterConfig
from router_ml.contract import Constraints, Execution, RouteDecision
from router_ml.contract.base import is_unacted
from router_ml.errors import LogError
from router_ml.execution.lanes.failures import OF_THE_PROVIDER
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.logged.beside import Beside, Calls
from router_ml.offline.simulation.playing.carried import FATES, Fate
from router_ml.planning.plan import batch_priced
from router_ml.ruling.of_record import facts_of
from router_ml.storage.database.records import LoggedData, utc

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.views.stories import Story

_OF_ACTION: dict[str, Fate] = {
    "route": "served",
    "clarify": "asked_back",
    "human_review": "review",
    "refuse": "refused",
}
_OF_STATUS: dict[str, Fate] = {
    "answered": "served",
    "static_answer": "failed",
    "failed": "failed",
    "cancelled": "failed",
    "human_review": "review",
    "refused": "refused",
    "clarify": "asked_back",
}


@dataclass(frozen=True)
class ReadLog:
    """A log as ``read_log`` found it; ``too_recent``: decisions after ``until``, which are not here."""

    data: LoggedData
    beside: Beside
    calls: Calls
    too_recent: int = 0


def read_log(
    log: EventLog,
    config: RouterConfig,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    encoder: str | None = None,
) -> ReadLog:
    """Read decisions, outcomes and executions from ``since`` on and before ``until`` (without a zone: UTC).

    Args:
        config: whose tiers and regions the facts are read with.
        encoder: sha256 of the encoder whose embeddings are kept.

    Raises:
        LogError: the log cannot be read. EncoderMismatchError: embeddings of several encoders, and none was named.
    """
    from router_ml.storage.views.stories import stories

    data = log.logged(since, encoder=encoder)
    keep = np.ones(len(data), dtype=bool)
    if until is not None:
        keep = data.created_at < np.datetime64(utc(until), "us")
    gatherer = Gatherer(config, data.decision_ids[keep].tolist(), window=log.attribution)
    for story in stories(log, since=since, until=until):
        gatherer.add(story)
    return ReadLog(data.select(keep), gatherer.beside(), gatherer.calls(), int((~keep).sum()))


@dataclass
class _Row:
    facts: Facts
    constraints: Constraints
    ruled_again: bool
    asks_back: bool
    batch: bool
    fate: int
    told: bool
    calls: int
    failed_calls: int
    violations: int
    approval: bool
    explored: bool
    continued: bool


@dataclass
class Gatherer:
    """Collects what is beside the arrays, story by story; ``ids`` are the decisions of the arrays, in their order, and
    ``window`` how long after its decision an execution still counts."""

    config: RouterConfig
    ids: Sequence[str]
    window: timedelta
    _rows: dict[str, _Row] = field(default_factory=dict)
    _lanes: dict[str, int] = field(default_factory=dict)
    _calls: array[float] = field(default_factory=lambda: array("d"))
    _wanted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._wanted = set(self.ids)

    def add(self, story: Story) -> None:
        """One decision with what was done; what a shadow or an evaluation decided happened to nobody."""
        decision = story.decision
        if is_unacted(decision.decision_id) or decision.decision_id not in self._wanted:
            return
        latest = utc(decision.created_at) + self.window
        executions = [each for each in story.executions if each.at is None or utc(each.at) <= latest]
        counts = self._count(decision, executions)
        self._rows[decision.decision_id] = _Row(
            facts=facts_of(self.config, decision),
            constraints=decision.circumstances.constraints,
            ruled_again=_ruled_again(decision),
            asks_back=decision.action == "clarify",
            batch=batch_priced(self.config, decision),
            fate=FATES.index(_fate(decision, executions)),
            told=bool(executions),
            calls=counts[0],
            failed_calls=counts[1],
            violations=counts[2],
            approval=any(tool.approval for tool in decision.tools),
            explored=decision.explored,
            continued=decision.state.session is not None,
        )

    def _count(self, decision: RouteDecision, executions: Iterable[Execution]) -> tuple[int, int, int]:
        """Calls, failed calls and calls to lanes that were not eligible."""
        calls = failures = violations = 0
        hour = float(np.datetime64(utc(decision.created_at), "h").astype(np.int64))
        for execution in executions:
            again = execution.replanned
            eligible = again.eligible if again is not None else decision.eligible
            for hop in execution.hops:
                if not hop.called:
                    continue
                calls += 1
                failures += hop.failed
                violations += hop.lane not in eligible
                ours = hop.kind in OF_THE_PROVIDER or (hop.kind is None and hop.error is not None)
                number = self._lanes.setdefault(hop.lane, len(self._lanes))
                timed_out = hop.kind == "timeout"
                self._calls.extend((number, hour, ours, timed_out, hop.latency_ms, hop.tokens_out))
        return calls, failures, violations

    def beside(self) -> Beside:
        """All that was added, in the order of ``ids``.

        Raises:
            LogError: a decision of ``ids`` was never added.
        """
        if missing := sum(name not in self._rows for name in self.ids):
            raise LogError(f"{missing} decisions went while the log was read. Read it again.")
        rows = [self._rows[name] for name in self.ids]
        columns: dict[str, Any] = {item.name: [getattr(row, item.name) for row in rows] for item in fields(_Row)}
        kinds = {"fate": np.int64, "calls": np.int64, "failed_calls": np.int64, "violations": np.int64}
        found: dict[str, Any] = {name: tuple(columns.pop(name)) for name in ("facts", "constraints")}
        found |= {name: np.array(column, dtype=kinds.get(name, np.bool_)) for name, column in columns.items()}
        return Beside(**found)

    def calls(self) -> Calls:
        """Every call."""
        table = np.frombuffer(self._calls).reshape(-1, 6) if self._calls else np.zeros((0, 6))
        lane, hour, failed, timed_out, latency, tokens = table.T
        return Calls(
            lanes=tuple(self._lanes),
            lane=lane.astype(np.int64),
            hour=hour.astype(np.int64),
            failed=failed > 0,
            timed_out=timed_out > 0,
            latency_ms=latency.copy(),
            tokens_out=tokens.copy(),
        )


def _ruled_again(decision: RouteDecision) -> bool:
    """Whether the record holds all that rules looked at."""
    hidden = any(finding.part.startswith("metadata") for finding in decision.findings)
    return not hidden and decision.guard_state != "unknown" and "circumstances" in decision.model_fields_set


def _fate(decision: RouteDecision, executions: Sequence[Execution]) -> Fate:
    """What the latest execution says, else what was decided."""
    for execution in reversed(executions):
        if execution.final_lane is not None:
            return "served"
        if execution.status is not None:
            return _OF_STATUS[execution.status]
    return _OF_ACTION[decision.action]
