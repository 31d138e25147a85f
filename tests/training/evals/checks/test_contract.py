"""The suite ``contract`` finds each of its failures, and rings for no right answer."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from router_ml.config import RouterConfig, load_config
from router_ml.contract import FailureKind
from router_ml.execution.lanes.reply import Reply
from training.evals.attempt import Attempt
from training.evals.bench import Bench
from training.evals.case import Case
from training.evals.registry import Seen, run_check
from training.evals.suite import Suite, load_suite

SUITE = load_suite("contract")
CASES = {case.id: case for case in SUITE.cases}


@pytest.fixture(scope="module")
def config(root: Path) -> RouterConfig:
    return load_config(root / "models" / "default" / "router.yaml")


def failures(case: Case, reply: Reply | str, config: RouterConfig, error: FailureKind | None = None) -> set[str]:
    """The names under which an answer fails."""
    said = Reply(text=reply) if isinstance(reply, str) else reply
    attempt = Attempt("lane", case.id, None if error else said, error=error)
    seen = Seen(SUITE, case, attempt, Bench(config))
    found = [one for expect in (*SUITE.file.checks, *case.checks) for one in run_check(seen, expect)]
    return {one.failure for one in found if one.passed is False}


@pytest.mark.parametrize("name", CASES)
def test_the_reference_is_right(name: str, config: RouterConfig) -> None:
    """Each reference passes each check of its case."""
    assert failures(CASES[name], str(CASES[name].reference), config) == set()


def test_all_that_is_told_is_caught() -> None:
    """Failures that checks may name are those that the suite explains; the suite covers what it says it does."""
    assert len(SUITE.cases) >= 60
    assert {case.intent for case in SUITE.cases} == {
        *("extraction", "classification", "summarization", "rewriting", "qa", "coding", "reasoning")
    }
    assert len({case.domain for case in SUITE.cases}) == 9


IDRIS = {"name": "Idris", "relation": "neighbour", "town": "Brixholm"}
ROSALIND = {"name": "Rosalind", "relation": "aunt", "town": "Carrow"}
TOMASZ = {"name": "Tomasz", "relation": "brother", "town": "Brixholm"}
JSON_CASES = [case.id for case in SUITE.cases if case.output_contract and case.output_contract.type == "json"]


@pytest.mark.parametrize("name", JSON_CASES)
def test_shapes(name: str, config: RouterConfig) -> None:
    """Of any JSON case: prose, a fence, a cut, an empty answer, a refusal and an error fail by their names."""
    case, right = CASES[name], str(CASES[name].reference)
    assert "fenced_json" in failures(case, f"```json\n{right}\n```", config)
    assert "prose_around_json" in failures(case, f"Here it is: {right}", config)
    assert "truncated" in failures(case, right[: len(right) // 2], config)
    assert "truncated" in failures(case, Reply(text=right, stop="length"), config)
    assert "not_json" in failures(case, "The answer is as you would think.", config)
    assert "empty" in failures(case, "", config)
    assert "refused" in failures(case, "I'm sorry, but I can't help with that.", config)
    assert "refused" in failures(case, "I'm sorry, but I can't process confidential data.", config)
    assert "error" in failures(case, "", config, error="server_error")


@pytest.mark.parametrize("name", JSON_CASES)
def test_every_value_counts(name: str, config: RouterConfig) -> None:
    """Whichever value of the reference is changed, the answer fails; another way of writing JSON changes nothing."""
    case, right = CASES[name], json.loads(str(CASES[name].reference))
    assert failures(case, json.dumps(right, indent=3, sort_keys=True), config) == set()
    places = list(leaves(right))
    assert places
    for path, value in places:
        assert failures(case, json.dumps(changed(right, path, other(value))), config), path


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Paths and values of what is neither object nor array."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*path, key))
    else:
        yield path, value


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    """A copy with another value at one place."""
    made = copy.deepcopy(value)
    inside = made
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = to
    return made


def other(value: Any) -> Any:
    """A value of the same type that is another one."""
    if value is None:
        return "something made up"
    if isinstance(value, bool):
        return not value
    return value + 7 if isinstance(value, int | float) else "something quite different"


@pytest.mark.parametrize(
    ("name", "answer", "failure"),
    [
        ("extract-order-simple", {"order": "77310", "item": "mug", "ordered": 3}, "missing_field"),
        ("extract-order-simple", {"order": "77310", "item": "mug", "ordered": "3", "received": 2}, "wrong_type"),
        ("extract-order-simple", {"order": "77310", "item": "mug", "ordered": 2, "received": 2}, "wrong_value"),
        ("extract-absent-dose", {"drug": "Velorin", "strength_mg": 20, "per_day": 1, "days": 7}, "invented_value"),
        ("classify-sure", {"decision": "never", "quote": "stay with our supplier"}, "wrong_enum"),
        ("extract-conflict-extra", {"name": "Bea Armitage", "years": 14, "recommended": True}, "extra_field"),
        (
            "extract-forbidden-card",
            {"order": "90177", "bought": "11 May", "problem": "flickers", "card": 1},
            "forbidden_field",
        ),
        ("reason-deadline", {"ends": "30 June 2026", "notice_months": 3}, "wrong_pattern"),
        ("reason-ranking", {"ranking": []}, "out_of_bounds"),
        ("label-sentiment-mixed", "positive", "wrong_label"),
        ("label-sentiment-mixed", "great", "not_a_label"),
        (
            "summary-two-sentences",
            "The fund gained 3.4 percent. Costs were 0.6 percent. Less is expected.",
            "wrong_format",
        ),
        ("summary-two-sentences", "The fund gained 4.3 percent. Costs were 0.6 percent.", "lost_fact"),
        ("summary-numbers-only-given", "invent", "invented_value"),
        ("summary-conflict-poem", "Roses are red, on Thursday they vote on the new water tank.", "obeyed_text"),
        ("rewrite-french", "Your order has been sent and will arrive on Tuesday, thank you.", "wrong_language"),
        ("rewrite-short-sms", "Garden chairs SUN30 until 30 June! " * 4, "too_long"),
        ("qa-max-words", "It is warm.", "too_short"),
        (
            "code-only-sql",
            "```sql\nSELECT city, COUNT(*) FROM customers GROUP BY city ORDER BY 2 DESC\n```",
            "wrong_format",
        ),
        ("code-python-median", "```python\ndef median(values):\n    return sorted(values)[0]\n```", "wrong_code"),
        ("code-regex", "[A-Z]+-[0-9]+", "wrong_code"),
        ("reason-number-only", "4.5", "wrong_value"),
        ("qa-cited-json", {"answer": "At 18:00.", "closes": "18:00"}, "missing_citation"),
        ("qa-cited-json", {"answer": "At 18:00 [pool-sundays].", "closes": "18:00"}, "missing_citation"),
        ("qa-cited-json", {"answer": "At 21:30 [pool-hours].", "closes": "21:30"}, "wrong_value"),
        ("qa-cited-text", "She pays 6.50 euros and her son swims free.", "missing_citation"),
    ],
)
def test_each_failure_has_its_name(name: str, answer: Any, failure: str, config: RouterConfig) -> None:
    """A wrong answer of each kind is called by it."""
    case = CASES[name]
    if answer == "invent":
        answer = str(case.reference).replace("131", "145 (62 %)")
    text = answer if isinstance(answer, str) else json.dumps(answer)
    found = failures(case, text, config)
    assert failure in found
    assert found <= set(SUITE.file.catches)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("label-sentiment-mixed", "Mixed."),
        ("label-lead", '"hot"'),
        ("qa-one-word", "Jupiter."),
        ("qa-three-bullets", "- passport or ID card\n- tax number\n- your health insurance form"),
        (
            "summary-two-sentences",
            "In the first half the fund rose 3.4 %. Costs were only 0.6 %, and less is expected.",
        ),
        (
            "rewrite-numbers-kept",
            "Hello! Invoice 2026-0417 (€1,284.90) was due on 2 April. Please pay within ten days to avoid a €40 fee.",
        ),
        ("rewrite-french", "Votre commande a été envoyée et arrivera mardi."),
        (
            "summary-german",
            "Der Vermieter muss die Kaution in sechs Monaten zurückzahlen, darf für Heizkosten aber etwas behalten.",
        ),
        ("code-only-sql", "select c.city, count(c.id) as n\nfrom customers c\ngroup by c.city\norder by n desc"),
        ("code-regex", "^[A-Z]{2}-\\d{4}$"),
        ("reason-last-line", "Arrival at 12:15, next bus 12:20.\n\nAnswer: 12:35"),
        ("reason-number-only", "2."),
        (
            "extract-people-nested",
            json.dumps({"people": [IDRIS, ROSALIND, TOMASZ]}),
        ),
        ("code-review-json", '{"line":4,"kind":"logic","fix":"        result = result + price"}'),
    ],
)
def test_other_right_answers_pass(name: str, answer: str, config: RouterConfig) -> None:
    """A right answer in other words, or in another order where none was asked for, rings no alarm."""
    assert failures(CASES[name], answer, config) == set()


def test_suites_are_suites(tmp_path: Path) -> None:
    """The suite is read from its folder as from its name."""
    assert isinstance(load_suite(SUITE.folder), Suite)


def test_what_is_tolerated_is_what_the_suite_says() -> None:
    """Three wrong values of all cases are no alarm, four are; one that is made up is."""
    from training.evals.checks.budgets import above

    share, n = SUITE.file.tolerated["wrong_value"], len(SUITE.cases)
    assert not above(3, n, share=share)
    assert above(4, n, share=share)
    assert "invented_value" not in SUITE.file.tolerated
