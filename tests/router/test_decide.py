"""The same decision twice, exact propensities, one plan that can be carried out."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from router_ml import Router, RouteRequest
from router_ml.allocation.select import draw
from router_ml.config import RouterConfig
from router_ml.storage.bundle import Bundle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = (
    "Which planet has the strongest winds?",
    "Please refund order 8812, it arrived broken.",
    "hi",
    "Fasse den Vertrag zusammen: Der Mieter zahlt am ersten des Monats. " * 12,
    "mail me at nora.winter@posteo-mail.net about my results",
    "x" * 3000,
)


def test_the_same_request_gives_the_same_bytes(router: Router) -> None:
    """Replay: bundle, policy, state, seed and clock fix a decision completely."""
    for text in TEXTS:
        first, second = (router.predict_route(text, seed=5, now=NOW, decision_id="d") for _ in range(2))
        assert first.to_json() == second.to_json()


def test_a_batch_decides_as_one_by_one_does(router: Router) -> None:
    """A request must not be routed by what else was in the batch: byte for byte, in any order."""
    order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
    requests = [RouteRequest(text=TEXTS[i]) for i in order]
    together = router.predict_routes(requests, seeds=order, now=NOW, decision_ids=[f"d{i}" for i in order])
    alone = [router.predict_route(TEXTS[i], seed=i, now=NOW, decision_id=f"d{i}") for i in order]
    assert [decision.to_json() for decision in together] == [decision.to_json() for decision in alone]


def test_draws_follow_the_logged_propensities(router: Router) -> None:
    """Off-policy evaluation trusts the logged propensities: over 20,000 draws the shares must match them."""
    request = RouteRequest.parse(TEXTS[0])
    understood = router.understand([request])[0]
    decision = router.decide(request, understood, seed=0)
    assert sum(decision.propensities.values()) == pytest.approx(1, abs=1e-12)
    assert decision.lane is not None
    assert decision.propensity == decision.propensities[decision.lane]
    assert len(decision.propensities) > 1, "exploration is on for this request"

    names = list(decision.propensities)

    row = np.array([decision.propensities[name] for name in names])
    drawn = Counter(draw(row, seed) for seed in range(20_000))
    for index, name in enumerate(names):
        expected = decision.propensities[name]
        assert abs(drawn[index] / 20_000 - expected) < 5 * (expected * (1 - expected) / 20_000) ** 0.5 + 1e-9


def test_every_seed_logs_the_probability_of_its_own_lane(router: Router) -> None:
    """Whatever lane a seed draws, its logged probability is the one in the vector, and the vector does not change."""
    request = RouteRequest.parse(TEXTS[0])
    understood = router.understand([request])[0]
    decisions = [router.decide(request, understood, seed=seed) for seed in range(300)]
    assert len({json.dumps(d.propensities) for d in decisions}) == 1
    assert len({d.lane for d in decisions}) > 1
    assert all(d.lane and d.propensity == d.propensities[d.lane] for d in decisions)
    assert all(d.explored == (d.propensity != max(d.propensities.values())) for d in decisions)


def test_threads_decide_alike(bundle: Bundle) -> None:
    """One router serves many threads; each gets the decision it would have got alone."""

    router = Router(bundle.config, bundle=bundle)

    def decide(index: int) -> str:
        text = TEXTS[index % len(TEXTS)]
        return router.predict_route(text, seed=index, now=NOW, decision_id=f"d{index}").to_json()

    alone = [decide(index) for index in range(24)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(decide, range(24))) == alone


def test_output_length_fits_every_lane_of_the_plan(router: Router) -> None:
    """A fallback that cannot serve the planned length would fail just when it is needed."""
    decision = router.predict_route(TEXTS[0])
    assert decision.lane is not None
    assert decision.decoding.max_tokens is not None
    for name in (decision.lane, *decision.fallback.lanes()):
        assert decision.decoding.max_tokens <= router.config.lanes[name].max_output_tokens


def test_an_input_over_the_limit_of_its_class_goes_to_a_person(bundle: Bundle) -> None:
    """A stated limit is a limit."""
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    raw["traffic_classes"]["default"]["limits"] = {"max_input_tokens": 5}
    router = Router(RouterConfig.model_validate(raw), bundle=bundle)
    decision = router.predict_route("Which planet of the solar system has the strongest winds of all?")
    assert (decision.lane, decision.action, decision.eligible) == (None, "human_review", ())
    assert all("the class allows 5" in " ".join(reasons) for reasons in decision.excluded.values())


def test_every_write_tool_needs_approval(router: Router) -> None:
    """Also when nobody saw a change coming in the words of the request."""
    decision = router.predict_route(TEXTS[0], allowed_tools=["ticket", "search"])
    assert {tool.name: tool.approval for tool in decision.tools} == {"ticket": True, "search": False}
