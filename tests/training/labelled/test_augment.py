"""Variants keep their text recognisable, noise has no meaning, and all of it repeats with its seed."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.labelled import augment

TEXT = "Please refund order 8812 and email me when it is done."


@pytest.mark.parametrize("name", augment.VARIANTS)
@given(text=st.text(max_size=120), seed=st.integers(0, 50))
def test_any_text_has_a_variant(name: str, text: str, seed: int) -> None:
    assert isinstance(augment.VARIANTS[name](text, random.Random(seed)), str)


@pytest.mark.parametrize("name", augment.VARIANTS)
def test_a_variant_repeats_with_its_seed_and_often_differs(name: str) -> None:
    made = [augment.VARIANTS[name](TEXT, random.Random(seed)) for seed in range(20)]
    assert made == [augment.VARIANTS[name](TEXT, random.Random(seed)) for seed in range(20)]
    assert sum(text != TEXT for text in made) >= 10


@pytest.mark.parametrize("name", ["casing", "spacing", "punctuation"])
def test_shape_changes_but_no_word(name: str) -> None:
    words = re.findall(r"\w+", TEXT.lower())
    for seed in range(20):
        assert re.findall(r"\w+", augment.VARIANTS[name](TEXT, random.Random(seed)).lower()) == words


def test_typing_errors_are_few() -> None:
    """A text that nobody can read any more has no label to keep."""
    long = TEXT * 10
    for seed in range(20):
        made = augment.typos(long, random.Random(seed))
        assert made != long
        assert abs(len(made) - len(long)) <= 20


def test_filler_keeps_the_text_whole() -> None:
    assert all(TEXT in augment.filler(TEXT, random.Random(seed)) for seed in range(20))


def test_an_enclosed_text_stands_whole_between_the_sentences_around_it() -> None:
    background = "The first sentence is calm. The second one is too! Is the third?"
    for seed in range(20):
        made = augment.enclose(TEXT, background, random.Random(seed))
        assert TEXT in made
        rest = made.replace(TEXT, " ")
        assert rest.split() == background.split()


def test_noise_is_of_several_kinds_and_never_empty() -> None:
    made = [augment.gibberish(random.Random(seed)) for seed in range(200)]
    assert all(text.strip() for text in made)
    assert len(set(made)) > 180
    assert {text.isascii() for text in made} == {True}
