"""One request that is carried out call by call, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.contract import FailureKind, Fallback
from router_ml.execution.fallback import Tried
from router_ml.execution.lanes.watch import Ticket
from router_ml.offline.simulation.playing.calls import Calls
from router_ml.planning.plan import fallback

if TYPE_CHECKING:
    from router_ml.offline.simulation.playing.blocks import Block

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Planned:
    """What of a decision the fallback reads."""

    lane: str | None
    fallback: Fallback


@dataclass
class Flight:
    """One request under way. ``ranking``: lanes from the first on; ``worth``: by lane; ``gone``: lanes that it has seen
    down; ``charged_at``: by the clock of budgets, so that a correction goes to the same day;
    ``seconds``: of the first call, where that does not fail; ``todo`` comes at ``at_s``."""

    row: int
    number: int
    kind: int
    traffic_class: int
    arrived_s: float
    deadline_s: float
    eligible: Bools
    worth: NDArray[np.float64]
    first: int
    exploit: int
    fails: float
    slow: float
    seconds: float
    first_fails: bool
    incumbent: int
    held: int
    cached: int
    batched: bool
    charged_usd: float
    charged_at: datetime
    propensities: NDArray[np.float64]
    block: Block
    tried: tuple[Tried, ...] = ()
    gone: frozenset[int] = frozenset()
    todo: Literal["call", "let in", "end", "over"] = "call"
    at_s: float = 0.0
    lane: int = -1
    began_s: float = 0.0
    asked_s: float = 0.0
    kind_of_end: FailureKind | None = None
    ticket: Ticket | None = None
    quiet: bool = False
    turn: int = 0
    calls: int = 0
    failed: int = 0
    violations: int = 0
    cost_usd: float = 0.0
    final: int = -1
    quality: float = float("nan")

    @property
    def took_s(self) -> float:
        """Until it ended; of one that was answered at once to the last bit what its call took."""
        at_once = not self.tried and self.began_s == self.arrived_s
        return self.seconds if at_once else self.at_s - self.arrived_s

    @property
    def left_s(self) -> float:
        """Until its deadline, when ``todo`` comes."""
        return self.deadline_s - (self.at_s - self.arrived_s)


@dataclass
class Sky:
    """What holds now, for all flights. ``down``: (L,) what was told; ``config``: of the policy, with the lanes of the
    phase; ``falls_back``: what fails goes to other lanes."""

    names: Sequence[str]
    calls: Calls
    config: RouterConfig
    falls_back: bool
    down: Bools
    now_s: float = 0.0
    plans: dict[tuple[int, ...], Planned] = field(default_factory=dict)

    def planned(self, ranking: tuple[int, ...]) -> Planned:
        """The plan of a ranking."""
        if ranking not in self.plans:
            names = [self.names[lane] for lane in ranking]
            self.plans[ranking] = Planned(names[0], fallback(self.config, names))
        return self.plans[ranking]
