"""The router as a policy: its own tables, estimates, terms and distribution, for many requests at once.

What does not change between two requests of a kind is computed once per kind and state (what is down, lambdas in force,
probes, what was learned) and gathered; later turns of sessions, which are longer and have a lane to stay on, row by row.

What differs from a router that decides these requests one by one: the embedding, labels and risks of a later turn are
those of its kind, not of the whole conversation; risks of an earlier turn do not pin a later one; and the bandit's part
of quality in a session is right to 1e-6 instead of the last bit (see ``foreseen``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation, Estimates, usual_lane
from router_ml.allocation.select import Rule, best, distribution, ranks, worths
from router_ml.arms import Arms
from router_ml.budgets import Standing
from router_ml.config import RouterConfig, TrafficClass
from router_ml.contract import Constraints
from router_ml.guardrails.limits import keeps
from router_ml.learning import OnlineLearner, versions_learned
from router_ml.offline.simulation.carried import FATES
from router_ml.offline.simulation.configured import Configured, configure, missing
from router_ml.offline.simulation.foreseen import Foreseen
from router_ml.offline.simulation.kinds import Kinds
from router_ml.offline.simulation.policies import NOTHING, Moment, Told, Weighed
from router_ml.offline.simulation.rows import Rows
from router_ml.offline.simulation.ruled import Ruled
from router_ml.offline.simulation.world import Phase, World
from router_ml.storage.bundle import Bundle
from router_ml.terms import margin_of, may_explore, may_probe, rule_in_force

Floats = NDArray[np.float64]
