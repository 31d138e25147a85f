"""What the arrays of a log do not hold of its decisions: facts that rules look at, how requests ended, every call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Constraints
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.storage.database.records import LoggedData


@dataclass(frozen=True)
class Calls:
    """Every call that executions tell of, oldest decision first, (c,) each: ``lane`` (index into ``lanes``), ``hour``
    (of the decision since 1970), ``failed`` (in a way that says something of the lane), ``timed_out``, ``latency_ms``,
    ``tokens_out``."""

    lanes: tuple[str, ...]
    lane: NDArray[np.int64]
    hour: NDArray[np.int64]
    failed: NDArray[np.bool_]
    timed_out: NDArray[np.bool_]
    latency_ms: NDArray[np.float64]
    tokens_out: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.lane)


@dataclass(frozen=True)
class Beside:
    """What arrays of a log do not hold, of each decision (n,): what rules look at (``facts``, ``constraints``),
    ``ruled_again`` (whether the record holds all of it), ``asks_back``, ``batch`` (decided at batch prices), ``fate``
    (index into ``FATES``), ``told`` (whether an execution says so), ``calls``, ``failed_calls``, ``violations`` (calls
    to a lane that was not eligible), ``approval`` (people had to approve what a tool would change), ``explored``,
    ``continued`` (it was a later turn of a session)."""

    facts: tuple[Facts, ...]
    constraints: tuple[Constraints, ...]
    ruled_again: NDArray[np.bool_]
    asks_back: NDArray[np.bool_]
    batch: NDArray[np.bool_]
    fate: NDArray[np.int64]
    told: NDArray[np.bool_]
    calls: NDArray[np.int64]
    failed_calls: NDArray[np.int64]
    violations: NDArray[np.int64]
    approval: NDArray[np.bool_]
    explored: NDArray[np.bool_]
    continued: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.facts)

    def select(self, rows: NDArray[Any]) -> Beside:
        """The same of ``rows`` alone: a mask (n,) or indices."""
        kept = np.flatnonzero(rows).tolist() if rows.dtype == bool else rows.tolist()
        values: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        chosen: dict[str, Any] = {
            name: v[rows] if isinstance(v, np.ndarray) else tuple(v[at] for at in kept) for name, v in values.items()
        }
        return Beside(**chosen)


def facts_alone(data: LoggedData) -> Beside:
    """The same from the arrays of a log alone, without its records: what rules left then stands for all rules."""
    count = len(data)
    facts = tuple(
        Facts(
            intent=str(data.intent[row]),
            domain=str(data.domain[row]),
            mode="chat",
            channel="api",
            org=str(data.org[row]) or None,
            region=None,
            risks=frozenset(),
            tier=data.risk_tier[row],
            findings=frozenset(),
            guard_state="clean",
            tools=(),
            write_tool=False,
            language_validated=True,
            language=str(data.language[row]),
        )
        for row in range(count)
    )
    none = np.zeros(count, dtype=np.int64)
    return Beside(
        facts=facts,
        constraints=(Constraints(),) * count,
        ruled_again=np.zeros(count, dtype=bool),
        asks_back=np.zeros(count, dtype=bool),
        batch=np.zeros(count, dtype=bool),
        fate=np.where(data.action >= 0, FATES.index("served"), FATES.index("no_lane")),
        told=np.zeros(count, dtype=bool),
        calls=(data.action >= 0).astype(np.int64),
        failed_calls=none,
        violations=none.copy(),
        approval=np.zeros(count, dtype=bool),
        explored=np.zeros(count, dtype=bool),
        continued=np.zeros(count, dtype=bool),
    )
