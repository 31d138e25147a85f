"""What moved a choice besides the estimates is in the record: the usual lane of such requests, lanes to learn about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from router_ml import Router
from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.replay import reproduce
from router_ml.storage.bundle import Bundle

QUESTION = "Which planet has the strongest winds?"


def test_the_usual_lane_of_such_requests_keeps_one_that_hardly_differs(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a paraphrase does not change the lane."""
    steady = bundle.config.stability.model_copy(update={"margin": 1.0})
    router = Router(bundle.config.model_copy(update={"stability": steady}), bundle=bundle)
    free = router.predict_route(QUESTION, seed=1)
    known = free.estimates.items()
    reach = [n for n, e in known if e.quality_low >= free.floor and e.evidence > 0]
    usual = next(name for name in reach or free.eligible if name != free.lane)
    estimate, place = router.estimate, list(bundle.config.lanes).index(usual)

    def with_usual(*given: Any, **how: Any) -> Estimates:
        found = estimate(*given, **how)
        quality = np.zeros_like(found.typical.quality)
        quality[0, place] = 1.0
        return replace(found, typical=Typical(quality, np.zeros_like(quality)))

    monkeypatch.setattr(router, "estimate", with_usual)
    decisions = [router.predict_route(QUESTION, seed=seed) for seed in range(20)]
    assert {decision.lane for decision in decisions if not decision.explored} == {usual}
    for decision in decisions:
        assert (decision.state.selection.incumbent, decision.state.selection.margin) == (usual, 1.0)
        assert reproduce(decision) == decision.propensities
        assert decision.propensities[usual] >= 1 - decision.state.selection.explore_share


def test_lanes_to_learn_about_get_their_share_and_never_inside_a_session(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router._arms, "probes", lambda *_: {"openai": 0.04, "gone": 0.5})
    first = router.predict_route(QUESTION, seed=1)
    assert first.state.selection.probes == {"openai": 0.04}
    assert first.propensities["openai"] >= 0.04
    assert reproduce(first) == first.propensities
    previous = {"decision_id": first.decision_id, "lane": "fast"}
    later = router.predict_route(QUESTION, seed=1, previous=previous)
    assert (later.state.selection.probes, later.propensity) == ({}, 1.0)
