"""What a right answer says has to be said by any other."""

from __future__ import annotations

import pytest

from router_ml.execution.lanes.reply import Reply
from training.evals.grounding import encoding, entailing
from training.evals.grounding.judged import CERTAIN, judging
from training.evals.grounding.reading import guesses
from training.evals.suite import load_suite

SUITE = load_suite("groundedness")
CASES = {case.id: case for case in SUITE.cases}
WRONG = {
    "yes for no": ("g053", "Yes, vitamin C does no harm. [ferrosol#3]"),
    "no for yes": ("g004", "No, on flights that last longer than nine hours; otherwise economy. [travel-2024#2]"),
    "a negation dropped behind a frame": (
        "g136",
        "As the passages say, the tablets are meant for children under 12. [ferrosol#2]",
    ),
    "the least for the most": ("g033", "At least five [api-v2#2]."),
    "from for until": ("g012", "From 31 March [leave-ie#1]."),
    "another unit of the kind": ("g036", "14 weeks before the expiry [api-v3#2]."),
    "no for yes behind some talk": ("g053", "As far as I can tell: yes, vitamin C does harm. [ferrosol#3]"),
    "another day": ("g188", "Thursday to Friday, from 8:00 to 18:00 [plans#2]."),
    "another date": ("g194", "108 euros, by the notice of 3 March 2026, as of 3 April [notices#1]."),
    "a condition dropped": ("g030", "Breaking the seal on the housing ends it. [returns#3]"),
}
RIGHT = {
    "a no in other words": (
        "g005",
        "You may not: your journey is shorter than the three hours that first class requires. [travel-2026#2]",
    ),
    "behind some talk": ("g192", "I believe the answer is this: No, it has expired [api-v3#2]."),
    "another unit": ("g048", "Three weeks (21 days) in advance [outage#4]."),
    "a denial beside the reason": ("g069", "No, it holds only bonds and no shares at all [fund-green#1]."),
}


def found(name: str, text: str) -> set[str]:
    judge = judging(SUITE, CASES[name], entailing.load(), encoding.shipped())
    return set(judge.judge(Reply(text=text)).failures)


@pytest.mark.parametrize("way", WRONG)
def test_what_no_other_words_explain_is_contradicted(way: str) -> None:
    """Such an answer is unsupported, and contradicted as well, of which a suite tolerates less."""
    assert found(*WRONG[way]) >= {CERTAIN, "unsupported"}


@pytest.mark.parametrize("way", RIGHT)
def test_right_answers_in_other_words_pass(way: str) -> None:
    """None of the strict looks fails them."""
    assert found(*RIGHT[way]) == set()


def test_passages_that_only_share_a_topic_are_of_no_use() -> None:
    """Citing all that was given is found, however short the answer is."""
    assert "wrong_source" in found("g064", "At the hospital, not at the centre [clinic#4, clinic#3, dorveline#2].")


@pytest.mark.parametrize(
    "text",
    [
        "The policy does not say, but charging is usually paid at 40 cents per kWh.",
        "The passages do not state it; normally such a warranty lasts two years.",
    ],
)
def test_a_guess_beside_an_abstention_is_an_answer(text: str) -> None:
    """Who says that it is not there and gives a figure all the same has not abstained."""
    assert guesses(text, "2 days")
    assert not guesses("The passages cover 2024 and 2026 only.", "of 2024 and of 2026")
