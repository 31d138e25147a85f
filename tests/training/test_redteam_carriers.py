"""Carriers: every class has enough, they say what the value is, and nothing but the value differs."""

from __future__ import annotations

import random

import pytest

from training.redteam.carriers import carriers, make_cases, suitable
from training.redteam.decoys import DECOYS
from training.redteam.kinds import Kind
from training.redteam.values import KINDS

EIGHT_LANGUAGES = {"de", "fr", "es", "it", "pt", "nl", "pl", "tr"}


@pytest.mark.parametrize("kind", [*KINDS.values(), *DECOYS.values()], ids=lambda kind: kind.name)
def test_each_class_has_eight_carriers_that_fill(kind: Kind) -> None:
    assert len(suitable(kind)) >= 8
    for case in make_cases(kind, len(suitable(kind)), random.Random(1)):
        text = case.text()
        assert case.value in text
        assert not any(slot in text.lower() for slot in ("{label}", "{key}", "{value}"))
        before, after = case.around()
        assert before + case.value + after == text
        assert case.request().text == text


@pytest.mark.parametrize("name", ["email", "phone", "card", "iban", "password", "date_of_birth"])
def test_common_classes_are_asked_in_eight_languages_too(name: str) -> None:
    assert {one.language for one in suitable(KINDS[name])} == EIGHT_LANGUAGES | {"en"}


def test_cases_repeat_with_their_seed_and_use_many_carriers() -> None:
    first, again = (make_cases(KINDS["iban"], 12, random.Random(4)) for _ in range(2))
    assert first == again
    assert len({case.template for case in first}) == 12


def test_no_carrier_is_there_twice() -> None:
    assert len(set(carriers())) == len(carriers())


def test_dates_in_other_languages_have_no_english_month() -> None:
    cases = make_cases(KINDS["date_of_birth"], 60, random.Random(2))
    assert any(case.language != "en" for case in cases)
    assert all(case.language == "en" or not any(map(str.isalpha, case.value)) for case in cases)


def test_decoys_fit_carriers_of_their_own() -> None:
    """A label such as "account" beside a decoy would make it private."""
    own = {one.text for kind in DECOYS.values() for one in suitable(kind)}
    assert not own & {one.text for kind in KINDS.values() for one in suitable(kind)}
    assert {kind.shape for kind in DECOYS.values()} >= {
        "digits",
        "code",
        "date",
        "words",
        "net",
        "token",
        "url",
        "block",
    }
