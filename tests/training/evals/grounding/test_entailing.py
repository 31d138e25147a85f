"""Claims are held against texts as the weights say, and doubts only ever lower what they come to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from training.evals.grounding import entailing
from training.evals.grounding.entailing import Entailment, fitted, load
from training.evals.grounding.features import LEXICAL, NAMES, contradicts, lexical, strangers
from training.evals.grounding.pairs import KINDS, held_out, with_derived, written
from training.evals.suite import load_suite

TEXT = "Requests over the limit are queued for two seconds. In Oslo the ceiling is 220 euros; dogs are not allowed."


def test_weights_that_ship_have_their_signs() -> None:
    """What speaks against a claim never speaks for it."""
    model = load()
    assert model.names == NAMES
    assert model.encodes
    for name, weight in zip(model.names, model.weights, strict=True):
        assert weight >= 0 if name in ("support", "window", "whole", "likeness") else weight <= 0, name


def test_weights_of_other_features_are_refused(tmp_path: Path) -> None:
    """Weights of another version of the code say nothing, and the error tells what to do."""
    path = tmp_path / "weights.json"
    path.write_text(json.dumps({"bias": 0.0, "enough": 0.5, "weights": {"magic": 1.0}}))
    with pytest.raises(OfflineDataError, match=r"evals\.grounding\.fit"):
        load(path)


def test_weights_are_kept(tmp_path: Path) -> None:
    """What was fitted is what is read."""
    model = Entailment(LEXICAL, np.arange(float(len(LEXICAL))) / 8, -1.25, 0.375)
    model.save(tmp_path / "weights.json")
    again = entailing.load(tmp_path / "weights.json")
    assert (again.names, again.bias, again.enough) == (model.names, model.bias, model.enough)
    assert again.weights.tolist() == model.weights.tolist()


def test_a_fit_finds_what_decides_and_binds_signs() -> None:
    """A doubt that happens to go with right claims gets no weight."""
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.5
    rows = np.zeros((400, len(LEXICAL)))
    rows[:, 0] = right * 0.5 + rng.random(400) * 0.3
    rows[:, LEXICAL.index("turned")] = right
    model = fitted(rows, right, LEXICAL)
    assert model.weights[0] > 1
    assert model.weights[LEXICAL.index("turned")] == 0
    assert ((model.of(rows) > 0.5) == right).mean() > 0.95


def test_contradiction_needs_a_sentence_that_is_nearly_the_same() -> None:
    """A "not" more or less in the same words contradicts; another subject, or the same once more, does not."""
    assert contradicts("Requests over the limit are not queued for two seconds.", TEXT)
    assert contradicts("Dogs are allowed.", TEXT)
    assert not contradicts("Dogs are not allowed.", TEXT)
    assert not contradicts("Cats were never mentioned by the landlord.", TEXT)


def test_bounds_are_compared_and_not_counted_as_words() -> None:
    """The most for the least contradicts, another way to put the same bound does not."""
    text = "Up to five keys can exist per project."
    assert contradicts("At least five keys can exist per project.", text)
    assert not contradicts("No more than five keys can exist per project.", text)


def test_names_that_stand_nowhere() -> None:
    """A name is looked for anywhere but at the start of a sentence; short ones in capitals pass."""
    assert strangers("The ceiling in Paris is 220 euros, by EU law.", TEXT) == {"paris"}
    assert strangers("The ceiling in Oslo is 220 euros.", TEXT) == set()


@settings(max_examples=40)
@given(st.text(max_size=120), st.text(max_size=300))
def test_features_are_shares(claim: str, text: str) -> None:
    """Of any claim and any text the features are finite and in 0..1."""
    found = lexical(claim, text)
    assert found.shape == (len(LEXICAL),)
    assert np.all((found >= 0) & (found <= 1))


def test_pairs_are_of_the_suite_and_split_by_document() -> None:
    """Every kind is there on both sides of the split, and a document is on one side only."""
    suite = load_suite("groundedness")
    pairs = with_derived(suite, written())
    assert {one.passage for one in pairs} <= set(suite.passages)
    for held in (True, False):
        assert {one.kind for one in pairs if one.held is held} == set(KINDS)
    assert all(held_out(f"{one.passage.split('#')[0]}#99") is one.held for one in pairs)
