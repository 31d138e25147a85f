"""National ids: each row of the table finds what its validator accepts, and digits alone need a name."""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Callable

import pytest

from router_ml.guardrails.detectors.documents import Document
from router_ml.guardrails.detectors.national_ids import DOCUMENTS

Types = Callable[[str], list[str]]
DIGITS = "0123456789"

# Numbers that the issuing authorities or the validators' own documentation publish as examples.
PUBLISHED = {
    "br_cpf": "390.533.447-05",
    "ch_ahv": "756.9217.0769.85",
    "es_dni": "54362315K",
    "fi_hetu": "131052-308T",
    "in_aadhaar": "2345 6789 0124",
    "it_codice_fiscale": "RCCMNL83S18D969H",
    "nl_bsn": "111222333",
    "pl_pesel": "44051401359",
    "uk_nhs": "943 476 5870",
    "de_idnr": "36 574 261 809",
}


def a_name(document: Document) -> str:
    """The longest literal name of a document, in capitals where it is an acronym."""
    plain = [name for name in document.names.split("|") if all(c.isalpha() or c in " -'" for c in name)]
    name = max(plain, key=len, default="identity number")
    return name.upper() if len(name) <= 4 else name


def a_number(document: Document, rng: random.Random) -> str:
    """A number that the document's own validator accepts, found by trying; any of its shape where it has none."""
    shape = re._parser.parse(document.shape)
    for _ in range(400_000):
        number = fill(shape, rng).upper()
        fits = document.check is None and re.fullmatch(document.shape, number, re.IGNORECASE) is not None
        if fits or document.is_valid(number):
            return number
    raise AssertionError(f"no valid number of {document.type} was found")


def fill(parsed: object, rng: random.Random) -> str:
    """A random text that a parsed pattern matches."""
    return "".join(_part(kind, value, rng) for kind, value in parsed)


def _part(kind: object, value: object, rng: random.Random) -> str:
    c = re._constants
    if kind is c.LITERAL:
        return chr(value)
    if kind is c.IN:
        member, inner = rng.choice(value)
        return (
            chr(rng.randint(*inner)) if member is c.RANGE else chr(inner) if member is c.LITERAL else rng.choice(DIGITS)
        )
    if kind is c.MAX_REPEAT:
        return "".join(fill(value[2], rng) for _ in range(rng.choice(value[:2])))
    inner = {c.SUBPATTERN: lambda: value[3], c.BRANCH: lambda: rng.choice(value[1]), c.ASSERT: lambda: ()}[kind]()
    return fill(inner, rng)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_published_examples_are_found_beside_their_name(kind: str, types_in: Types) -> None:
    """Numbers from outside: the table must not only agree with itself."""
    document = next(document for document in DOCUMENTS if document.type == kind)
    assert types_in(f"My {a_name(document)} is {PUBLISHED[kind]}.") == [kind]


def test_shapes_of_their_own_need_no_name(types_in: Types) -> None:
    """Letters, a date or fixed punctuation say enough."""
    for document in DOCUMENTS:
        if document.alone is not None and document.type in PUBLISHED:
            assert types_in(f"here you are: {PUBLISHED[document.type]}") == [document.type]
    assert types_in("mine is AB 12 34 56 C") == ["uk_nino"]
    assert types_in("part no. AB123456C") == []


def test_digits_alone_are_not_findings_without_a_name(types_in: Types) -> None:
    """One number in ten passes a check digit; without a name, order numbers would be national ids."""
    for kind, number in PUBLISHED.items():
        document = next(document for document in DOCUMENTS if document.type == kind)
        if document.alone is None:
            assert types_in(f"the value is {number.replace(' ', '')} today") == []


def test_a_mistyped_id_beside_its_name_is_still_personal(types_in: Types) -> None:
    """A wrong digit leaves the rest of the number readable; counting digits are an example."""
    assert types_in("PESEL 44051401358") == ["pl_pesel"]
    assert types_in("주민등록번호 750803-1817266") == ["kr_rrn"]
    assert types_in("PESEL 12345678901") == []
    assert types_in("the tin 44051401358 cans") == []


def test_the_table_covers_many_countries_and_every_validator_exists() -> None:
    """A misspelt module would fail on the first number in production."""
    assert len({document.type[:2] for document in DOCUMENTS}) >= 60
    assert len({document.type for document in DOCUMENTS}) == len(DOCUMENTS)
    for document in DOCUMENTS:
        if isinstance(document.check, str):
            assert callable(importlib.import_module(f"stdnum.{document.check}").is_valid)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.type)
def test_every_row_finds_a_number_that_its_validator_accepts(
    document: Document, types_in: Types, rng: random.Random
) -> None:
    """A shape that the validator never accepts would be a dead row."""
    assert types_in(f"{a_name(document)}: {a_number(document, rng)}.") != []


@pytest.mark.parametrize(
    ("document", "number"),
    [
        ("sg_nric", "S1234567D"),
        ("hk_hkid", "A123456(3)"),
        ("tw_id", "A123456789"),
        ("lu_matricule", "1893120105732"),
        ("ru_snils", "112-233-445 95"),
        ("jp_my_number", "123456789018"),
        ("de_pension", "65170839J003"),
        ("au_medicare", "2123 45670 1"),
    ],
)
def test_our_own_check_digits_agree_with_published_examples(document: str, number: str) -> None:
    """The check is what keeps order numbers out, so it must be the authority's; one digit off must fail."""
    row = next(row for row in DOCUMENTS if row.type == document)
    assert row.is_valid(number)
    place = next(place for place, character in enumerate(number) if place > 2 and character.isdigit())
    assert not row.is_valid(f"{number[:place]}{(int(number[place]) + 1) % 10}{number[place + 1 :]}")
