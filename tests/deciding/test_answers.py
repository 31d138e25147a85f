"""Answers are scanned like requests, whatever lane wrote them, and nothing of them is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import RouteDecision, Router
from router_ml.config import parse_config
from router_ml.contract import Message
from router_ml.deciding.answers import Answer
from router_ml.errors import InvalidRequestError, LogError
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

Make = Callable[..., RouteDecision]

MAIL, OTHER = "nora.winter@posteo-mail.net", "bob.miller@fastmail-x.com"
SECRET = "postgres://admin:" + "Tr0ub4dor-9x" + "@db.internal-host.net/prod"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKED = f"Please write to {MAIL} that the invoice is paid."
QUESTION = "Which planet has the strongest winds?"
DOSE = "You can stop taking them; the dose of 20 mg is too high for your blood pressure."


def call(arguments: object) -> dict[str, Any]:
    return {"content": None, "tool_calls": [{"id": "c1", "function": {"name": "mail", "arguments": arguments}}]}


@pytest.mark.parametrize(
    "output",
    [
        f"Write to {OTHER}",
        {"role": "assistant", "content": f"Write to {OTHER}"},
        {"content": [{"type": "text", "text": "Write to"}, {"type": "text", "text": OTHER}]},
        call({"to": [{"people": [OTHER]}]}),
        call(json.dumps({"to": OTHER})),
        call({OTHER: True}),
        {"content": "Done.", "reasoning": {"steps": [f"I know {OTHER}"]}},
        {"content": None, "refusal": f"I cannot write to {OTHER}"},
        {"content": {"text": OTHER}},
        {"choices": [{"message": {"content": f"Write to {OTHER}"}}]},
        Message(role="assistant", content=f"Write to {OTHER}"),
    ],
    ids=lambda output: type(output).__name__,
)
def test_every_string_of_an_answer_is_scanned(router: Router, output: Any) -> None:
    """A value hidden in the arguments of a tool call leaves the house like one in the text."""
    check = router.check_output(router.predict_route(QUESTION), output)
    assert (check.action, check.queue, check.guard_state) == ("human_review", "privacy-review", "hit")
    assert {(finding.type, finding.echoed) for finding in check.findings} == {("email", False)}
    assert all(finding.part.startswith("output") for finding in check.findings)


@pytest.mark.parametrize("output", ["", "  ", {}, {"content": None, "tool_calls": []}, {"content": ""}, "Neptune."])
def test_an_answer_with_nothing_in_it_passes(router: Router, output: Any) -> None:
    check = router.check_output(router.predict_route(QUESTION), output)
    assert (check.action, check.findings, check.notices, check.guard_state) == ("pass", (), {}, "clean")


def test_what_the_user_wrote_may_be_said_back(router: Router) -> None:
    decision = router.predict_route(ASKED)
    check = router.check_output(decision, f"I will write to {MAIL.title()}.", request=ASKED)
    assert (check.action, check.echoed, check.guard_state) == ("pass", {"email": 1}, "clean")
    assert [finding.echoed for finding in check.findings] == [True]
    assert "pii" not in {risk.name for risk in check.risks}
    unknown = router.check_output(decision, f"I will write to {MAIL}.")
    assert (unknown.echoed, unknown.guard_state) == ({}, "hit")
    assert "pii" in {risk.name for risk in unknown.risks}


def test_an_echo_excuses_nothing_else(router: Router, bundle: Bundle) -> None:
    """The user's own credential may be discussed; another one beside it may not."""
    said = f"Why does {SECRET} not connect?"
    decision = router.predict_route(said)
    own = f"The host of {SECRET} is not reachable."
    check = router.check_output(decision, own, request=said)
    assert "secrets" not in {risk.name for risk in check.risks if risk.source == "rule"}
    other = router.check_output(decision, f"{own} Use {SECRET.replace('9x', '7q')}", request=said)
    assert (other.action, other.echoed) == ("withhold", {"connection_string": 1})


def test_secrets_are_withheld_and_a_person_sees_what_could_not_be_scanned(router: Router) -> None:
    decision = router.predict_route(QUESTION)
    assert router.check_output(decision, f"Connect with {SECRET}").action == "withhold"
    unread = router.check_output(decision, "so \ud800 it is")
    assert (unread.action, unread.guard_state, unread.queue) == ("human_review", "unknown", "security-review")
    assert unread.guard_reasons == ("output: it holds lone surrogates, which are not characters",)


def test_regulated_advice_gets_the_notice_it_lacks(router: Router, bundle: Bundle) -> None:
    decision = router.predict_route("Should I stop my pills?")
    notice = bundle.config.notices["medical"]
    check = router.check_output(decision, DOSE)
    assert (check.action, check.notices) == ("pass", {"medical": notice.text})
    assert router.check_output(decision, f"{DOSE}\n\n{notice.text}").notices == {}
    unasked = router.check_output(router.predict_route(QUESTION), DOSE)
    assert unasked.notices == {"medical": notice.text}, "the classifier reads answers too"


def test_every_notice_that_ships_is_recognised_by_its_own_phrases(bundle: Bundle) -> None:
    """Else it would be added to an answer that carries it."""
    from router_ml.guardrails.rules.output import notices_in

    for name, notice in bundle.config.notices.items():
        assert name in notices_in(notice.text, bundle.config.notices)


def test_the_result_is_the_same_for_every_lane(router: Router) -> None:
    """Our own lanes are not trusted more than a vendor's."""
    decision = router.predict_route(QUESTION)
    for output in (DOSE, f"Write to {OTHER}", f"Connect with {SECRET}", "Neptune.", "so \ud800 it is"):
        seen = set()
        for lane, spec in router.config.lanes.items():
            taken = decision.model_copy(update={"lane": lane, "model": spec.model})
            check = router.check_output(taken, output, request=QUESTION, now=NOW)
            seen.add(check.model_copy(update={"check_id": "chk"}).model_dump_json())
        assert len(seen) == 1


def test_nothing_of_the_answer_is_in_the_check(router: Router) -> None:
    """It goes to a log, to judges and to trace sinks."""
    said = f"I am {MAIL}, my database is {SECRET}"
    output = {"content": f"{MAIL} {OTHER} {SECRET}", "tool_calls": [{OTHER: SECRET}], OTHER: MAIL}
    kept = router.check_output(router.predict_route(said), output, request=said).model_dump_json()
    for word in ("nora", "winter", "posteo", "miller", "fastmail", "Tr0ub4dor", "internal-host"):
        assert word not in kept


@pytest.mark.parametrize("output", [None, 5, b"bytes", ["a"], {"content": "x", "more": object()}, {"a": {"b": b"x"}}])
def test_what_is_no_answer_is_an_error_without_its_content(router: Router, output: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        router.check_output(router.predict_route(QUESTION), output)
    assert "bytes" not in str(caught.value).replace("found bytes", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(("role", "content", "tool_calls", "name", "x")), JSON), st.text(max_size=20))
def test_any_json_is_read_and_no_string_of_it_is_lost(fields: dict[str, Any], word: str) -> None:
    mark = f"mark-{word}-mark"
    marked = {**fields, "y": [{"deep": [mark]}]}
    if isinstance(fields.get("tool_calls"), list):
        marked["tool_calls"] = [*fields["tool_calls"], {mark: None}]
    answer = Answer.read(marked)
    found = [part for part, text in answer.scanned.strings() if text == mark]
    assert len(found) == 1 + isinstance(fields.get("tool_calls"), list)
    assert answer.without([]) is not None


def test_checks_are_logged_and_decisions_found_by_their_id(bundle: Bundle, tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.sqlite") as log:
        router = Router(bundle.config, bundle=bundle, log=log)
        decision = router.predict_route(QUESTION)
        check = router.check_output(decision.decision_id, f"Write to {OTHER}", now=NOW)
        assert log.output_checks(decision.decision_id) == [check]
        assert (check.at, check.versions) == (NOW, decision.versions)
        with pytest.raises(LogError, match="no decision with this id"):
            router.check_output("dec_unknown", "Neptune.")
    with pytest.raises(LogError, match="Without an event log"):
        Router(bundle.config, bundle=bundle).check_output(decision.decision_id, "Neptune.")


def test_a_check_that_cannot_be_logged_stops_only_what_is_restricted(
    bundle: Bundle, tmp_path: Path, make_decision: Make, caplog: pytest.LogCaptureFixture
) -> None:
    log = EventLog(tmp_path / "log.sqlite")
    router = Router(bundle.config, bundle=bundle, log=log)
    log.close()
    assert router.check_output(make_decision(), "Neptune.").action == "pass"
    assert "check was not logged" in caplog.text
    with pytest.raises(LogError):
        router.check_output(make_decision(risk_tier="restricted"), "Neptune.")


def test_a_request_that_could_not_be_scanned_may_have_held_an_injection(router: Router, make_decision: Make) -> None:
    """It counts for rules on what was found in the request, and never as a reason to be lenient."""
    unknown = make_decision(guard_state="unknown", risks=[])
    check = router.check_output(unknown, f"Write to {OTHER}")
    assert [fired.id for fired in check.policies] == [
        "new-personal-data-is-looked-at",
        "injected-requests-yield-no-personal-data",
    ]


def test_without_a_bundle_rules_alone_look_and_the_check_says_so(small: str, make_decision: Make) -> None:
    check = Router(parse_config(small)).check_output(make_decision(), f"Write to {OTHER}")
    assert check.action == "withhold"
    assert check.versions.classifier == "none"


@pytest.fixture(scope="module")
def small() -> str:
    """One lane, one rule on answers, nothing learned."""
    return """
version: 1
lanes:
  only:
    {model: m, provider: p, failure_domain: f, region: us, boundary: vendor, context_window: 10000,
     max_output_tokens: 1000, price: {input_per_mtok: 2.0, output_per_mtok: 8.0}, prior: {quality: 0.8},
     latency: {base_ms: 400, ms_per_output_token: 10}}
output_policies:
  - {id: none, version: "1", owner: o, rationale: r, when: {finding: [email]}, then: {withhold: No addresses.}}
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 10}
"""
