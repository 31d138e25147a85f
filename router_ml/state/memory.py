"""What a running process remembers whatever bundle decides: what is down, how sessions stand, what money is
spent, which drill runs, what the log says of overrides and switches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from router_ml.config import RouterConfig
from router_ml.contract.audit import OverrideKind
from router_ml.state.budgets import Budgets
from router_ml.state.drills import Drills
from router_ml.state.followed import FollowedOverrides
from router_ml.state.health import Health
from router_ml.state.listening import Listener
from router_ml.state.sessions import Recent
from router_ml.state.sharing.switched import Switches
from router_ml.storage.spooling.recorder import Recorder


@dataclass(frozen=True)
class Memory:
    """Shared by the routers of a process, so that a lane that is down is down for all of them, a session that must stay
    private does so, they spend from one purse, they follow the same ``drills``, ``switches`` and ``overrides``, and
    what they do goes to one log by way of ``recorder``, in which ``listener`` hears of what others do."""

    health: Health
    recent: Recent
    budgets: Budgets
    drills: Drills
    switches: Switches
    overrides: FollowedOverrides
    listener: Listener
    recorder: Recorder

    @classmethod
    def of(cls, config: RouterConfig, recorder: Recorder) -> Memory:
        """An empty one, with what the log holds."""
        health, listener = Health(config.lanes), Listener(lambda: recorder.log)
        overrides = FollowedOverrides(listener.refresh)
        listener.tell(overrides.take, get_args(OverrideKind))
        drills, switches = Drills(listener), Switches(health, listener)
        listener.refresh()
        budgets = Budgets(config)
        recorder.tell(budgets.settle)
        return cls(health, Recent(), budgets, drills, switches, overrides, listener, recorder)

    def under(self, config: RouterConfig) -> Memory:
        """The same memory for a router with other lanes or budgets."""
        self.health.know(config.lanes)
        return replace(self, budgets=self.budgets.under(config))
