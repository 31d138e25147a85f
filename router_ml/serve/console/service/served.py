"""What this process serves, and what the registry says of it."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router_ml.errors import RegistryError, RouterError
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.storage.loading import MODEL_VARIABLE

if TYPE_CHECKING:
    from router_ml.rollout.status import Status
    from router_ml.serve.gateway import Gateway

FRESH_S = 10.0
LINEAGE = ("parent", "outcomes_from_pack", "outcomes_from_log", "decisions_fitted", "since", "until", "org")
_NAME = re.compile(r"models:/([^/@:]+)")
_looked: dict[tuple[str, str | None], tuple[float | None, Registered]] = {}
_looking = threading.Lock()


@dataclass(frozen=True)
class Arm:
    """A bundle that decides, or shadows. ``version``: None where it comes from no registry; ``share``: of sessions;
    ``created_at``: the day; ``lineage``: what its manifest says that it was made from."""

    name: str
    version: str | None
    share: float | None
    bundle: str
    created_at: str | None
    lineage: Mapping[str, Any]


@dataclass(frozen=True)
class Registered:
    """A version in the registry by row; ``problem``: None, or why there are none."""

    rows: tuple[Mapping[str, Any], ...] = ()
    problem: str | None = None


def routers(gateway: Gateway) -> list[Router]:
    """Those of all arms, the champion's first."""
    serving = gateway.router
    return [one.router for one in serving.serving()] if isinstance(serving, Rollout) else [serving]


def arms(gateway: Gateway) -> list[Arm]:
    """What decides and shadows here."""
    serving = gateway.router
    if not isinstance(serving, Rollout):
        return [_arm("champion", serving.rules.base.versions.registry, 1.0, serving)]
    status = serving.status()
    named = {version: arm for arm, version in status.versions.items() if version is not None}
    return [
        _arm(arm := named.get(one.version, "champion"), one.version, status.shares.get(arm), one.router)
        for one in serving.serving()
    ]


def _arm(name: str, version: str | None, share: float | None, router: Router) -> Arm:
    bundle = router.bundle
    made = {} if bundle is None else bundle.manifest.training
    created = None if bundle is None else bundle.manifest.created_at[:10]
    learned = {key: made[key] for key in LINEAGE if made.get(key) is not None}
    return Arm(name, version, share, router.rules.base.versions.bundle, created, learned)


def status_of(gateway: Gateway) -> Status | None:
    """How a rollout stands; None where a single router serves."""
    return gateway.router.status() if isinstance(gateway.router, Rollout) else None


def model_name(gateway: Gateway) -> str | None:
    """The registered model that is served; None where it comes from no registry."""
    found = _NAME.match(gateway.settings.model or os.environ.get(MODEL_VARIABLE) or "")
    return found[1] if found else None


def registered(gateway: Gateway) -> Registered:
    """The versions of the model, newest first, as of some seconds ago; nothing is raised."""
    name, store = model_name(gateway), gateway.settings.tracking_uri
    if name is None:
        return Registered(problem="What is served comes from no registry, so there are no versions to compare.")
    at, found = _looked.get(
        (name, store), (None, Registered(problem="The registry is being asked. Reload in a moment."))
    )
    if (at is None or time.monotonic() - at >= FRESH_S) and _looking.acquire(blocking=False):
        try:  # one waits for a slow registry, the others see what was found last
            found = _read(name, store)
            _looked[name, store] = time.monotonic(), found
        finally:
            _looking.release()
    return found


def _read(name: str, store: str | None) -> Registered:
    try:
        from router_ml.storage.registry import versions
        from router_ml.storage.registry.consent import APPROVED
        from router_ml.storage.registry.scene import STAGE
        from router_ml.storage.registry.standing import ALIASES
        from router_ml.storage.registry.verdicts import AGAINST, VERDICT

        rows = tuple(
            {
                "version": one.version,
                "aliases": [alias for alias in ALIASES if alias in one.aliases],
                "stage": one.tags.get(STAGE),
                "verdict": one.tags.get(VERDICT),
                "against": one.tags.get(AGAINST),
                "approved_by": sorted(_who(value) for key, value in one.tags.items() if key.startswith(APPROVED)),
                "bundle": one.bundle,
                "run_id": one.run_id,
            }
            for one in versions(name, tracking_uri=store)
        )
    except (RegistryError, RouterError) as error:
        return Registered(problem=str(error))
    return Registered(rows)


def _who(tag: str) -> str:
    try:
        return str(json.loads(tag)["who"])
    except (ValueError, KeyError, TypeError):
        return "somebody"
