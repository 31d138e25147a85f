"""A name alone is soft; beside an account, an illness or a court case it is hard; so is an address with a number."""

from __future__ import annotations

import pytest

from router_ml.guardrails.entities import Entity
from router_ml.guardrails.tagging.private_facts import judge


def judged(text: str, value: str, kind: str = "person", found: tuple[tuple[int, int], ...] = ()) -> bool:
    start = text.index(value)
    ((_, hard),) = judge(text, [Entity(kind, start, start + len(value), 0.9)], found)
    return hard


@pytest.mark.parametrize(
    "text",
    [
        "The account holder is Jane Doe.",
        "Jane Doe was diagnosed with asthma in May.",
        "Name: Jane Doe\nDate of birth: unknown",
        "Gehaltsabrechnung für Jane Doe",
        "La paciente Jane Doe acude por dolor.",
        "Le salaire de Jane Doe augmente.",
        "Jane Doe, codice fiscale in allegato",
        "Loonstrook van Jane Doe",
        "Jane Doe ma numer pesel w umowie",
        "O prontuário de Jane Doe",
        "Jane Doe har fått lön",
        "Jane Doe için maaş bordrosu",
        "Custody hearing: Jane Doe against her husband",
    ],
)
def test_a_full_name_beside_a_private_word_is_hard(text: str) -> None:
    assert judged(text, "Jane Doe")


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe sings in our choir.",
        "Ask Jane Doe whether the deck is ready.",
        "Jane Doe, Senior Account Manager, will join us.",
        "Jane Doe will pass the journal on.",
        "Espera a Jane Doe hasta las tres con la receta de la tarta.",
        "Jane Doe kommt nie zu spät.",
        "Jane Doe painted the wall. The patient in room four slept.",
        f"Jane Doe came along {'and on ' * 30} to the bank account",
        "A passage about Jane Doe ends here\n\nsalary table below",
    ],
)
def test_a_name_without_one_in_its_passage_is_soft(text: str) -> None:
    assert not judged(text, "Jane Doe")


def test_a_first_name_alone_says_too_little() -> None:
    assert not judged("My daughter Jane has diabetes.", "Jane")


def test_a_title_or_a_word_for_surname_makes_a_last_name_full() -> None:
    assert judged("Mrs. Doe was diagnosed last week.", "Doe")
    assert judged("Her maiden name is Doe", "Doe")


def test_other_personal_data_beside_a_name_makes_it_hard() -> None:
    text = "Jane Doe, 555-0100"
    assert judged(text, "Jane Doe", found=((10, 18),))
    assert not judged(text, "Jane Doe")


@pytest.mark.parametrize(
    ("address", "hard"), [("12 Elm Road, Leeds", True), ("Hauptstraße 5", True), ("Elm Road", False), ("12", False)]
)
def test_an_address_is_hard_where_it_has_a_number(address: str, hard: bool) -> None:
    assert judged(f"Bring it to {address} please", address, "address") is hard


def test_an_organisation_is_soft() -> None:
    assert not judged("Acme Ltd owes me a salary", "Acme Ltd", "organization")


def test_work_grows_with_the_text_not_with_its_square() -> None:
    """Many names among many private words are judged one by one, each within its passage."""
    text = "Jane Doe salary " * 5_000
    entities = [Entity("person", start, start + 8, 0.9) for start in range(0, len(text), 16)]
    assert all(hard for _, hard in judge(text, entities))
