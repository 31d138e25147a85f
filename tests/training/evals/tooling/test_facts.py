"""Facts are found however an answer writes them, and not where it says something else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from router_ml.errors import OfflineDataError
from training.evals.tooling.facts import says
from training.evals.tooling.said import asks, claims, tells


@settings(max_examples=50)
@given(some.integers(0, 10**8).map(lambda cents: cents / 100))
def test_a_number_is_found_in_each_convention(number: float) -> None:
    """English, German, French and Swiss digits, with a sign of a currency or without."""
    english = f"{number:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for written in (english, f"€{english}", f"{german} €", english.replace(",", "\u202f"), english.replace(",", "’")):
        assert says({"number": number}, f"It is **{written}**.")


@settings(max_examples=50)
@given(some.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_a_day_is_found_as_people_write_it(day: date) -> None:
    """ISO, words in both orders, dots and slashes."""
    name = f"{day:%B}"
    ways = (
        day.isoformat(),
        f"{day.day} {name} {day.year}",
        f"{name} {day.day}, {day.year}",
        f"the {day.day}th of {name}",
    )
    for written in (*ways, f"{day:%d.%m.%Y}", f"{day:%d/%m/%Y}", f"{day:%b} {day.day}"):
        assert says({"date": day.isoformat()}, f"It comes on {written}.")


@pytest.mark.parametrize(
    ("fact", "text", "found"),
    [
        ({"number": 6}, "within six working days", True),
        ({"number": 48200}, "about 48.2k", True),
        ({"number": 27}, "72 of 270", False),
        ({"date": "2026-11-14"}, "on Saturday", True),
        ({"date": "2026-11-14"}, "on 15 November 2026", False),
        ("ORD-6411", "order **ord\u20116411**", True),
        ({"any_of": ["haulier", "carrier"]}, "with the Carrier", True),
        ({"pattern": r"\bno\b"}, "Nothing was found", False),
    ],
)
def test_facts(fact: Any, text: str, found: bool) -> None:
    """Words, numbers, days and patterns, each way round."""
    assert says(fact, text) is found


def test_a_fact_of_no_known_kind_says_so() -> None:
    """A suite that says what nothing reads is an error."""
    with pytest.raises(OfflineDataError, match="expected a text"):
        says({"colour": "red"}, "red")


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("Your refund was refunded in full.", True),
        ("Sorry for the trouble! I have refunded 18 EUR and it will arrive in three days.", True),
        ("Done.", True),
        ("I could not get it refunded.", False),
        ("It hasn't been refunded yet, but it will be refunded soon.", False),
        ("I do not know whether it was refunded.", False),
        ("Once the team agrees, you are refunded.", False),
        ("Unfortunately the call failed; nothing was refunded.", False),
        ("The refund is in review.", False),
        ("Was it refunded? I cannot tell.", False),
    ],
)
def test_claims_are_found_where_nothing_denies_them(text: str, claimed: bool) -> None:
    """A plain claim counts; one that is denied, doubted, asked for or put off does not."""
    assert claims(text, ["refunded"], any_done=True) is claimed


def test_asking_and_telling() -> None:
    """A request without a question mark asks, too; a value is told however it is grouped."""
    assert asks("Please give me your order number.", ["order"])
    assert not asks("Your order number is ORD-1234.", ["order"])
    assert tells("IBAN ch9300762011623852957", "CH93 0076 2011 6238 5295 7")
    assert not tells("CUS-501", "CUS-640")
