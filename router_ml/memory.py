"""What a running process remembers whatever bundle decides: what is down, how sessions stand, what money is
spent, which drill runs."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.budgets import Budgets
from router_ml.config import RouterConfig
from router_ml.drills import Drills
from router_ml.health import Health
from router_ml.sessions import Recent
from router_ml.storage.recorder import Recorder


@dataclass(frozen=True)
class Memory:
    """Shared by the routers of a process, so that a lane that is down is down for all of them, a session that must stay
    private does so, they spend from one purse, they follow the same ``drills``, and what they do goes to one log by way
    of ``recorder``."""

    health: Health
    recent: Recent
    budgets: Budgets
    drills: Drills
    recorder: Recorder

    @classmethod
    def of(cls, config: RouterConfig, recorder: Recorder) -> Memory:
        """An empty one."""
        return cls(Health(config.lanes), Recent(), Budgets(config), Drills(lambda: recorder.log), recorder)

    def under(self, config: RouterConfig) -> Memory:
        """The same memory for a router with other lanes or budgets."""
        self.health.know(config.lanes)
        return Memory(self.health, self.recent, self.budgets.under(config), self.drills, self.recorder)
