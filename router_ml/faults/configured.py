"""A ``router.yaml`` whose lanes are all on a fault server."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_ml.config import Lane, RouterConfig
    from router_ml.faults.server import FaultServer

KEY_ENV = "ROUTER_ML_FAULTS_KEY"
_SPOKEN = ("openai", "hosted_vllm", "anthropic")


def faulty_config(server: FaultServer, base: RouterConfig) -> RouterConfig:
    """The configuration with every lane called on the server.

    OpenAI, Anthropic and vLLM lanes keep their vendor's shape, others take OpenAI's. A lane keeps its model's name,
    which is that of its script, unless two lanes share one: then each is called by its own. Vendors' clients insist on
    a key, so ``$ROUTER_ML_FAULTS_KEY`` is set where it is not.
    """
    os.environ.setdefault(KEY_ENV, "no-secret")
    shared = Counter(_tail(lane.model) for lane in base.lanes.values())
    lanes = {
        name: _on(server, lane, name if shared[_tail(lane.model)] > 1 else "") for name, lane in base.lanes.items()
    }
    return base.model_copy(update={"lanes": lanes})


def model_of(lane: Lane) -> str:
    """The name by which the server knows the model of a lane."""
    return _tail(lane.model)


def _on(server: FaultServer, lane: Lane, name: str) -> Lane:
    vendor = lane.model.partition("/")[0]
    vendor = vendor if vendor in _SPOKEN else "openai"
    base = server.anthropic_url if vendor == "anthropic" else server.openai_url
    endpoint = lane.endpoint.model_copy(update={"base_url": base, "base_url_env": None, "key_env": KEY_ENV})
    return lane.model_copy(update={"model": f"{vendor}/{name or _tail(lane.model)}", "endpoint": endpoint})


def _tail(model: str) -> str:
    return model.partition("/")[2] or model
