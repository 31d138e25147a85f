"""What drills share: eight lanes on a fault server, two tools that count, three passages, requests of each shape."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router_ml import Router
from router_ml.config import RouterConfig, load_config
from router_ml.contract import Decoding
from router_ml.execution import Executor
from router_ml.execution.lanes.calls import LaneCall, Lanes, LiteLLMLanes
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.tools.toolbox import ToolFunction
from router_ml.faults import FaultServer, faulty_config
from router_ml.storage.eventlog import EventLog

CONFIG = Path(__file__).with_name("router.yaml")
EU = {"regions": ["eu"]}
"""Five of the eight lanes are in the EU, so that each request has three that it must never reach."""

ASK = "Refund order 8812 and tell the customer."
PERSON, LABELS = "person", ("billing", "delivery", "other")
SHAPES: dict[str, dict[str, Any]] = {
    "text": {"output_contract": "text"},
    "json": {"output_contract": PERSON},
    "label": {"output_contract": "topic"},
    "cited": {"output_contract": "cited", "channel": "web"},
    "tools": {"output_contract": "text", "allowed_tools": ["refund"]},
    "stream": {"output_contract": "text"},
}


@dataclass
class Ledger:
    """What the tools did, counted where it is done."""

    refunds: Counter[str] = field(default_factory=Counter)
    lookups: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refund(self, order_id: str) -> dict[str, Any]:
        """Pay."""
        with self._lock:
            self.refunds[order_id] += 1
        return {"order": order_id, "refunded": True}

    def order_lookup(self, order_id: str) -> dict[str, Any]:
        """Read."""
        with self._lock:
            self.lookups[order_id] += 1
        return {"order": order_id, "state": "delivered"}

    def functions(self) -> Mapping[str, ToolFunction]:
        """The tools by name."""
        return {"refund": self.refund, "order_lookup": self.order_lookup}


class Shelf:
    """A retriever that always finds the same."""

    passages = (
        Passage("refunds.md#0", "Refunds take five days.", 0.9),
        Passage("refunds.md#1", "A refund goes to the card that paid.", 0.8),
        Passage("orders.md#0", "An order can be changed until it is packed.", 0.4),
    )

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        """The same passages for any query."""
        return list(self.passages[:top_k])


def config_on(server: FaultServer, **changes: Any) -> RouterConfig:
    """The configuration of the drills with its lanes on a server; ``changes`` replace sections."""
    return faulty_config(server, load_config(CONFIG)).model_copy(update=changes)


def executor_on(
    config: RouterConfig, *, ledger: Ledger | None = None, log: EventLog | None = None, lanes: Lanes | None = None
) -> Executor:
    """An executor on a router of its own, so that no breaker and no pause of another drill is felt."""
    from router_ml.execution.tools.toolbox import ConfiguredTools

    tools = ConfiguredTools(config, (ledger or Ledger()).functions())
    return Executor(Router(config, log=log), tools=tools, retrievers={"help_center": Shelf()}, lanes=lanes)


async def warm_up(config: RouterConfig) -> None:
    """Call each lane once: clients are loaded with their first call, which takes longer than the drills have patience
    for."""
    lanes = LiteLLMLanes(config.lanes)
    for name in config.lanes:
        await lanes.call(LaneCall(name, [{"role": "user", "content": "Hello."}], Decoding(), 30.0))
