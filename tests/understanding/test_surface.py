"""Surface features: always finite, always in the order the weights were trained on, fast on any input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.understanding.surface import NAMES, surface


def feature(text: str, name: str, tokens: int = 10) -> float:
    return float(surface(text, tokens)[NAMES.index(name)])


@given(st.text(st.characters(), max_size=300), st.integers(0, 10**6))
def test_any_text_gives_finite_features_near_the_promised_range(text: str, tokens: int) -> None:
    """One NaN would make every lane's quality NaN."""
    values = surface(text, tokens)
    assert values.shape == (len(NAMES),)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert (values >= 0).all()


def test_names_are_distinct_and_the_number_of_features_is_fixed() -> None:
    """Trained weights hold one row per feature, in this order; adding one needs a new bundle format."""
    assert len(set(NAMES)) == len(NAMES) == 16


@pytest.mark.parametrize(
    ("name", "more", "less"),
    [
        ("log_characters", "a longer text", "short"),
        ("log_lines", "a\nb\nc", "a b c"),
        ("mean_word_length", "incomprehensibilities", "a b c"),
        ("digit_share", "12345", "abcde"),
        ("upper_share", "SHOUT", "shout"),
        ("punctuation_share", "a!?;", "abcd"),
        ("non_ascii_share", "größe", "grosse"),
        ("question_marks", "why? how?", "why?"),
        ("ends_with_question", "is it done? ", "done? yes"),
        ("code_marks", "def f():\n    return 1", "what a nice day"),
        ("braces", '{"a": [1]}', "a is 1"),
        ("colons", "name: x", "name x"),
        ("separators", "text\n---\ntext", "text - text"),
        ("list_items", "- a\n- b\n1. c", "a b c"),
        ("math_marks", "how many is 3 + 4", "tell me a joke"),
    ],
)
def test_each_feature_rises_with_what_it_is_named_after(name: str, more: str, less: str) -> None:
    assert feature(more, name) > feature(less, name)


def test_tokens_are_counted_by_the_caller() -> None:
    assert feature("same", "log_tokens", tokens=500) > feature("same", "log_tokens", tokens=5)


@pytest.mark.parametrize(
    "unit", ["1", "@", "(", " ", "\n", "```", "<", "1%", "-", "|\n", "#", "*", "\t- ", "é", "def "]
)
def test_a_long_run_of_one_thing_is_read_in_no_time(unit: str) -> None:
    """Anyone can send such a text; a pattern that backtracks would stop the service."""
    text = unit * (100_000 // len(unit))
    started = time.thread_time()
    surface(text, 100)
    assert time.thread_time() - started < 1  # measured: under 0.02 s
