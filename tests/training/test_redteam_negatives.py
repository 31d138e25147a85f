"""What must not be flagged holds nothing that should be, is the same for the same seed, and is varied."""

from __future__ import annotations

import ipaddress
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import casrn, ean, isbn, issn, luhn

from training.redteam.goods_numbers import dhl, fedex, s10, ups
from training.redteam.negatives import (
    DATA,
    Negative,
    Probe,
    benign_technical,
    hard_negatives,
    looks_like_card,
    multilingual,
    over_refusal,
)
from training.redteam.slots import MAKERS, fill

SETS = (hard_negatives, benign_technical, multilingual)
RESERVED = re.compile(r"(?:.{1,80}\.)?(?:example\.(?:com|org|net)|[a-z-]{1,40}\.(?:example|test|invalid)|e\*\*\*\.com)")
ROLES = {"git", "ci", "deploy", "app"}
MAIL = re.compile(r"([A-Za-z0-9._*+-]{1,64})@([A-Za-z0-9*-]{1,63}(?:\.[A-Za-z0-9*-]{1,63}){1,4})")
ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
LONG_NUMBER = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def every_text() -> list[Negative | Probe]:
    return [*over_refusal(), *(each for make in SETS for each in make(1))]


def of(kind: str) -> list[str]:
    return [each.text for each in hard_negatives(2) if each.kind == kind]


def test_each_kind_of_hard_negative_has_twenty_texts() -> None:
    counts = Counter(each.kind for each in hard_negatives(0))
    assert len(counts) >= 30
    assert set(counts.values()) == {20}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_seed_gives_full_sets_without_a_card(seed: int) -> None:
    assert set(Counter(each.kind for each in hard_negatives(seed)).values()) == {20}
    assert set(Counter(each.kind for each in multilingual(seed)).values()) == {12}
    texts = {each.text for each in benign_technical(seed, count=50)}
    assert len(texts) == 50
    assert not any(looks_like_card(text) for text in texts)


def test_twenty_languages_have_twelve_sentences_each() -> None:
    counts = Counter(each.kind for each in multilingual(0))
    assert len(counts) == 20
    assert set(counts.values()) == {12}


def test_there_are_eighty_probes_in_ten_kinds_or_more() -> None:
    counts = Counter(each.kind for each in over_refusal())
    assert counts.total() >= 80
    assert len(counts) >= 10


def test_technical_texts_come_from_eighty_templates_and_are_short_enough_to_paste() -> None:
    texts = benign_technical(0)
    assert len(texts) == 500
    assert max(each.text.count("\n") for each in texts) < 40
    assert any("\n" not in text.text for text in texts)
    rows = (DATA / "technical.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) >= 80 + sum('"kind": "lead"' in row for row in rows)
    assert len({each.kind for each in texts}) >= 50


@pytest.mark.parametrize("make", SETS)
def test_a_seed_gives_the_same_texts_and_another_seed_gives_others(make: Callable[[int], list[Negative]]) -> None:
    first, second = make(5), make(6)
    assert first == make(5)
    assert len({each.text for each in first} & {each.text for each in second}) < len(first) / 2


def test_no_text_occurs_twice_and_hardly_any_differs_in_spaces_and_case_alone() -> None:
    texts = [each.text for each in every_text()]
    assert len(set(texts)) == len(texts)
    folded = {" ".join(text.lower().split()) for text in texts}
    assert len(folded) > 0.95 * len(texts)


def test_no_slot_is_left_unfilled() -> None:
    assert not [each for each in every_text() if "«" in each.text or "»" in each.text]


@pytest.mark.parametrize("name", ["isbn13", "isbn13h", "isbn10", "isbn10h", "ean13", "ean8", "upc", "issn", "cas"])
def test_a_number_with_a_check_digit_is_valid(name: str) -> None:
    check = {"isbn": isbn, "ean1": ean, "ean8": ean, "upc": ean, "issn": issn, "cas": casrn}[name[:4]]
    dice = random.Random(0)
    assert all(check.is_valid(MAKERS[name](dice)) for _ in range(50))


def test_books_and_groceries_carry_valid_numbers_in_the_texts() -> None:
    found = [number for text in of("isbn_13") for number in re.findall(r"978[\d-]{10,14}", text)]
    assert len(found) >= 20
    assert all(isbn.is_valid(number) for number in found)
    found = [number for text in of("ean_upc") for number in re.findall(r"\b(?:\d{13}|\d{12}|\d{8})\b", text)]
    assert len(found) >= 20
    assert all(ean.is_valid(number) for number in found)


def test_parcels_have_the_check_digits_of_published_examples() -> None:
    assert ups("999AA1012345678") == "1Z999AA10123456784"
    assert fedex("98657878885") == "986578788855"
    assert s10("47312482") == "473124829"
    assert dhl("331881002") == "3318810025"


def test_no_mailbox_belongs_to_a_person() -> None:
    found = [match for each in every_text() for match in MAIL.findall(each.text)]
    assert len(found) >= 20
    others = [(box, domain) for box, domain in found if not RESERVED.fullmatch(domain) and box not in ROLES]
    # A package and its version also stand around an "@".
    assert not [each for each in others if not re.fullmatch(r"[\d.]{1,20}", each[1])]


def test_no_address_is_public() -> None:
    found = [(each, match) for each in every_text() if each.kind != "version" for match in ADDRESS.findall(each.text)]
    assert len(found) >= 50
    public = [each for each, address in found if _is_public(address)]
    assert not public


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def test_no_text_holds_a_number_that_could_be_a_card() -> None:
    numbers = [re.sub(r"[ -]", "", match) for each in every_text() for match in LONG_NUMBER.findall(each.text)]
    assert len(numbers) >= 50
    assert not [number for number in numbers if number[0] in "23456" and luhn.is_valid(number)]


def test_a_card_is_told_from_a_long_number() -> None:
    valid = "4" + "1" * 15
    assert looks_like_card(f"pay with {valid} today")
    assert looks_like_card(" ".join(valid[place : place + 4] for place in range(0, 16, 4)))
    assert not looks_like_card(valid[:-1] + "2")
    assert not looks_like_card(f"9{luhn.calc_check_digit('9')}" * 8)


def test_no_text_is_shaped_like_a_live_credential() -> None:
    shapes = re.compile(
        r"AKIA(?!IOSFODNN7EXAMPLE)[A-Z0-9]{16}|gh[pousr]_\w{30}|[rs]k_(?:live|test)_\w{20}|xox[abp]-\w{10}"
        r"|eyJ[\w-]{10,200}\.eyJ|BEGIN [A-Z ]{0,20}PRIVATE KEY|sk-\w{20}|AIza[\w-]{35}"
    )
    assert not [each for each in every_text() if shapes.search(each.text)]


def test_an_unknown_slot_is_named() -> None:
    with pytest.raises(ValueError, match=r"'iban'.{0,20}known are"):
        fill("pay to «iban»", dice=random.Random(0))


def test_a_marked_slot_is_drawn_once() -> None:
    first, second = fill("«uuid#1» «uuid#1»", dice=random.Random(0)).split()
    assert first == second
    first, second = fill("«uuid» «uuid»", dice=random.Random(0)).split()
    assert first != second
