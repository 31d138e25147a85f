"""Requests as kinds, read and ruled by a router."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from router_ml import Router, RouteRequest
from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import estimate
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.ruling.case import build_case, contexts


def kinds_of(router: Router, requests: Sequence[RouteRequest], weight: Sequence[float] | None = None) -> Kinds:
    """What a router makes of requests; its own beliefs are the truth."""
    understood = router.understand(requests)
    cases = [
        build_case(router.config, request, seen, router.scan(request), pinned=frozenset())
        for request, seen in zip(requests, understood, strict=True)
    ]
    known = Contexts.stack([contexts(seen) for seen in understood])
    found = estimate(router.bundle.allocation if router.bundle else None, router.config.lanes, known)
    share = np.ones(len(requests)) if weight is None else np.array(weight)
    return Kinds(
        contexts=known,
        facts=tuple(case.facts for case in cases),
        constraints=tuple(request.constraints for request in requests),
        traffic_class=tuple(request.traffic_class for request in requests),
        asks_back=np.array([router.predict_route(request, seed=0).action == "clarify" for request in requests]),
        lanes=tuple(router.config.lanes),
        tokens_out=found.tokens_out,
        quality=found.belief.quality,
        cost_usd=found.cost_usd,
        latency_ms=found.latency_ms,
        cluster=np.arange(len(requests)),
        weight=share / share.sum(),
        truth="believed",
        in_sample=False,
        source="made up for a test",
    )
