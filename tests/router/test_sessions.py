"""A session stays on its lane, whose prompt cache it would lose, unless leaving saves more."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml import Router
from router_ml.allocation.replay import reproduce
from router_ml.config import parse_config
from router_ml.contract import RouteDecision
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.entries import of_decision
from router_ml.storage.database.rows import row_of, stored
from router_ml.storage.eventlog import EventLog

LANE = """
    provider: p
    failure_domain: p
    region: eu
    boundary: vendor
    latency: {base_ms: 1, ms_per_output_token: 1}
    prior: {quality: 0.8, strength: 50}
    context_window: 100000
    max_output_tokens: 300
"""
TWO = f"""
version: 1
lanes:
  warm:
    model: warm
    price: {{input_per_mtok: 3.0, output_per_mtok: 15.0, cached_input_per_mtok: 0.3}}{LANE}
  fresh:
    model: fresh
    price: {{input_per_mtok: 2.0, output_per_mtok: 10.0, cached_input_per_mtok: 0.2}}{LANE}
traffic_classes:
  default: {{floor: 0.5, quality_per_usd: 10, explore_share: 0.5}}
stability: {{session_margin: 0.01}}
"""
LONG = "and then compare it with the other one " * 1000
QUESTION = "Which planet has the strongest winds?"
TOKENS_OUT = 300


def turn(router: Router, cached: int, lane: str = "warm", text: str = LONG, **fields: Any) -> RouteDecision:
    """A later turn of a session on a lane that still holds so many tokens."""
    first = router.predict_route("hello")
    previous = {"decision_id": first.decision_id, "lane": lane, "cached_tokens": cached}
    return router.predict_route(text, previous=previous, **fields)


def test_a_session_leaves_only_where_the_saving_beats_the_lost_cache() -> None:
    """Both lanes are equally good; fresh costs 2/3. Per token held, warm is 2.7 millionths of a dollar cheaper."""
    router = Router(parse_config(TWO))
    tokens = turn(router, 0).circumstances.tokens_in
    cost_fresh = (tokens * 2 + TOKENS_OUT * 10) / 1e6
    cost_warm_cold = (tokens * 3 + TOKENS_OUT * 15) / 1e6
    worth = 0.01 / 10  # the margin of .01 in quality, at 10 quality per USD, is a tenth of a cent
    enough = (cost_warm_cold - cost_fresh - worth) / 2.7e-6  # tokens held at which leaving saves just that

    assert 0 < enough < tokens
    kept, left = turn(router, int(enough) + 1), turn(router, int(enough) - 1)

    assert (kept.lane, left.lane) == ("warm", "fresh")
    assert kept.estimates["warm"].cost_usd - cost_fresh == pytest.approx(worth, abs=3e-6)
    assert kept.estimates["warm"].cost_usd > kept.estimates["fresh"].cost_usd, "it stays though it costs a bit more"
    assert kept.reason.startswith("The session keeps warm: fresh would gain 0.0100")
    assert left.reason.startswith("The session left warm: fresh gains 0.0100")
    assert "the lost prompt cache counted" in left.reason
    assert turn(router, tokens).reason.startswith("The session keeps warm, the best by quality - 10 x cost")


def test_sessions_are_not_randomised_and_say_what_they_were_asked() -> None:
    """Off-policy estimates leave such rows out; a record that claimed chance would bias them."""
    router = Router(parse_config(TWO))
    for seed in range(6):
        decision = turn(router, 9000, seed=seed)
        assert (decision.propensities, decision.explored) == ({"warm": 1.0}, False)
        selection = decision.state.selection
        assert (selection.incumbent, selection.margin, selection.explore_share) == ("warm", 0.01, 0)
        assert row_of(stored(of_decision(decision)))["randomised"] is False
        assert reproduce(decision) == decision.propensities
    first = router.predict_route("hello")
    assert (first.state.selection.incumbent, first.state.selection.margin) == (None, 0)
    assert row_of(stored(of_decision(first)))["randomised"] is True


def test_a_session_leaves_a_lane_that_may_not_be_used(bundle: Bundle) -> None:
    router = Router(bundle.config, bundle=bundle)
    decision = turn(router, 5, "openai", QUESTION, constraints={"deny_lanes": ["openai"]})
    assert decision.lane not in (None, "openai")
    assert decision.reason.startswith("The session left openai, which is not eligible.")
    router.report_health("openai", "down")
    assert turn(router, 5, "openai", QUESTION).lane not in (None, "openai")


def test_a_lane_that_is_not_configured_any_more_holds_nobody(bundle: Bundle) -> None:
    decision = turn(Router(bundle.config, bundle=bundle), 5, "gone", QUESTION)
    assert decision.state.selection.incumbent != "gone"
    assert decision.propensity == 1


def test_the_bundle_that_ships_keeps_sessions(bundle: Bundle) -> None:
    """What a deployment gets that changes nothing."""
    assert bundle.config.stability.session_margin > 0


@pytest.mark.parametrize("remembered", [True, False])
def test_what_another_organisation_asked_is_as_unknown_as_what_nobody_did(bundle: Bundle, remembered: bool) -> None:
    """Else an id would tell whether the other's turn held something private."""
    with EventLog("sqlite://") as log:
        decided = Router(bundle.config, bundle=bundle, log=log)
        theirs = decided.predict_route(QUESTION, metadata={"org": "Globex"})
        asked = decided if remembered else Router(bundle.config, bundle=bundle, log=log)
        seen = []
        for org, name in (("acme", theirs.decision_id), ("acme", "made-up"), ("globex", theirs.decision_id)):
            made = asked.predict_route(QUESTION, metadata={"org": org}, previous={"decision_id": name}, seed=1)
            assert made.state.session is not None
            seen.append((made.state.session.risks, made.risk_tier, made.eligible, made.lane, made.policies))
    assert seen[0] == seen[1] != seen[2]
    assert [risks for risks, *_ in seen] == [("pii",), ("pii",), ()]
