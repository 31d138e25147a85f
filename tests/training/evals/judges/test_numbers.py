"""A number is found however it is written, and is not made out of what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evals.judges.numbers import numbers_in


@pytest.mark.parametrize(
    ("text", "locale", "values"),
    [
        ("1,234.5 and 1.234,5", "en", [1234.5, 1234.5]),
        ("1.234 Stück", "de", [1234.0]),
        ("1.234 mm", "en", [1.234]),
        ("1,234 pieces", "en", [1234.0]),
        ("1 234 567 and 1'000", "en", [1234567.0, 1000.0]),
        ("3.4 percent, 12 %, 18 thousand, 1.2 million", "en", [3.4, 12.0, 18000.0, 1200000.0]),
        ("−5 °C, or (-7)", "en", [-5.0, -7.0]),
        ("Twelve of twenty", "en", [12.0, 20.0]),
        ("twenty-one days and a hundred and five, two million", "en", [21.0, 105.0, 2000000.0]),
        ("two or three of one thousand two hundred", "en", [2.0, 3.0, 1200.0]),
        (
            "-$5, $-6, minus 7, negative two, –8, \u20119 and 10–12",
            "en",
            [-5.0, -6.0, -7.0, -2.0, -8.0, -9.0, 10.0, 12.0],
        ),
        (".5 or -.25, 1_000, 12,34,567 and 1,23,456", "en", [0.5, -0.25, 1000.0, 1234567.0, 123456.0]),
        ("3/4, -1/2, 1 1/2, ½, 2½ and 12/31/2026", "en", [0.75, -0.5, 1.5, 0.5, 2.5, 12.0, 31.0, 2026.0]),
        ("6.02 × 10^23, 1.5x10⁻³, 2 \\times 10^{4}", "en", [6.02e23, 1.5e-3, 2e4]),
        ("2 Mrd, 3 Milliarden, 4 crore", "en", [2e9, 3e9, 4e7]),
        ("0.750 kg and 0,5 l", "en", [0.75, 0.5]),
        ("2026-04-02", "en", [2026.0, 4.0, 2.0]),
        ("1. first\n2) second 7", "en", [7.0]),
        ("INV2231, v2.1.0, 1.2.3", "en", []),
        ("6.02e23, 2e-3, and 1e999, which is none", "en", [6.02e23, 2e-3]),
    ],
)
def test_writings(text: str, locale: str, values: list[float]) -> None:
    """The writings that people and lanes use."""
    assert [one.values[0] for one in numbers_in(text, locale=locale)] == values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        *(
            ("$1,234.50", "$"),
            ("5€", "€"),
            ("5 °C", "°C"),
            ("2 million euros", "euros"),
            ("3M €", "€"),
            ("5 m long", "m"),
        ),
        *(("7 days", "days"), ("It is 42, not more", ""), ("12 per cent", ""), ("5 ‰", "‰"), ("1/2 cup", "cup")),
    ],
)
def test_units_are_signs_or_words_on_either_side(text: str, unit: str) -> None:
    """A sign of money stands before or behind, and behind what counts millions."""
    assert numbers_in(text)[0].unit == unit


def test_a_writing_of_two_meanings_keeps_both() -> None:
    """Where nobody says which locale it is, 1,234 is both, so that a right answer is not called wrong."""
    assert set(numbers_in("1,234 pieces")[0].values) == {1.234, 1234.0}


@given(st.integers(0, 10**9), st.sampled_from([",", " ", "'", "\u202f"]))
def test_thousands_are_parted_as_one_likes(value: int, mark: str) -> None:
    """Every whole number comes back from every way to part its thousands."""
    assert value in numbers_in(f"about {value:,} of them".replace(",", mark))[-1].values


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """No text breaks the reader."""
    numbers_in(text)
