"""Which step comes next. Pure: what has been tried goes in, a step or nothing comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from router_ml.contract import FailureKind, RouteDecision, Step
from router_ml.execution.failures import RULE_OF


@dataclass(frozen=True)
class Tried:
    """A step that failed, and why."""

    lane: str
    kind: FailureKind


def next_step(decision: RouteDecision, tried: Sequence[Tried]) -> Step | None:
    """The step after those that failed, by the rule of the last failure; None where nothing is left.

    A lane is taken as often as the rule gives it attempts, beside the first call that the decision itself planned. A
    lane that a hard rule took away is not taken again.
    """
    if not tried:
        return Step(lane=decision.lane) if decision.lane is not None else None
    rule = RULE_OF.get(tried[-1].kind)
    if rule is None:
        return None
    used = Counter(one.lane for one in tried[1:])
    gone = {one.lane for one in tried if one.kind in ("not_allowed", "unavailable")}
    steps: tuple[Step, ...] = getattr(decision.fallback, rule)
    return next((step for step in steps if step.lane not in gone and used[step.lane] < step.attempts), None)
