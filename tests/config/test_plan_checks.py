"""A rule of the plan that names nothing, is never reached or could run for ever is found when the file is read."""

from __future__ import annotations

import pytest

from router_ml.config import parse_config
from router_ml.config.plan_checks import unbounded
from router_ml.errors import ConfigError

SECTIONS = """\
cues:
  refund: [refund, money back]
slots:
  order_id: {question: Which order?, patterns: ['\\b\\d{4,12}\\b']}
plan:
"""


def problems(small: str, rules: str, sections: str = SECTIONS) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(small.replace("plan:\n", sections + rules))
    return {problem.key: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("rule", "key", "message"),
    [
        ("{when: {says: [refnd]}, retrieval: none}", "plan[0].when.says", "not a known cue"),
        ("{when: {tool: [refnd]}, retrieval: none}", "plan[0].when.tool", "not a known tool"),
        ("{when: {has: [order]}, retrieval: none}", "plan[0].when.has", "not a known slot"),
        ("{when: {says: []}, retrieval: none}", "plan[0].when.says", "unreachable"),
        ("{when: {min_words: 5, max_words: 2}, retrieval: none}", "plan[0].when.min_words", "unreachable"),
        ("{when: {intent: [qa]}, retrieval: clarify}", "plan[0].retrieval", "nothing to ask"),
        ("{retrieval: clarify, missing: [order]}", "plan[0].missing", "not a known slot"),
        ("{retrieval: none, missing: [order_id]}", "plan[0].missing", "only a rule with retrieval clarify"),
        ("{tools: {required: [refnd]}}", "plan[0].tools.required", "not a known tool"),
        ("{when: {intent: [action]}}", "plan[0]", "sets nothing"),
        ("{when: {tool: [refund], intent: [qa]}, retrieval: deep}", "plan[0].retrieval", "needs an index"),
    ],
)
def test_a_rule_that_cannot_mean_what_it_says_is_found(small: str, rule: str, key: str, message: str) -> None:
    assert message in problems(small, f"  - {rule}\n")[key]


def test_a_rule_behind_one_that_takes_all_its_requests_is_found(small: str) -> None:
    rules = "  - {when: {intent: [action, qa]}, retrieval: none}\n  - {when: {intent: [action]}, retrieval: none}\n"
    assert "unreachable: plan[0]" in problems(small, rules)["plan[1]"]


def test_a_rule_that_asks_hides_none_behind_it(small: str) -> None:
    """What has been said is not asked for, so the next rule is reached."""
    rules = "  - {when: {intent: [action]}, retrieval: clarify, missing: [order_id]}\n"
    rules += "  - {when: {intent: [action]}, retrieval: none}\n"
    assert len(parse_config(small.replace("plan:\n", SECTIONS + rules)).plan) == 3


@pytest.mark.parametrize("pattern", [r"\d+", "a*", r"\d{3,}", "(ab){2}", "(a{1,9}){1,9}", r"x{1,500}", "(", "a" * 301])
def test_a_pattern_that_could_run_for_long_is_refused(small: str, pattern: str) -> None:
    """Requests are hostile, and Python's matcher cannot be stopped."""
    assert unbounded(pattern)
    sections = SECTIONS.replace("\\b\\d{4,12}\\b", pattern)
    assert "slots.order_id.patterns[0]" in problems(small, "", sections)


@pytest.mark.parametrize("pattern", [r"\b[A-Z]{1,4}-?\d{3,12}\b", r"[*+]{2}", r"\+\d{2,15}", "(?:ab|c)?x"])
def test_a_pattern_with_an_end_is_taken(pattern: str) -> None:
    assert unbounded(pattern) is None


def test_files_of_earlier_releases_go_on_loading(small: str) -> None:
    config = parse_config(small.replace("plan:\n", "plan:\n  - {when: {intent: [action]}, require_tools: true}\n"))
    assert config.plan[0].require_tools
    assert config.cues == {}
