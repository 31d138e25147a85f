"""What a router remembers is written into each decision, and read back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from router_ml import Router
from router_ml.contract import RouteDecision
from router_ml.state.remembered import Remembered
from router_ml.storage.bundle import Bundle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_decision_outside_a_session_and_a_budget_says_so(router: Router) -> None:
    state = router.predict_route("Which planet has the strongest winds?").state
    assert (state.session, state.spending, state.online) == (None, None, False)


def test_a_session_keeps_its_lane_but_nothing_that_a_caller_made_up(router: Router) -> None:
    first = router.predict_route("Which planet has the strongest winds?")
    previous = {"decision_id": first.decision_id, "lane": first.lane, "cached_tokens": 30}
    known = router.predict_route("And why?", previous=previous).state.session
    assert known is not None
    assert (known.lane, known.cached_tokens, known.risks) == (first.lane, 30, ())
    made_up = {"decision_id": "someone-elses", "lane": "nora.winter@posteo-mail.net", "cached_tokens": 30}
    decision = router.predict_route("And why?", previous=made_up)
    assert decision.state.session is not None
    assert (decision.state.session.lane, decision.state.session.risks) == (None, ("pii",))
    assert "nora" not in decision.to_json()


def test_what_is_read_back_is_what_was_remembered(bundle: Bundle) -> None:
    default = bundle.config.traffic_classes["default"].model_copy(update={"budget_usd_per_day": 1.0})
    classes = {**bundle.config.traffic_classes, "default": default}
    config = bundle.config.model_copy(update={"traffic_classes": classes})
    router = Router(config, bundle=bundle)
    router.report_health("google", "down")
    first = router.predict_route("hi", traffic_class="default", now=NOW)
    router.log_outcome(first.decision_id, cost_usd=0.25)
    decision = router.predict_route("hi", traffic_class="default", now=NOW)
    back = Remembered.of_record(RouteDecision.model_validate_json(decision.to_json()), config)
    standing = back.standing("default")
    assert standing is not None
    assert (standing.spent_usd, standing.left_usd) == (0.25, pytest.approx(0.75))
    assert back.standing("pilot") is None
    assert back.health == {"google": "down"}
