"""The router inside LiteLLM: a hook for its proxy, and a plugin for ``litellm.Router``.

    # router_hook.py, beside the proxy's config.yaml, which names it: litellm_settings: {callbacks: router_hook.hook}
    from router_ml.integrations.litellm import ProxyHook
    hook = ProxyHook(Router.load())

    # litellm.Router in a program
    plugin = LanePlugin(Router.load())
    router = litellm.Router(model_list=deployments(config, name="router"), plugins=[plugin])
    litellm.callbacks.append(plugin.log)

LiteLLM makes the calls then: its retries, its fallbacks, its streams. What it has no place for is not carried out:
retrieval, tools of ``router.yaml``, repair of an answer. The executor does all of that.
"""

from __future__ import annotations

import os
from typing import Any

from router_ml.config import RouterConfig
from router_ml.errors import MissingExtraError

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
try:
    import litellm  # noqa: F401 - what follows needs it

    from router_ml.integrations.litellm_hook import ProxyHook
    from router_ml.integrations.litellm_plugin import LanePlugin
except ImportError:
    raise MissingExtraError("litellm", "integrations") from None

__all__ = ["LanePlugin", "ProxyHook", "deployments"]


def deployments(config: RouterConfig, *, name: str | None = None) -> list[dict[str, Any]]:
    """The lanes as a ``model_list`` of LiteLLM, keys by the name of their environment variable.

    Args:
        name: of the one group that holds all lanes, as ``LanePlugin`` needs it; None: a group per lane with its name,
            as ``ProxyHook`` needs it.
    """
    return [
        {"model_name": name or lane, "litellm_params": _params(place.model, place.endpoint)}
        for lane, place in config.lanes.items()
        if place.enabled
    ]


def _params(model: str, endpoint: Any) -> dict[str, Any]:
    base = endpoint.base_url or (f"os.environ/{endpoint.base_url_env}" if endpoint.base_url_env else None)
    key = f"os.environ/{endpoint.key_env}" if endpoint.key_env else None
    said = {"model": model, "api_base": base, "api_key": key, "timeout": endpoint.timeout_ms / 1000}
    return {name: value for name, value in said.items() if value is not None}
