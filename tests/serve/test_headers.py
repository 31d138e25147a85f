"""What a decision says in headers: names for programs, and nothing that a header cannot hold."""

from __future__ import annotations

from collections.abc import Callable

from router_ml.contract import RouteDecision
from router_ml.serve.headers import of_decision


def test_they_say_where_a_request_goes(make_decision: Callable[..., RouteDecision]) -> None:
    assert of_decision(make_decision()) == {
        "x-router-ml-decision-id": "dec-1",
        "x-router-ml-action": "route",
        "x-router-ml-lane": "balanced",
        "x-router-ml-route": "support_action_medium",
        "x-router-ml-class": "default",
        "x-router-ml-risk-tier": "medium",
        "x-router-ml-bundle": "default-0a1b2c",
        "x-router-ml-arm": "champion",
        "x-router-ml-trace-id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_without_a_lane_there_is_no_such_header(make_decision: Callable[..., RouteDecision]) -> None:
    late = {"degraded": {"why": "deadline", "deadline_ms": 5}}
    nowhere = {"lane": None, "model": None, "action": "human_review", "propensities": {}, "propensity": None}
    found = of_decision(make_decision(state=late, **nowhere))
    assert "x-router-ml-lane" not in found
    assert found["x-router-ml-degraded"] == "deadline"


def test_a_name_cannot_begin_a_header_of_its_own(make_decision: Callable[..., RouteDecision]) -> None:
    found = of_decision(make_decision(traffic_class="größte\r\nx-evil: 1\x00"))
    assert found["x-router-ml-class"] == "gr%C3%B6%C3%9Fte%0D%0Ax-evil: 1%00"
