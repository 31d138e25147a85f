"""Explanations: a user reads one plain sentence that is true, an operator every lane, an auditor the proof."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError

Make = Callable[..., RouteDecision]
PII = {"type": "email", "part": "messages[0]", "start": 5, "end": 21, "view": "raw"}


def test_a_user_reads_which_model_answered_and_nothing_internal(make_decision: Make) -> None:
    text = make_decision().explain("user")
    assert "mistral/mistral-large-2512" in text
    assert "was answered" not in text, "a decision is a plan: nothing has been answered yet"
    for internal in ("eu-residency", "0.95", "lane", "floor", "quality"):
        assert internal not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "refuse", "reason": "Not allowed here."}, "not answered: Not allowed here."),
        ({"action": "human_review", "reason": "People decide this."}, "person will look at this request first: People"),
        ({"action": "clarify", "question": "Which order?"}, "Which order?"),
        ({"action": "clarify"}, "say more"),
    ],
    ids=["refuse", "human_review", "clarify", "clarify without a question"],
)
def test_a_user_who_gets_no_answer_reads_why(make_decision: Make, fields: dict[str, str], said: str) -> None:
    assert said in make_decision(lane=None, model=None, **fields).explain("user")


def test_a_name_alone_is_said_and_is_no_private_data(make_decision: Make) -> None:
    name = {**PII, "type": "person", "view": "entities", "hard": False}
    kept = [{"id": "local", "version": "1", "effect": "boundary private"}]
    decision = make_decision(findings=[name], policies=kept)
    assert "private data" not in decision.explain("user")
    assert "1 x person alone" in decision.explain("operator")
    assert "no risk by itself" in decision.explain("auditor")
    assert "private data" in make_decision(findings=[{**name, "hard": True}], policies=kept).explain("user")


def test_a_user_is_not_told_that_data_stayed_inside_when_no_rule_kept_it_there(make_decision: Make) -> None:
    """A finding alone proves nothing about where the request went; a false promise of privacy is worse than none."""
    sent_to_a_vendor = make_decision(findings=[PII], policies=[], lane="openai", model="openai/gpt-4.1")
    assert "own machines" not in sent_to_a_vendor.explain("user")


def test_an_operator_sees_every_lane_with_its_numbers_or_its_exclusion(make_decision: Make) -> None:
    text = make_decision().explain()
    assert "-> balanced: quality 0.84 [0.70, 0.92] (31 outcomes), $0.000900, 4200 ms, drawn with p 0.950" in text
    assert "private: quality 0.74 [0.70, 0.92] (no evidence)" in text
    assert "x fast: region us, policy eu-residency allows eu" in text
    assert "Policy eu-residency (version 1): regions eu." in text
    assert "intent action 0.91, domain support 0.88" in text
    assert "state_change 0.83 by model" in text


def test_an_operator_sees_what_was_found_and_that_a_scan_was_incomplete(make_decision: Make) -> None:
    text = make_decision(findings=[PII, PII, {**PII, "type": "iban"}], guard_state="unknown").explain("operator")
    assert "Found: 2 x email, 1 x iban." in text
    assert "could not be scanned completely" in text
    assert "could not be scanned completely" not in make_decision().explain("operator")


def test_an_operator_sees_when_a_label_is_a_guess(make_decision: Make) -> None:
    unsure = make_decision(intent={"label": "qa", "probabilities": {"qa": 0.31}, "abstained": True})
    assert "intent qa 0.31 (unsure)" in unsure.explain("operator")


def test_an_auditor_also_gets_seed_state_and_versions(make_decision: Make) -> None:
    """These are what a replay needs to prove the decision."""
    decision = make_decision(findings=[PII])
    text = decision.explain("auditor")
    assert text.startswith(decision.explain("operator"))
    for proof in ("Seed 7", "aa11", "bb22", "cc33", "dd44", "default-0a1b2c", '"bandit_step":12'):
        assert proof in text
        assert proof not in decision.explain("operator")
    assert "email in messages[0] [5:21] (raw view)" in text


def test_an_auditor_sees_each_step_what_was_looked_at_and_where_data_may_go(make_decision: Make) -> None:
    """An auditor asks which rule took which lane, on what facts, and by which release of what."""
    decision = make_decision(
        narrowing=[
            {"rule": "policy eu-residency", "before": ["balanced", "fast"], "after": ["balanced"]},
            {"rule": "policy quiet", "before": ["balanced"], "after": ["balanced"]},
            {"rule": "ceilings", "before": ["balanced"], "after": []},
        ],
        circumstances={
            **{"channel": "web", "org": "acme", "region": "eu", "tools": ["refund"], "tokens_in": 12, "pinned": True},
            "constraints": {"max_cost_usd": 0.5},
        },
        destinations={"indexes": ["help"], "judges": ["house"]},
        log_level="features",
        guard_state="unknown",
        guard_reasons=["text: it looks binary"],
        findings=[{**PII, "hard": False, "digest": "f00d"}],
        versions={**dict(make_decision().versions), "classifier": "ee55", "detectors": "ff66", "entities": "ab77"},
    )
    text = decision.explain("auditor")
    for said in (
        "Rule policy eu-residency: 2 lanes before, took fast; left balanced.",
        "Rule policy quiet: 1 lanes before, took nothing; left balanced.",
        "Rule ceilings: 1 lanes before, took balanced; left none.",
        "channel web, org acme, region eu, tools refund, 12 tokens in",
        "session pinned, constraints {'max_cost_usd': 0.5}.",
        "Data may also go to: indexes help; rerankers none; judges house; trace sinks none.",
        "The log may keep: features.",
        "Not scanned: text: it looks binary.",
        "(raw view, no risk by itself, digest f00d)",
        *("classifier ee55", "Detectors ff66", "entities ab77"),
    ):
        assert said in text
        assert said not in decision.explain("operator")


def test_without_a_lane_the_headline_says_what_happens_instead(make_decision: Make) -> None:
    nothing = make_decision(action="human_review", lane=None, model=None, estimates={}, propensities={})
    assert "no lane: human_review" in nothing.explain("operator")
    assert "no lane" in nothing._repr_html_()


def test_html_shows_lanes_and_escapes_what_others_wrote(make_decision: Make) -> None:
    """Lane names and reasons come from configuration; a notebook must not run them."""
    estimate = make_decision().estimates["balanced"]
    evil = "<script>x</script>"
    html = make_decision(
        reason=evil, lane=evil, route=evil, estimates={evil: estimate}, excluded={f"b{evil}": [evil]}
    )._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<td>0.840 [0.70, 0.92]</td>" in html
    assert html.count("<b>") == html.count("</b>")


def test_an_unknown_audience_is_an_error(make_decision: Make) -> None:
    """A typo must not decide how much of a decision is shown."""
    with pytest.raises(InvalidRequestError, match="user, operator or auditor"):
        make_decision().explain("users")  # type: ignore[arg-type]


def test_an_operator_sees_the_money_the_lane_that_may_stay_and_what_is_probed(make_decision: Make) -> None:
    """They moved the choice, so a reader who does not see them cannot follow it."""
    selection = {"incumbent": "balanced", "margin": 0.01, "probes": {"private": 0.05}}
    state = {"lambda": 51.25, "budget_left": 1.5, "selection": selection}
    text = make_decision(quality_per_usd=51.25, state=state).explain("operator")
    assert "Money: $1.5000 of the day's budget was left; a dollar had to buy 51.25 quality." in text
    assert "Incumbent: balanced, unless another lane gains more than 0.01 in utility." in text
    assert "Probed: private with p 0.050." in text
    spent = make_decision(state={"budget_left": 0, "selection": {"capped": True}}).explain("operator")
    assert "Money: the budget was spent; a dollar had to buy 30 quality." in spent
    plain = make_decision().explain("operator")
    assert not [word for word in ("Money", "Incumbent", "Probed") if word in plain]
