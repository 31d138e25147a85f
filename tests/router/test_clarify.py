"""What is missing is asked for before anything is answered, never past a hard rule; the record holds no value of it."""

from __future__ import annotations

import pytest

from router_ml import Router, RouteRequest
from router_ml.allocation.replay import reproduce
from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.offline.replay import Replayer
from router_ml.storage.bundle import Bundle
from router_ml.storage.readers.made_from import Kept

ASK = "Please give me my money back, the vase was broken"
TOOLS = ("order_lookup", "refund")


def ask(router: Router, text: str = ASK, **fields: object) -> RouteDecision:
    return router.predict_route({"text": text, "allowed_tools": TOOLS, **fields}, seed=1)


def test_a_refund_without_an_order_asks_which(router: Router) -> None:
    decision = ask(router)
    assert (decision.action, decision.missing) == ("clarify", ("order_id",))
    assert decision.question == router.config.slots["order_id"].question
    assert decision.question in decision.explain("user")
    assert decision.retrieval.strategy == "clarify"
    assert (decision.lane, decision.tools, decision.output_contract.name) == (None, (), "none")


def test_with_the_order_it_goes_to_a_lane_with_the_tool(router: Router) -> None:
    decision = ask(router, ASK + ", order 88121")
    assert decision.action == "route"
    assert [tool.name for tool in decision.tools if tool.required] == ["refund"]
    assert all(tool.approval for tool in decision.tools if tool.effect == "write")


def test_the_answer_to_the_question_completes_the_request(router: Router) -> None:
    asked = ask(router).question
    messages = [{"role": "user", "content": ASK}, {"role": "assistant", "content": asked}]
    known = router.predict_route(
        {"messages": [*messages, {"role": "user", "content": "88121"}], "allowed_tools": TOOLS}
    )
    assert known.action == "route"
    unknown = {"messages": [*messages, {"role": "user", "content": "no idea"}], "allowed_tools": TOOLS}
    assert router.predict_route(unknown).action == "route", "nobody is asked the same twice"


def test_hard_rules_come_first(bundle: Bundle) -> None:
    """A refused or reviewed request is never asked back."""
    rule = {"id": "stop", "version": "1", "owner": "o", "rationale": "r", "when": {"channel": ["web"]}}
    for then, action in (({"refuse": "no"}, "refuse"), ({"human_review": "people"}, "human_review")):
        raw = bundle.config.model_dump(mode="json", by_alias=True)
        config = RouterConfig.model_validate({**raw, "policies": [*raw["policies"], {**rule, "then": then}]})
        decision = ask(Router(config, bundle=bundle), channel="web")
        assert (decision.action, decision.question, decision.missing) == (action, None, ())


def test_where_no_lane_is_left_a_person_is_asked_and_not_the_user(router: Router) -> None:
    decision = ask(router, constraints={"allow_lanes": ()})
    assert (decision.action, decision.question) == ("human_review", None)


def test_a_decision_that_asks_has_no_propensities_whatever_the_draw(router: Router) -> None:
    """It follows from the request alone, so off-policy evaluation has nothing to weigh, as for a person's queue."""
    decisions = [router.predict_route({"text": ASK, "allowed_tools": TOOLS}, seed=seed) for seed in range(5)]
    assert {decision.action for decision in decisions} == {"clarify"}
    assert all(decision.propensities == {} and decision.propensity is None for decision in decisions)
    assert all(decision.estimates.keys() == set(decision.eligible) for decision in decisions)
    assert reproduce(decisions[0]) == {}


def test_it_comes_out_the_same_once_more(bundle: Bundle, router: Router) -> None:
    request = RouteRequest.model_validate({"text": ASK, "allowed_tools": TOOLS})
    decision = RouteDecision.model_validate_json(router.predict_route(request).to_json())
    again = Replayer(bundle)
    assert again.replay(decision, Kept(text=request.model_dump_json())).differences == ()
    assert again.replay(decision).differences == ()


@pytest.mark.parametrize(
    "text", ["refund nora.winter@posteo-mail.net for the lamp", "money back to DE89370400440532013000"]
)
def test_the_record_holds_no_value_of_the_request(router: Router, text: str) -> None:
    decision = ask(router, text)
    assert not any(word in decision.to_json() for word in ("nora", "DE8937", "lamp"))
    assert decision.action in ("clarify", "route")


def test_a_router_without_a_learned_part_asks_too(bundle: Bundle) -> None:
    assert ask(Router(bundle.config)).action == "clarify"
