"""How a lane or provider is not well, for whoever asks: other processes, and people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router_ml.execution.lanes.breaker import BreakerState


@dataclass(frozen=True)
class Trouble:
    """How a lane or provider is not well: left alone for ``left_s`` seconds more (``open``), being tried again
    (``probing``), or to be tried by the next request (``waiting``)."""

    phase: Literal["open", "probing", "waiting"]
    left_s: float = 0.0


def trouble_of(states: Sequence[BreakerState], rest: tuple[float, bool] | None, now_ms: float) -> Trouble | None:
    """Of one lane; None where it is well.

    Args:
        states: of its breakers. rest: until when its provider asked to be left alone, and whether that is long.
    """
    ends = [state.until_ms for state in states if state.phase == "open"]
    if rest is not None and rest[1]:
        ends.append(rest[0])
    left = max([end - now_ms for end in ends], default=0.0)
    if left > 0:
        return Trouble("open", left / 1000)
    if any(state.phase == "half_open" for state in states):
        return Trouble("probing")
    return Trouble("waiting") if any(state.phase == "open" for state in states) else None
