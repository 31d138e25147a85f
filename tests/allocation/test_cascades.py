"""A lane made of lanes competes at what its parts would cost and do, until its own outcomes are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router
from router_ml.allocation.cascades import VERDICT_TOKENS, cascades
from router_ml.config import RouterConfig
from router_ml.config.cascades import Cascade
from router_ml.contract import RouteDecision
from router_ml.storage.bundle import Bundle

TEXT = "Why is the sky orange at sunset?"
SHARE = st.floats(0, 1)


def with_cascade(bundle: Bundle, **fields: object) -> RouterConfig:
    raw = bundle.config.model_dump(mode="json", by_alias=True)
    lane = {"cascade": {"draft": "private", "final": "balanced", **fields}}
    return RouterConfig.model_validate({**raw, "lanes": {**raw["lanes"], "both": lane}})


def decide(bundle: Bundle, text: str = TEXT, **fields: object) -> RouteDecision:
    return Router(with_cascade(bundle, **fields), bundle=bundle).predict_route(text, seed=1)


def test_it_costs_the_draft_and_its_share_of_the_final_lane(bundle: Bundle) -> None:
    found = decide(bundle, accept=0.75).estimates
    draft, final, both = found["private"], found["balanced"], found["both"]
    assert both.cost_usd == pytest.approx(draft.cost_usd + 0.25 * final.cost_usd, rel=1e-6)
    assert both.latency_ms == pytest.approx(draft.latency_ms + 0.25 * final.latency_ms, rel=1e-6)
    expected = Cascade(draft="a", final="b").quality(draft.quality, final.quality, 0.75)
    assert both.quality == pytest.approx(expected)
    assert both.evidence == min(draft.evidence, final.evidence)


def test_a_judge_is_paid_for_reading_request_and_draft(bundle: Bundle) -> None:
    without, judged = (decide(bundle, accept=0.75, check=check).estimates["both"] for check in ("validation", "fast"))
    price = bundle.config.lanes["fast"].price
    least = VERDICT_TOKENS * price.output_per_mtok / 1e6
    assert judged.cost_usd > without.cost_usd + least
    assert judged.latency_ms > without.latency_ms


def test_without_a_share_as_many_drafts_are_accepted_as_are_expected_to_be_right(bundle: Bundle) -> None:
    found = decide(bundle).estimates
    left = 1 - found["private"].quality
    expected = found["private"].cost_usd + left * found["balanced"].cost_usd
    assert found["both"].cost_usd == pytest.approx(expected, rel=1e-6)


@given(draft=SHARE, final=SHARE, accept=SHARE, trust=SHARE)
def test_quality_stays_between_what_its_parts_can_do(draft: float, final: float, accept: float, trust: float) -> None:
    made = Cascade(draft="a", final="b", trust=trust)
    found = made.quality(draft, final, accept)
    assert -1e-12 <= found <= 1 + 1e-12
    assert found >= Cascade(draft="a", final="b", trust=0.0).quality(draft, final, accept) - 1e-12
    assert found >= min(draft, final) - 1e-12


def test_bounds_hold_the_mean(bundle: Bundle) -> None:
    both = decide(bundle).estimates["both"]
    assert both.quality_low <= both.quality <= both.quality_high


def test_it_is_gone_with_any_of_its_parts(bundle: Bundle) -> None:
    router = Router(with_cascade(bundle, check="fast"), bundle=bundle)
    eu = router.predict_route(TEXT, metadata={"region": "eu"}, seed=1)
    assert "fast" in eu.excluded
    assert "both" in eu.excluded
    assert not {"both"} & {eu.lane, *eu.fallback.lanes(), *eu.propensities}
    router.report_health("balanced", "down")
    down = router.predict_route(TEXT, seed=1)
    assert "part balanced is excluded" in down.excluded["both"]
    assert router.recheck(eu, []).lanes == tuple(lane for lane in eu.eligible if lane != "balanced")


def test_private_data_goes_to_no_cascade_with_a_vendor_in_it(bundle: Bundle) -> None:
    decision = decide(bundle, "mail nora.winter@posteo-mail.net about her results")
    assert "both" in decision.excluded
    assert "both" not in decision.eligible


def test_all_parts_have_a_place_in_the_record(bundle: Bundle) -> None:
    decision = decide(bundle)
    assert "both" in decision.eligible
    assert {"private", "balanced", "both"} <= set(decision.places)
    assert decision.places["both"].boundary == "vendor"


def test_the_same_draw_would_have_gone_elsewhere_without_it(bundle: Bundle) -> None:
    decision = decide(bundle)
    assert "both" not in decision.what_if(deny=["both"]).propensities


def test_a_configuration_without_cascades_has_none(bundle: Bundle) -> None:
    assert cascades(bundle.config.lanes) == ()
