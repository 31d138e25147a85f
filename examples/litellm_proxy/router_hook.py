"""What ``config.yaml`` names: one hook on one router, with the ``router.yaml`` of this folder."""

from __future__ import annotations

from pathlib import Path

from router_ml import Router
from router_ml.integrations.litellm import ProxyHook

hook = ProxyHook(Router.load(config=Path(__file__).parent / "router.yaml"), strict=True)
