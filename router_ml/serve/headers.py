"""What a decision says in the headers of an answer, so that a proxy or a dashboard need not read the body."""

from __future__ import annotations

from urllib.parse import quote

from router_ml.contract import RouteDecision

PREFIX = "x-router-ml-"
_PLAIN = " !#$&'()*+,/:;<=>?@[]^`{|}~"
"""What stays as it is beside letters and digits; the rest, as a line break or a letter outside ASCII, is escaped."""


def of_decision(decision: RouteDecision) -> dict[str, str]:
    """``x-router-ml-decision-id``, ``-action``, ``-route``, ``-class``, ``-risk-tier``, ``-bundle``, ``-arm``,
    ``-trace-id``, where there is one ``-lane``, and ``-degraded`` with why, where it was decided by rules alone."""
    degraded = decision.state.degraded
    said = {
        "decision-id": decision.decision_id,
        "action": decision.action,
        "lane": decision.lane,
        "route": decision.route,
        "class": decision.traffic_class,
        "risk-tier": decision.risk_tier,
        "bundle": decision.versions.bundle,
        "arm": decision.state.arm,
        "trace-id": decision.trace_id,
        "degraded": degraded.why if degraded is not None else None,
    }
    return {PREFIX + name: quote(value, safe=_PLAIN) for name, value in said.items() if value is not None}
