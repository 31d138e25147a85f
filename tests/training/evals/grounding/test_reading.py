"""Answers are taken apart as a reader would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.grounding.reading import abstains, has, read


def test_brackets_belong_to_the_sentence_before() -> None:
    """A citation behind the full stop counts for what it stands behind; one in the sentence for that sentence."""
    found = read("It costs 3 euros. [a#1] It is open on Monday [a#2]. Who knows?", ["a#1", "a#2"])
    assert [one.cited for one in found] == [("a#1",), ("a#2",), ()]
    assert [one.needs for one in found] == [True, True, False]


@pytest.mark.parametrize("text", ["No.", "Here is what I found:", "The passages do not mention a price.", "Sure."])
def test_what_states_no_fact_needs_no_source(text: str) -> None:
    """Greetings, a bare no and silence of the passages have nothing to cite."""
    assert not any(one.needs for one in read(text, ["a#1"]))


@pytest.mark.parametrize(
    "text",
    [
        "The passages don't say.",
        "I could not find the price in the documents.",
        "Unfortunately this is not stated in the text.",
        "There is no information about that.",
        "I'm sorry, but I cannot answer that from the passages given.",
        "The maximum is not specified by the documentation [api#1].",
    ],
)
def test_silence_is_heard(text: str) -> None:
    """The common ways to say that the passages do not answer are known."""
    assert abstains(text)


@pytest.mark.parametrize(
    "text", ["No fee is charged.", "Dogs are not allowed.", "It cannot be refunded.", "Nobody may enter without a key."]
)
def test_a_denial_is_an_answer(text: str) -> None:
    """A plain no is no silence."""
    assert not abstains(text)


def test_facts_in_other_forms() -> None:
    """Numbers count whatever their separators, small ones also in words; one of something is not two of it."""
    assert has("It takes twelve weeks.", "12 weeks")
    assert has("It costs 1150 euros.", "1,150")
    assert has("You get one week.", "one week")
    assert not has("You get two weeks.", "one week")
    assert not has("It costs 25 euros.", "2")
    assert has("That is forbidden.", "no")


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever a lane writes is read without an error, and cites nothing that was not given."""
    assert all(set(one.cited) <= {"a#1"} for one in read(text, ["a#1"]))
    abstains(text)


def test_abstentions_are_told_from_answers_that_deny_something() -> None:
    """In whatever words an answer says that the passages do not tell, it abstains; one that denies a fact does not."""
    lines = (Path(__file__).parent / "abstaining.jsonl").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line) for line in lines]
    assert [one["text"] for one in said if abstains(one["text"]) is not one["abstains"]] == []
