"""Routing codes and accounts: each beside its word, and none without."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("us_routing", "routing number 021000021"),
        ("us_routing", "021000021 (ABA)"),
        ("uk_sort_code", "sort code 20-48-17"),
        ("in_ifsc", "IFSC: HDFC0004821"),
        ("au_bsb", "BSB 062-481"),
        ("swift", "SWIFT code DEUTDEFF500"),
        ("swift", "BIC: COBADEFFXXX"),
        ("de_blz", "BLZ 100 700 24"),
        ("ca_transit", "transit 00412-003"),
        ("mx_clabe", "CLABE 032180000118359719"),
        ("cz_account", "číslo účtu 19-2000145399/0800"),
    ],
)
def test_a_code_of_a_bank_is_found_beside_its_word(kind: str, text: str, types_in: Types) -> None:
    """With an account number such a code moves money."""
    assert types_in(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "021000021",
        "20-48-17",
        "the swift programming language",
        "BIC: pens and LANGUAGE",
        "public transit line 00412",
        "the institution was founded in 1998",
        "HDFC0004821",
        "032180000118359719 rows",
    ],
)
def test_the_same_digits_without_a_word_are_not_findings(text: str, types_in: Types) -> None:
    """They are dates, lines and counts far more often."""
    assert types_in(text) == []
