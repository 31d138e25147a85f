"""A label far from its value, in a header or a key, is put beside it."""

from __future__ import annotations

import pytest

from router_ml.guardrails.readings.cells import labelled_cells, worded


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_cell_stands_beside_the_name_of_its_column(sign: str) -> None:
    table = "\n".join(sign.join(row) for row in (["ref", "tax id"], ["C-1", "12 345"], ["C-2", "67 890"]))
    said = labelled_cells(f"Here:\n{table}\nThanks")
    assert "tax id: 12 345" in said
    assert "tax id: 67 890" in said
    assert said.startswith("Here:")
    assert said.endswith("Thanks")


def test_a_markdown_table_has_a_rule() -> None:
    assert "IBAN: DE89" in labelled_cells("| name | IBAN |\n|---|---|\n| x | DE89 |")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"tax_id": 7}', '{"tax id": 7}'),
        ("tax_id=7", "tax id=7"),
        ("use tax_id here", "use tax id here"),
        ("taxIdNumber=7", "tax Id Number=7"),
        ("plain words", "plain words"),
    ],
)
def test_the_words_of_a_name_are_read_apart(text: str, said: str) -> None:
    assert worded(text) == said


def test_keys_and_tokens_stay_whole() -> None:
    """A secret that is taken apart is no longer one."""
    for token in ("gh" + "p_" + "aB3dE" * 7, "AbCd/EfGh+IjKlMnOp==", "my_token_value stays"):
        assert labelled_cells(token) == token


def test_a_table_grows_no_further_than_its_room() -> None:
    table = "\n".join(["a long name of a column,b"] + ["1,2"] * 2_000)
    assert len(worded(table)) < 5 * len(table)
