"""What is known of a decision, in one place: how it was made, what was done with it, and what was learned later."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.contract import Execution, Outcome, RouteDecision


@dataclass(frozen=True)
class Story:
    """One decision with its executions, oldest first, and its outcomes, the latest of each source, oldest first."""

    decision: RouteDecision
    executions: tuple[Execution, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
