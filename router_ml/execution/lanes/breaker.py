"""A circuit breaker: when something that fails is left alone, and when it is tried again.

A pure state machine: the state and the time go in, the next state comes out. It neither waits nor locks, so that a
simulator can run it, too.

    closed -- too many failures --> open -- the pause is over --> half open -- a probe succeeds --> closed
                                     ^                               |
                                     +------ a probe fails: the pause doubles

>>> from router_ml.config.execution import Breaker
>>> rules, state = Breaker(failures=2, open_ms=1000), BreakerState()
>>> for now_ms in (0.0, 10.0):
...     state = record(state, False, now_ms, rules=rules)
>>> state.phase, allow(state, 500.0, rules=rules)[0]
('open', False)
>>> allowed, state = allow(state, 1010.0, rules=rules)
>>> allowed, state.phase, record(state, True, 1050.0, rules=rules).phase
(True, 'half_open', 'closed')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from router_ml.config.execution import Breaker

Phase = Literal["closed", "open", "half_open"]

_SLICES = 10
"""Parts of the window: what was counted leaves it one part at a time."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    """``in_a_row``: failures since the last success; ``counts``: (part of time, calls, failures) within the window;
    ``until_ms``: end of the pause; ``pause_ms``: its length; ``probing``: probes that are on their way; ``turn``: how
    often the phase has changed, so that a call that was made before is known when it ends."""

    phase: Phase = "closed"
    in_a_row: int = 0
    counts: tuple[tuple[int, int, int], ...] = ()
    until_ms: float = 0.0
    pause_ms: float = 0.0
    probing: int = 0
    turn: int = 0


def ready(state: BreakerState, now_ms: float, *, rules: Breaker) -> bool:
    """Whether a call would be let through now."""
    if state.phase == "open":
        return now_ms >= state.until_ms
    return state.phase == "closed" or state.probing < rules.probes


def allow(state: BreakerState, now_ms: float, *, rules: Breaker) -> tuple[bool, BreakerState]:
    """Whether a call may be made, and the state with it. Each that may has to be ended by ``record``."""
    if not ready(state, now_ms, rules=rules):
        return False, state
    if state.phase == "closed":
        return True, state
    if state.phase == "open":
        return True, replace(state, phase="half_open", probing=1, turn=state.turn + 1)
    return True, replace(state, probing=state.probing + 1)


def record(
    state: BreakerState,
    ok: bool | None,
    now_ms: float,
    *,
    rules: Breaker,
    turn: int | None = None,
    may_open: bool = True,
) -> BreakerState:
    """The state after a call ended.

    Args:
        ok: whether it went well; None where it says nothing, as when it was cancelled.
        turn: ``state.turn`` when the call was allowed. What was allowed in another phase says nothing of this one.
        may_open: false counts a failure without opening for it, as while only one lane of a provider fails.
    """
    if state.phase == "open" or (turn is not None and turn != state.turn):
        return state
    if state.phase == "half_open":
        return _probed(state, ok, now_ms, rules=rules)
    if ok is None:
        return state
    counts = _counted(state.counts, ok, now_ms, rules.window_ms / _SLICES)
    after = replace(state, in_a_row=0 if ok else state.in_a_row + 1, counts=counts)
    if ok or not may_open or not _too_many(after, rules):
        return after
    return _opened(after, rules.open_ms, now_ms)


def passed(
    state: BreakerState, ended: Sequence[tuple[float, int]], *, rules: Breaker, turn: int | None = None
) -> BreakerState:
    """The state after calls that all went well: ``record`` for each of them, in one step.

    Args:
        ended: how many ended at each time; the last not before what was recorded earlier.
    """
    ended = [(now_ms, count) for now_ms, count in ended if count > 0]
    while ended and state.phase != "closed":
        (now_ms, count), *rest = ended
        after = record(state, True, now_ms, rules=rules, turn=turn)
        if after is state:
            return state
        state, ended = after, [(now_ms, count - 1), *rest] if count > 1 else rest
    if not ended or (turn is not None and turn != state.turn):
        return state
    slice_ms = rules.window_ms / _SLICES
    counted = {at: (calls, failures) for at, calls, failures in state.counts}
    for now_ms, count in ended:
        calls, failures = counted.get(at := int(now_ms // slice_ms), (0, 0))
        counted[at] = calls + count, failures
    oldest = max(counted) - _SLICES
    counts = tuple((at, *counted[at]) for at in sorted(counted) if at > oldest)
    return BreakerState("closed", 0, counts, state.until_ms, state.pause_ms, state.probing, state.turn)


def doubted(state: BreakerState, now_ms: float, *, rules: Breaker) -> BreakerState:
    """The state of a breaker whose next calls are probes, since somebody else says that they would fail; one that knows
    of failures itself stays as it is."""
    return _opened(state, rules.open_ms, now_ms - rules.open_ms) if state.phase == "closed" else state


def _probed(state: BreakerState, ok: bool | None, now_ms: float, *, rules: Breaker) -> BreakerState:
    if ok is None:
        return replace(state, probing=max(state.probing - 1, 0))
    if ok:
        return BreakerState(turn=state.turn + 1)
    return _opened(state, min(state.pause_ms * 2, rules.max_open_ms), now_ms)


def _opened(state: BreakerState, pause_ms: float, now_ms: float) -> BreakerState:
    return BreakerState(phase="open", until_ms=now_ms + pause_ms, pause_ms=pause_ms, turn=state.turn + 1)


def _counted(
    counts: tuple[tuple[int, int, int], ...], ok: bool, now_ms: float, slice_ms: float
) -> tuple[tuple[int, int, int], ...]:
    at, failed = int(now_ms // slice_ms), 0 if ok else 1
    if counts and counts[-1][0] == at:
        _, calls, failures = counts[-1]
        return (*counts[:-1], (at, calls + 1, failures + failed))
    kept = tuple(one for one in counts if one[0] > at - _SLICES)
    return (*kept, (at, 1, failed))


def _too_many(state: BreakerState, rules: Breaker) -> bool:
    calls = sum(calls for _, calls, _ in state.counts)
    failures = sum(failures for _, _, failures in state.counts)
    return state.in_a_row >= rules.failures or (calls >= rules.least and failures >= rules.share * calls)
