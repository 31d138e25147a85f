"""National ids: each row of the table finds what its validator accepts, and digits alone need a name."""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Callable

import pytest

from router_ml.guardrails.national_ids import DOCUMENTS, Document

Types = Callable[[str], list[str]]

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
    """The longest literal name of a document."""
    return max((name for name in document.names.split("|") if name.isalpha()), key=len, default="identity number")


def a_number(document: Document, rng: random.Random) -> str:
    """A number that the document's own validator accepts, found by trying."""
    module = importlib.import_module(f"stdnum.{document.module}")
    shape = re.sub(r"\(\?:19\|20\)(\?)?", lambda m: "" if m[1] else "19", document.shape).split("|\\d{4}")[0]
    shape = shape.replace(r"(?:0\d|1[0-2])", r"0\d")
    shape = re.sub(r"\(\?:(.*?)\)\{(\d)\}", lambda m: m[1] * int(m[2]), shape)
    for _ in range(400_000):
        number = _fill(shape, rng)
        if module.is_valid(number):
            return number
    raise AssertionError(f"no valid number of {document.type} was found")


def _fill(shape: str, rng: random.Random) -> str:
    parts = re.findall(r"(\\d|\\\.|\[[^\]]+\]|[^\\\[\]{}()?])(?:\{(?:\d+,)?(\d+)\})?(\?)?", shape)
    wanted = ((atom, int(count or 1)) for atom, count, optional in parts if not (optional and "a" in atom))
    return "".join(_one(atom, rng) for atom, count in wanted for _ in range(count))


def _one(atom: str, rng: random.Random) -> str:
    if atom == r"\d":
        return rng.choice("0123456789")
    if atom == r"\.":
        return "."
    if atom.startswith("["):
        inner = atom[1:-1].replace(r"\d", "0-9")
        letters = re.sub(r"(\w)-(\w)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), inner)
        return rng.choice(letters).upper() if "-" not in letters else "-"
    return atom.upper()


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
    assert types_in("PESEL 12345678901") == []
    assert types_in("the tin 44051401358 cans") == []


def test_the_table_covers_many_countries_and_every_validator_exists() -> None:
    """A misspelt module would fail on the first number in production."""
    assert len({document.module.split(".")[0] for document in DOCUMENTS}) >= 30
    assert len({document.type for document in DOCUMENTS}) == len(DOCUMENTS)
    for document in DOCUMENTS:
        assert callable(importlib.import_module(f"stdnum.{document.module}").is_valid)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.type)
def test_every_row_finds_a_number_that_its_validator_accepts(
    document: Document, types_in: Types, rng: random.Random
) -> None:
    """A shape that the validator never accepts would be a dead row."""
    assert types_in(f"My {a_name(document)}: {a_number(document, rng)}.")
