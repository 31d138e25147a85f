"""Runs of number words are digits, in ten languages; prose with numbers in it stays prose."""

from __future__ import annotations

import pytest

from router_ml.guardrails.readings.numerals import spelled_out


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four one one one", "4111"),
        ("four double one, triple zero nine", "4110009"),
        ("forty-two, seventeen, oh, five", "421705"),
        ("zero seven eight dash zero five dash one", "078-05-1"),
        ("plus four nine three zero", "+4930"),
        ("null eins zwei drei", "0123"),
        ("zéro un deux trois", "0123"),
        ("cero uno dos tres", "0123"),
        ("zero uno due tre", "0123"),
        ("zero um dois três", "0123"),
        ("nul een twee drie", "0123"),
        ("zero jeden dwa trzy", "0123"),
        ("sıfır bir iki üç", "0123"),
        ("noll ett två tre", "0123"),
        ("vierunddreißig zweiundzwanzig elf neun", "3422119"),
        ("two five . zero five . one nine", "25.05.19"),
        ("one two C three four X", "12C34X"),
    ],
)
def test_number_words_are_digits(text: str, digits: str) -> None:
    assert spelled_out(f"it is {text} thanks", f"it is {text} thanks".lower()) == f"it is {digits} thanks"


@pytest.mark.parametrize(
    "text",
    [
        "one of the two was three and four",
        "twenty or thirty people",
        "One day two friends met three dogs and four cats.",
        "chapter one, verse two",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    assert spelled_out(text, text.lower()) == text
