"""Fingerprints of what the results of a run depend on, as far as somebody takes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from pydantic import JsonValue

from router_ml.config import RouterConfig
from router_ml.router import Router
from training.evals.suite import Suite


def dependencies_of(config: RouterConfig, suites: Sequence[Suite], router: Router | None) -> JsonValue:
    """By kind, as far as it is known before anything is asked."""
    lanes = {name: _digest(lane.model_dump(mode="json")) for name, lane in config.lanes.items()}
    found: dict[str, JsonValue] = {"lanes": dict(lanes), "suites": {one.name: one.digest for one in suites}}
    if router is not None:
        versions = router.rules.base.versions
        found |= {"policy_sha256": versions.policy_sha256, "bundle": versions.bundle}
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
