"""The tagger that ships, through the whole router: private facts pin, names alone do not, batches change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from router_ml import Router
from router_ml.contract import RouteRequest
from router_ml.guardrails.entities import Chunk, Entity, Tagger
from router_ml.storage.bundle import Bundle

PRIVATE = "Please rewrite: our patient Margaret Ellison was diagnosed with diabetes and starts insulin on Monday."
HOME = "Send the spare keys to 14 Willow Lane, Bristol BS1 4QA before noon."
NAMED = "Write a birthday poem for my friend Margaret Ellison, who loves sailing."


@pytest.mark.parametrize(("text", "kind"), [(PRIVATE, "person"), (HOME, "address")])
def test_a_private_fact_is_a_hit_by_rule(router: Router, text: str, kind: str) -> None:
    decision = router.predict_route(text, seed=1)
    assert kind in {finding.type for finding in decision.findings if finding.hard}
    assert ("pii", "rule") in {(risk.name, risk.source) for risk in decision.risks}
    assert decision.guard_state == "hit"
    for finding in decision.findings:
        assert finding.part == "text"
        assert 0 <= finding.start < finding.end <= len(text)


def test_a_name_alone_is_recorded_and_pins_nothing(router: Router) -> None:
    decision = router.predict_route(NAMED, seed=1)
    (finding,) = decision.findings
    assert (finding.type, finding.hard, NAMED[finding.start : finding.end]) == ("person", False, "Margaret Ellison")
    assert decision.guard_state == "clean"
    assert "pii" not in {risk.name for risk in decision.risks if risk.source == "rule"}
    after = router.predict_route("thanks", previous={"decision_id": decision.decision_id}, seed=1)
    assert "pii" not in {risk.name for risk in after.risks if risk.source == "rule"}


def test_a_batch_finds_what_one_by_one_finds(router: Router) -> None:
    texts = [PRIVATE, HOME, NAMED, f"{'The weather was fine that day. ' * 60}{PRIVATE}"]
    alone = [router.predict_route(text, seed=1).findings for text in texts]
    assert [decision.findings for decision in router.predict_routes(texts, seeds=[1] * len(texts))] == alone


def test_a_name_in_the_middle_of_a_long_text_is_found_where_it_is(router: Router) -> None:
    """In whatever chunk of the encoder it falls."""
    filler = "The report lists rainfall, wind and hours of sun for each month of the year. "
    for before in (5, 14, 15, 16, 30):
        text = f"{filler * before}{PRIVATE} {filler * 20}"
        found = [text[f.start : f.end] for f in router.predict_route(text, seed=1).findings if f.type == "person"]
        assert any("Margaret Ellison" in value for value in found)


def test_the_message_that_holds_the_name_is_named(router: Router) -> None:
    messages = [{"role": "user", "content": PRIVATE}, {"role": "assistant", "content": "Done."}]
    request = RouteRequest.parse({"messages": [*messages, {"role": "user", "content": "shorter please"}]})
    (part,) = {finding.part for finding in router.predict_route(request, seed=1).findings if finding.hard}
    assert part == next(name for name, text in request.strings() if text == PRIVATE)


def test_without_a_tagger_everything_else_is_as_before(router: Router, bundle: Bundle) -> None:
    plain = Router(bundle.config, bundle=replace(bundle, tagger=None))
    one, other = (some.predict_route("What is the capital of France?", seed=3) for some in (router, plain))
    assert (one.lane, one.risks, one.findings) == (other.lane, other.risks, other.findings)
    assert plain.predict_route(NAMED, seed=1).findings == ()


def test_a_tagger_that_fails_makes_the_request_unknown(bundle: Bundle) -> None:
    """Nothing that goes wrong in a detector lets a request through."""

    class Broken(Tagger):
        def find(self, text: str, chunks: Sequence[Chunk]) -> tuple[Entity, ...]:
            raise ZeroDivisionError(text)

    assert bundle.tagger is not None
    broken = Router(bundle.config, bundle=replace(bundle, tagger=Broken(bundle.tagger.weights, bundle.tagger.spec)))
    decision = broken.predict_route(NAMED, seed=1)
    assert decision.guard_state == "unknown"
    assert "Margaret" not in decision.to_json()
