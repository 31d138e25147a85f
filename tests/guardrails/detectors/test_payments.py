"""Cards and bank accounts: every issuer and country is found, look-alikes are not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from string import ascii_uppercase

import pytest
from stdnum import iban as oracle

from router_ml.guardrails.detectors.payments import IBAN_LENGTHS, luhn_lengths

Types = Callable[[str], list[str]]


def check_digit(body: str) -> str:
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(body)))
    return str(-total % 10)


def card(prefix: str, length: int, rng: random.Random) -> str:
    body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
    return body + check_digit(body)


def iban(country: str, length: int, rng: random.Random) -> str:
    body = "".join(rng.choices("0123456789", k=length))
    number = "".join(str(int(character, 36)) for character in f"{body}{country}00")
    return f"{country}{98 - int(number) % 97:02d}{body}"


@pytest.mark.parametrize(
    ("prefix", "length"),
    [("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("65", 16), ("3530", 16), ("62", 16)],
)
def test_a_card_of_each_issuer_is_found_grouped_or_not_without_any_word_around(
    prefix: str, length: int, types_in: Types, rng: random.Random
) -> None:
    """A card number that reaches a vendor is a breach, whatever the sentence around it says."""
    number = card(prefix, length, rng)
    grouped = " ".join(number[i : i + 4] for i in range(0, length, 4))
    for text in (number, grouped, grouped.replace(" ", "-"), f"please use {number}, thanks", f"{grouped} 03/27 123"):
        assert types_in(text) == ["card"]


def test_unusual_lengths_need_a_word_that_speaks_of_a_card(types_in: Types, rng: random.Random) -> None:
    """Thirteen and nineteen digits are also time stamps, bar codes and ids."""
    for prefix, length in (("4", 13), ("4", 19), ("5018", 12), ("36", 14)):
        number = card(prefix, length, rng)
        assert types_in(number) == []
        assert types_in(f"my card {number} expires soon") == ["card"]


def test_digits_that_only_look_like_a_card_are_not_findings(types_in: Types, rng: random.Random) -> None:
    """Pinning every order number to the private lane would make the guard useless."""
    number = card("4", 16, rng)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    for text in (
        wrong,
        f"order {number}",
        f"tracking number: {number}",
        f"invoice no. {number}",
        f'"id": {number}',
        f"a{number}",
        f"deadbeef-{number}",
        f"0.{number}",
        "0" * 16,
        "1234 5678 9012 3456",
    ):
        assert types_in(text) == [], text


def test_luhn_lengths_names_the_prefixes_that_check() -> None:
    """The sums of all prefixes are built in one pass; the textbook example must come out."""
    assert 11 in luhn_lengths("79927398713")
    assert luhn_lengths("79927398710") == [length for length in luhn_lengths("79927398713") if length != 11]


@pytest.mark.parametrize(
    ("country", "length"), [(country, n) for n, row in IBAN_LENGTHS.items() for country in row.split()]
)
def test_an_iban_of_each_country_is_found_in_any_spelling(
    country: str, length: int, types_in: Types, rng: random.Random
) -> None:
    """Accounts are written in groups of four, without, and in small letters."""
    number = iban(country, length, rng)
    grouped = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    for text in (number, grouped, number.lower(), f"to {grouped} and then", f"{number}."):
        assert types_in(text) == ["iban"], text


def test_the_lengths_agree_with_the_registry_that_python_stdnum_carries() -> None:
    """A wrong or missing length would miss every account of that country."""
    ours = {country: length for length, row in IBAN_LENGTHS.items() for country in row.split()}
    pairs = (first + second for first in ascii_uppercase for second in ascii_uppercase)
    registered = {pair: oracle._ibandb.info(pair + "0" * 40)[0][1].get("bban") for pair in pairs}
    lengths = {pair: sum(map(int, re.findall(r"(\d+)!", bban))) for pair, bban in registered.items() if bban}
    assert len(lengths) > 70
    assert {pair: ours.get(pair) for pair in lengths} == lengths


def test_an_iban_with_a_wrong_check_or_of_words_is_not_a_finding(types_in: Types, rng: random.Random) -> None:
    """One text in 97 that looks like an account has the right remainder; digits keep prose out."""
    number = iban("DE", 18, rng)
    swapped = number[:4] + number[5] + number[4] + number[6:]
    assert swapped == number or types_in(swapped) == []
    assert types_in("at 12 noon the whole team is meeting here") == []
