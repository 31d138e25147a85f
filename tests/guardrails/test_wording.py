"""Orders to change something are found; questions, policies, text tasks and code are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.guardrails.wording import asks_for_change


@pytest.mark.parametrize(
    "task",
    [
        "Refund order 8812 and email me",
        "please cancel my subscription",
        "Can you reset my password?",
        "I want to cancel my flight to Oslo",
        "hi, could you please delete my account",
        "Delete all the photos of him. every single one",
        "Transfer $500 to my savings",
        "wire 2000 euros to the landlord",
        "freeze my card RIGHT NOW",
        "book me a table for two at eight",
        "Schedule a meeting with Bob on Monday",
        "sign me up for beginners pottery",
        "update my shipping address to 5 Elm Street",
        "deploy this release to production",
        "restart the shop server pls",
        "roll back the deployment",
        "send an email to the team that we are late",
        "Email Karla that the meeting moved",
        "approve the expense of Tim",
        "open a ticket for the printer",
        "The parcel never came. Please refund me.",
        "Hi,\n\nplease cancel my order.",
        "turn off auto renew for the domain",
        "add the blue one to my cart",
    ],
)
def test_an_order_to_change_something_is_recognised(task: str) -> None:
    """A change that is not recognised could be promised in prose and never made, or made without approval."""
    assert asks_for_change(task)


@pytest.mark.parametrize(
    "task",
    [
        "How do I cancel my subscription?",
        "What is your refund policy?",
        "Can I cancel my order after it shipped?",
        "What happens if I delete my account?",
        "Explain how to transfer money abroad",
        "I'd like to know how to reset my password",
        "please don't cancel my order",
        "Write a function that deletes my account",
        "write a script to restart the server",
        "Translate: cancel my order",
        'Classify this ticket: "please cancel my subscription"',
        "Summarize:\nPlease refund my order.",
        "You are a ticket router.\n\nTicket: please cancel my subscription",
        "kill the process on port 8080",
        "delete my last sentence and shorten the rest",
        "remove duplicates from the list",
        "Should I cancel my flight?",
        "cancel my life insurance or keep paying?",
        "I cancelled my order yesterday, when do I get the money?",
        "text for the cancel anytime banner",
        "tell me a joke about refunds",
        "message for the school: max is ill",
        "",
    ],
)
def test_talk_about_changes_is_not_an_order(task: str) -> None:
    """Sending a question about the refund policy to human review would stop half of all support."""
    assert not asks_for_change(task)


@given(st.text(max_size=300))
def test_any_text_gives_an_answer(task: str) -> None:
    """The rule runs on whatever users type."""
    assert asks_for_change(task) in (True, False)
