"""Which step comes next. Pure: what has been tried goes in, a step or nothing comes out.

A failure that may pass (timeout, rate limit, server error, dropped connection, empty or malformed answer) takes the
steps of its rule, the same lane again where they name it, after a pause. One that would come again (refusal, content
filter, withheld, truncated, broken shape, 401, too long, tool loop) takes them without it. Where no call was made
(unavailable, not allowed, over budget) the steps of ``on_error`` follow at once. Deadline and cancellation end it.

A step that could not be made because a rule or a breaker took its lane away is made up for by another eligible lane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from router_ml.contract import FailureKind, Fallback, RouteDecision, Step
from router_ml.execution.lanes.failures import RULE_OF

TRANSIENT: frozenset[FailureKind] = frozenset(
    ("timeout", "rate_limit", "server_error", "connection", "malformed", "empty")
)
"""Failures that the same lane may not have the next time."""
NOT_MADE: frozenset[FailureKind] = frozenset(("unavailable", "not_allowed"))
"""Steps that were not taken, since the lane may not or cannot be called now."""


@dataclass(frozen=True)
class Tried:
    """A step that failed, and why; ``retry_after_ms``: how long the lane asked to be left alone; ``final``: it would
    not have this request another time either."""

    lane: str
    kind: FailureKind
    retry_after_ms: float | None = None
    final: bool = False


class Planned(Protocol):
    """What of a decision its fallback follows from."""

    @property
    def lane(self) -> str | None:
        """The first lane."""
        ...

    @property
    def fallback(self) -> Fallback:
        """The steps after it."""
        ...


def next_step(
    decision: Planned,
    tried: Sequence[Tried],
    *,
    max_retry_after_ms: float = float("inf"),
    left_ms: float = float("inf"),
) -> Step | None:
    """The step after those that failed, by the rule of the last failure; None where nothing of the plan is left.

    A lane is taken as often as the rule gives it attempts, beside the first call that the decision itself planned.
    ``backoff_ms`` of what is returned is the pause to make now: none before a lane that was not called yet; then that
    of the step, twice as long each time, and at least as long as the lane asked for.

    Args:
        max_retry_after_ms: a lane that asks for a longer pause is not taken again.
        left_ms: until the deadline; nor is one whose pause would not end before it.
    """
    if not tried:
        return Step(lane=decision.lane) if decision.lane is not None else None
    rule = rule_of(tried[-1].kind)
    if rule is None:
        return None
    used = Counter(one.lane for one in tried[1:])
    called = Counter(one.lane for one in tried if one.kind not in NOT_MADE)
    gone = {one.lane for one in tried if one.final or one.kind not in TRANSIENT}
    asked = {one.lane: one.retry_after_ms or 0.0 for one in tried}
    for step in getattr(decision.fallback, rule):
        if step.lane in gone or used[step.lane] >= step.attempts:
            continue
        again = called[step.lane]
        pause = max(step.backoff_ms * 2 ** (again - 1), asked[step.lane]) if again else 0.0
        if again and (asked[step.lane] > max_retry_after_ms or pause >= left_ms):
            continue
        return Step(lane=step.lane, backoff_ms=pause)
    return None


def rule_of(kind: FailureKind) -> str | None:
    """The rule of the fallback that a failure belongs to; None where it ends the request. What one lane is too dear for
    another may still be cheap enough for."""
    return "on_error" if kind == "over_budget" else RULE_OF.get(kind)


def substitute(decision: RouteDecision, tried: Sequence[Tried], lanes: Sequence[str]) -> Step | None:
    """An eligible lane outside the plan for a step that could not be made, the one of the best utility; None where each
    has been made up for, or none is left.

    Args:
        lanes: that the rules still leave, as ``Still.lanes``.
    """
    return stand_in(decision, tried, lanes, worth=lambda lane: _utility(decision, lane))


def stand_in(
    decision: Planned, tried: Sequence[Tried], lanes: Sequence[str], *, worth: Callable[[str], float]
) -> Step | None:
    """``substitute``, where ``worth`` says what a lane is worth to the request."""
    if not tried or rule_of(tried[-1].kind) is None:
        return None
    planned = {decision.lane, *decision.fallback.lanes()}
    missed = {one.lane for one in tried if one.kind in NOT_MADE}
    stood_in = {one.lane for one in tried} - planned
    left = [lane for lane in lanes if lane not in {one.lane for one in tried}]
    if len(stood_in) >= len(missed) or not left:
        return None
    return Step(lane=max(left, key=lambda lane: (worth(lane), lane)))


def _utility(decision: RouteDecision, lane: str) -> float:
    known = decision.estimates.get(lane)
    return float("-inf") if known is None else known.quality - decision.quality_per_usd * known.cost_usd
