"""The page to try: it shows what would be decided, and nothing comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router, RouteRequest
from router_ml.config import TrafficClass
from router_ml.contract import Finding
from router_ml.serve.console.preview import echo
from router_ml.serve.gateway import Gateway
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from tests.serve.console.conftest import Visitor

PRIVATE = "Was card 4111 1111 1111 1111 charged twice?"


def test_a_try_leaves_no_trace(visitor: Visitor, gateway: Gateway, log: EventLog) -> None:
    """Nothing in the log, no money, no probe, nothing learned or remembered."""
    before = gateway.router.learned_state()
    for text in ("What is an ETF?", PRIVATE, "Refund order 8812"):
        visitor.post("/console/try", {"text": text})
    gateway.router.flush()
    assert not any(log.counts().values())
    assert gateway.router.learned_state() == before


def test_a_preview_is_what_would_be_decided(bundle: Bundle) -> None:
    """The same lane, propensities and plan as the decision with the same seed; no budget is charged."""
    one = bundle.config.traffic_classes["default"]
    budget = {"default": TrafficClass(**{**dict(one), "budget_usd_per_day": 5.0})}
    config = bundle.config.model_copy(update={"traffic_classes": {**bundle.config.traffic_classes, **budget}})
    request = RouteRequest(text="Rewrite this sentence so that it sounds friendlier.")
    with Router(config, bundle=bundle) as router:
        seen = [router.preview(request, seed=seed) for seed in range(5)]
        made = router.predict_route(request, seed=0)
    assert seen[0].propensities == made.propensities
    assert (seen[0].lane, seen[0].fallback, seen[0].estimates) == (made.lane, made.fallback, made.estimates)
    assert {one.state.budget_left for one in seen} == {5.0}
    assert all(one.decision_id.startswith("preview_") for one in seen)


def test_the_page_shows_every_part_of_a_decision(visitor: Visitor) -> None:
    shown = visitor.post(
        "/console/try", {"text": PRIVATE, "org": "acme", "region": "eu", "channel": "web", "seed": "1"}
    )
    for words in (
        "Preview: nothing was kept",
        "Intent:",
        "Domain:",
        "pii-stays-private",
        "boundary vendor, private needed",
    ):
        assert words in shown
    assert '<mark class="hard" title="card">4111 1111 1111 1111' in shown
    assert '"org": "acme"' in shown.replace("&#34;", '"')
    assert 'role="img" aria-label="Expected quality and cost' in shown
    for who in ("a user", "an operator", "an auditor"):
        assert f'data-tab="For {who}"' in shown


def test_constraints_and_tools_of_the_form_are_those_of_the_request(visitor: Visitor) -> None:
    fields: dict[str, str | list[str]] = {"text": "What is an ETF?", "deny_lanes": ["fast", "premium"], "explore": "no"}
    shown = visitor.post("/console/try", {**fields, "tools": ["search"], "max_cost_usd": "0.01"}).replace("&#34;", '"')
    for words in ('"deny_lanes": [', '"explore": false', '"max_cost_usd": 0.01', '"search"'):
        assert words in shown


def test_messages_take_the_place_of_the_text(visitor: Visitor) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PRIVATE}]
    shown = visitor.post("/console/try", {"messages": json.dumps(messages), "text": " "})
    assert '<mark class="hard" title="card">4111 1111 1111 1111' in shown


UNREADABLE: list[tuple[dict[str, str | list[str]], str]] = [
    ({"text": "   "}, "There is no text in it"),
    ({"messages": "[1"}, "The messages are not JSON"),
    ({"messages": "{}"}, "have to be a list"),
    ({"messages": '[{"role": "user", "content": "hi"}]', "text": "hi"}, "Clear one of the two"),
    ({"text": "hi", "metadata": "[]"}, "have to be an object"),
    ({"text": "hi", "max_cost_usd": "cheap"}, "Found no number for the largest cost"),
    ({"text": "hi", "max_cost_usd": "-1"}, "greater than or equal to 0"),
    ({"text": "hi", "seed": "x"}, "The seed is no whole number"),
    ({"text": "hi", "channel": "pigeon"}, "channel"),
    ({"text": "hi", "traffic_class": "nosuch"}, "traffic class"),
]


def test_what_cannot_be_read_is_said(visitor: Visitor) -> None:
    for fields, said in UNREADABLE:
        assert said in visitor.post("/console/try", fields, status=400), said


def test_a_key_of_an_organisation_tries_as_that_one(as_key: Callable[[str], Visitor]) -> None:
    acme = as_key("acme")
    assert '"org": "acme"' in acme.post("/console/try", {"text": "What is an ETF?"}).replace("&#34;", '"')
    assert "another organisation" in acme.post("/console/try", {"text": "hi", "org": "globex"}, status=403)
    assert "another organisation" in acme.post("/console/try", {"text": "hi", "metadata": '{"org": "x"}'}, status=403)


@given(
    st.text(min_size=1, max_size=200),
    st.lists(st.tuples(st.integers(0, 220), st.integers(0, 220), st.sampled_from(["raw", "decoded"]), st.booleans())),
)
def test_marks_never_change_the_text(text: str, places: list[tuple[int, int, str, bool]]) -> None:
    """Whatever was found, also beyond its end or crosswise, the pieces are the text."""
    if not text.strip():
        return
    findings = [Finding(type="card", part="text", start=a, end=b, view=view, hard=hard) for a, b, view, hard in places]
    (said,) = echo.said(RouteRequest(text=text), findings)
    assert "".join(piece.text for piece in said.pieces) == text
