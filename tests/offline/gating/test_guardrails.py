"""Guardrails of a challenger may be stricter than the champion's, never looser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from router_ml import Router, RouteRequest
from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.guardrails.rules.verdict import Verdict as Ruling
from router_ml.offline.gating.guardrails import Example, guardrail_check, looser
from router_ml.ruling.of_record import rule_again
from router_ml.storage.bundle import Bundle

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def decisions(router: Router) -> list[RouteDecision]:
    texts = ["My IBAN is DE89370400440532013000, when is it paid?", "What is the capital of Peru?", "Refund order 12."]
    requests = [RouteRequest(text=text, metadata={"region": "eu"}) for text in texts]
    return router.predict_routes(requests, seeds=range(len(texts)))


def _with(bundle: Bundle, edit: Edit) -> Bundle:
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    edit(raw)
    return replace(bundle, config=RouterConfig.model_validate(raw))


def _without_rule(name: str) -> Edit:
    def edit(raw: dict[str, Any]) -> None:
        raw["policies"] = [rule for rule in raw["policies"] if rule["id"] != name]

    return edit


def _closed(raw: dict[str, Any]) -> None:
    raw["policies"].insert(0, {**raw["policies"][0], "id": "closed", "when": {}, "then": {"boundary": "private"}})


def test_the_same_rules_pass(bundle: Bundle) -> None:
    assert guardrail_check(bundle, bundle, ()).passed


def test_a_rule_that_is_gone_is_looser(bundle: Bundle, decisions: list[RouteDecision]) -> None:
    found = guardrail_check(_with(bundle, _without_rule("pii-stays-private")), bundle, decisions)
    assert found.passed is False
    assert decisions[0].decision_id in found.why


def test_a_rule_that_is_new_is_stricter(bundle: Bundle, decisions: list[RouteDecision]) -> None:
    assert guardrail_check(_with(bundle, _closed), bundle, decisions).passed


def test_rules_that_differ_with_nothing_to_compare_them_on_are_not_known(bundle: Bundle) -> None:
    assert guardrail_check(_with(bundle, _closed), bundle, ()).passed is None


def test_a_rule_that_is_gone_and_fired_nowhere_is_not_known(bundle: Bundle, decisions: list[RouteDecision]) -> None:
    """A log without personal data does not prove that the rule about it is not needed."""
    found = guardrail_check(_with(bundle, _without_rule("pii-stays-private")), bundle, decisions[1:])
    assert found.passed is None
    assert "pii-stays-private" in found.why


def test_another_classifier_needs_whole_requests(bundle: Bundle, decisions: list[RouteDecision]) -> None:
    """Facts in records are what the champion's classifier saw; of the challenger's they say nothing."""
    files = {**bundle.manifest.files, "classifier.json": "0" * 64}
    other = replace(bundle, manifest=replace(bundle.manifest, files=files))
    ruling = rule_again(bundle.config, decisions[0])
    assert guardrail_check(other, bundle, decisions).passed is None
    facts = Example("facts", ruling, ruling, request=False)
    assert guardrail_check(other, bundle, decisions, [facts]).passed is None
    assert guardrail_check(other, bundle, decisions, [facts, replace(facts, request=True)]).passed
    broken = replace(facts, request=True, broken=True)
    assert guardrail_check(other, bundle, decisions, [broken]).passed is False


def test_without_the_champion_nothing_is_known(bundle: Bundle) -> None:
    assert guardrail_check(bundle, None, ()).passed is None


def test_a_new_lane_in_a_place_that_was_allowed_lets_nothing_through(
    bundle: Bundle, decisions: list[RouteDecision]
) -> None:
    """An organisation may add a lane; but not, with it, a boundary that data could not cross before."""
    same = _with(bundle, lambda raw: raw["lanes"].update(extra=raw["lanes"]["balanced"]))
    assert guardrail_check(same, bundle, decisions).passed is not False
    before, after = (rule_again(each.config, decisions[1]) for each in (bundle, same))
    assert "extra" in after.lanes
    assert list(looser(before, after, bundle.config, same.config)) == []
    private = replace(before, lanes=("private",))
    assert "lane extra" in set(looser(private, replace(after, lanes=("private", "extra")), bundle.config, same.config))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tools": ("refund",)}, "tool refund"),
        ({"approval": False}, "no approval"),
        ({"explore": True}, "explored"),
        ({"log": "text"}, "log text"),
    ],
)
def test_each_way_to_be_looser_is_seen(
    bundle: Bundle, decisions: list[RouteDecision], change: dict[str, Any], said: str
) -> None:
    strict: Ruling = replace(
        rule_again(bundle.config, decisions[1]), tools=(), approval=True, explore=False, log="decision"
    )
    assert list(looser(strict, replace(strict, **change), bundle.config, bundle.config)) == [said]
    assert list(looser(replace(strict, **change), strict, bundle.config, bundle.config)) == []
