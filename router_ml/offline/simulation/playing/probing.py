"""Probes that a policy owes to lanes nobody has learned: which requests use them up."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.policies.policy import Policy
from router_ml.offline.simulation.traffic.rows import Rows
from router_ml.state.arms import Arms


@runtime_checkable
class Prober(Protocol):
    """A policy that owes probes; ``took`` counts requests that went to lanes (n,) until one is owed no more."""

    arms: Arms

    def took(self, rows: Rows, lane: NDArray[np.int64]) -> int:
        """How many were counted."""
        ...


class Probing:
    """Counts what a policy sends out; nothing where it owes no probes."""

    def __init__(self, policy: Prober | None) -> None:
        self._policy = policy

    def peek(self, rows: Rows, lane: NDArray[np.int64]) -> int:
        """How many of these requests, in order, leave what is owed as it is, the one that changes it included."""
        policy = self._policy
        if policy is None or not policy.arms.owed:
            return len(rows)
        before = policy.arms.state()
        counted = policy.took(rows, lane)
        policy.arms.restore(before)
        return counted

    def count(self, rows: Rows, lane: NDArray[np.int64]) -> bool:
        """Count requests that were sent out; whether that changes what is owed."""
        policy = self._policy
        if policy is None or not (before := policy.arms.owed):
            return False
        policy.took(rows, lane)
        return policy.arms.owed != before


def probing(policy: Policy) -> Probing:
    """What counts the probes of a policy."""
    return Probing(policy if isinstance(policy, Prober) else None)
