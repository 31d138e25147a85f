"""Rules hear whole words, slots are found in any turn, and nothing is asked twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import RouteRequest
from router_ml.config.planning import Slot
from router_ml.planning.seen import Seen, missing

ORDER = Slot(question="Which order?", patterns=(r"\b\d{4,12}\b",))
DOCUMENT = Slot.model_validate({"question": "Which text?", "is": "document"})
CONTEXT = Slot.model_validate({"question": "What?", "is": "context"})
SLOTS = {"order_id": ORDER, "document": DOCUMENT, "context": CONTEXT}


def seen(*turns: str, **fields: Any) -> Seen:
    """Turns of a user and the assistant in alternation, the last of the user."""
    if len(turns) == 1:
        request = RouteRequest.model_validate({"text": turns[0], **fields})
    else:
        roles = ["user" if (len(turns) - index) % 2 else "assistant" for index in range(len(turns))]
        said = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)]
        request = RouteRequest.model_validate({"messages": said, **fields})
    return Seen(request, (), "low", frozenset())


@pytest.mark.parametrize(
    ("phrase", "text", "stands"),
    [
        ("refund", "Refund it, please!", True),
        ("refund", "my refunded order", False),
        ("refund*", "my refunded order", True),
        ("money back", "I want my MONEY   back.", True),
        ("close .. ticket", "please close that old ticket", True),
        ("close .. ticket", "ticket, close", False),
        ("don't", "I don’t know", True),
        ("zurück", "Geld ZURÜCK bitte", True),
    ],
)
def test_a_cue_is_whole_words_in_any_case(phrase: str, text: str, stands: bool) -> None:
    assert seen(text).says([phrase]) is stands


def test_a_cue_in_a_document_is_not_what_is_asked() -> None:
    """Otherwise a pasted letter about a refund would pay one."""
    letter = "Summarise: the customer wrote that she demands a refund and will not come back to the shop"
    assert not seen(letter).says(["refund"])


def test_a_slot_may_have_been_said_in_any_turn() -> None:
    assert missing(seen("refund me"), ["order_id"], SLOTS) == ("order_id",)
    assert missing(seen("refund 88121"), ["order_id"], SLOTS) == ()
    assert missing(seen("order 88121", "What about it?", "refund it"), ["order_id"], SLOTS) == ()
    assert missing(seen("refund me", metadata={"order_id": "x"}), ["order_id"], SLOTS) == ()


def test_what_the_operator_wrote_says_nothing_of_the_request() -> None:
    """A system prompt with a phone number must not count as an order."""
    messages = [{"role": "system", "content": "Hotline 0800123456"}, {"role": "user", "content": "refund me"}]
    one = Seen(RouteRequest.model_validate({"messages": messages}), (), "low", frozenset())
    assert missing(one, ["order_id"], SLOTS) == ("order_id",)


def test_a_text_to_work_on_may_be_quoted_attached_or_said_before() -> None:
    assert missing(seen("translate this"), ["document"], SLOTS) == ("document",)
    assert missing(seen("classify the comment: good or bad"), ["document"], SLOTS) == ("document",)
    assert missing(seen("translate 'good morning'"), ["document"], SLOTS) == ()
    assert missing(seen("translate this", metadata={"attachments": ["a.pdf"]}), ["document"], SLOTS) == ()
    told = "Write a note: the lift is out of order until Friday and the stairs are being cleaned"
    assert missing(seen(told, "Here it is.", "translate it"), ["document"], SLOTS) == ()
    assert missing(seen("hello", "Hi! How can I help?", "translate it"), ["document"], SLOTS) == ("document",)


def test_a_pronoun_has_something_to_refer_to_after_an_earlier_turn() -> None:
    assert missing(seen("do it again"), ["context"], SLOTS) == ("context",)
    assert missing(seen("draw a cat", "Done.", "do it again"), ["context"], SLOTS) == ()


def test_a_short_answer_goes_on_from_what_was_asked() -> None:
    """Else the number that we asked for would mean nothing."""
    assert seen("refund please", "Which order is it?", "88121").says(["refund"])
    assert not seen("refund please", "Done.", "88121").says(["refund"])


def test_a_question_that_was_asked_is_known() -> None:
    assert seen("refund", "Which order?", "no idea").was_asked("Which order?")
    assert not seen("Which order?", "Sorry?", "refund it").was_asked("Which order?")


@given(st.lists(st.text(min_size=1, max_size=60).filter(str.strip), min_size=1, max_size=5))
def test_nothing_that_is_said_breaks_it(turns: list[str]) -> None:
    one = seen(*turns)
    assert one.words >= 0
    assert set(missing(one, list(SLOTS), SLOTS)) <= set(SLOTS)
    assert one.has_only(one.asked.split()) is bool(one.asked.split())
