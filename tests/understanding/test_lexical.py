"""Hashed words: the same in every process, bounded in size, and sensitive to how a request opens and ends."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.understanding.lexical import BUCKETS, lexical


@given(st.text(st.characters(), max_size=200))
def test_any_text_gives_sorted_distinct_buckets_in_range(text: str) -> None:
    """They index a weight table; lone surrogates are text too."""
    buckets = lexical(text)
    assert buckets.dtype == np.int64
    assert len(buckets) >= 1
    assert (np.diff(buckets) > 0).all()
    assert 0 <= buckets[0] <= buckets[-1] < BUCKETS


def test_buckets_are_the_same_in_another_process(root: object) -> None:
    """Python's own hash changes with every start: weights trained yesterday would mean nothing today."""
    text = "Please cancel my account"
    code = f"from router_ml.understanding.lexical import lexical; print(lexical({text!r}).tolist())"
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, cwd=str(root), capture_output=True, text=True, check=True, timeout=60)
    assert seen.stdout.strip() == str(lexical(text).tolist())


def test_case_and_exact_numbers_do_not_matter() -> None:
    assert lexical("Cancel ORDER 8812").tolist() == lexical("cancel order 17").tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("please do this now: cancel my order", "please do this now: order my cancel"),
        ("is it done?", "is it done"),
        ("summarize: " + "x " * 2000, "translate: " + "x " * 2000),
        ("x " * 2000 + "in one sentence", "x " * 2000 + "as a table"),
    ],
    ids=["word order", "question mark", "opening", "end"],
)
def test_what_an_embedding_blurs_is_told_apart(one: str, other: str) -> None:
    assert lexical(one).tolist() != lexical(other).tolist()


def test_a_long_text_costs_no_more_than_its_ends() -> None:
    """Only the opening and the end are read: a pasted book must not slow the decision."""
    assert len(lexical(" ".join(map(chr, range(0x4E00, 0x9000))))) < 1000
    middle = "a" * 300 + " {} " + "b" * 150
    assert lexical(middle.format("secret words")).tolist() == lexical(middle.format("something else")).tolist()
