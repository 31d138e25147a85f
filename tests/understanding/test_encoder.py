"""Embeddings: a text has the same one alone as in any batch, and no part of a long text is ignored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.errors import BundleFormatError
from router_ml.understanding.encoder import FILES, Encoded, Encoder, fingerprint

TEXTS = (
    "Hi",
    "Where is my order?",
    "When is my order?",
    "",
    "   ",
    "🙂 Übergröße 訂單在哪裡",
    "Summarize the following report in two sentences: " + "revenue grew while costs fell. " * 40,
    "def f(x):\n    return x ** 2",
    "one two three four five six seven eight nine ten",
    "ten nine eight seven six five four three two one",
    "a " * 700,
)
COLUMNS = np.random.default_rng(0).normal(size=(384, 5)).astype(np.float32)


def same(one: Encoded, other: Encoded) -> bool:
    """Bit for bit."""
    readings = len(one.readings) == len(other.readings) and all(map(np.array_equal, one.readings, other.readings))
    return readings and np.array_equal(one.embedding, other.embedding) and one.tokens == other.tokens


def test_alone_is_the_same_as_in_a_batch_bit_for_bit(encoder: Encoder) -> None:
    """Otherwise a request's lane would depend on who else asked at that moment, and no decision could be replayed."""
    together = encoder.encode(TEXTS, COLUMNS)
    for text, encoded in zip(TEXTS, together, strict=True):
        assert same(encoder.encode([text], COLUMNS)[0], encoded)
    for encoded, reverse in zip(together, reversed(encoder.encode(TEXTS[::-1], COLUMNS)), strict=True):
        assert same(encoded, reverse)


@settings(max_examples=15)
@given(st.lists(st.text(max_size=60), min_size=2, max_size=6))
def test_any_texts_are_independent_of_their_neighbours(encoder: Encoder, texts: list[str]) -> None:
    assert same(encoder.encode(texts, COLUMNS)[-1], encoder.encode(texts[-1:], COLUMNS)[0])


def test_more_equal_rows_than_fit_one_run_are_still_independent(encoder: Encoder) -> None:
    texts = [f"order {number}" for number in range(100, 140)]
    assert same(encoder.encode(texts, COLUMNS)[37], encoder.encode([texts[37]], COLUMNS)[0])


def test_every_embedding_has_unit_length_and_the_promised_shape(encoder: Encoder) -> None:
    for encoded in encoder.encode(TEXTS):
        assert encoded.embedding.shape == (encoder.spec.dimension,)
        assert encoded.embedding.dtype == np.float32
        assert np.linalg.norm(encoded.embedding) == pytest.approx(1, abs=1e-5)
    assert encoder.encode([]) == []


@pytest.mark.parametrize(("tokens", "chunks"), [(253, 1), (254, 1), (255, 2), (476, 2), (477, 3), (2000, 9)])
def test_long_texts_are_chunked_without_losing_a_token(encoder: Encoder, tokens: int, chunks: int) -> None:
    """Window 256 with two special tokens, 32 of them shared with the next chunk."""
    (encoded,) = encoder.encode(["order " * tokens], COLUMNS)
    assert encoded.tokens == tokens == encoder.count_tokens("order " * tokens)
    assert len(encoded.readings) == chunks
    assert sum(len(reading) for reading in encoded.readings) == tokens + 2 * chunks + 32 * (chunks - 1)


@pytest.mark.parametrize("words", [100, 254, 255, 300, 600])
def test_the_last_word_of_a_long_text_counts(encoder: Encoder, words: int) -> None:
    """An injection at the end of a pasted document must reach the classifier."""
    calm, hot = encoder.encode(["order " * (words - 1) + last for last in ("order", "password")], COLUMNS)
    assert not np.array_equal(calm.embedding, hot.embedding)
    assert not np.array_equal(calm.readings[-1], hot.readings[-1])


def test_a_reading_is_each_token_vector_times_the_columns(encoder: Encoder) -> None:
    """Their mean, scaled to unit length, is the embedding."""
    (whole,) = encoder.encode(["Where is my order?"], np.eye(encoder.spec.dimension, dtype=np.float32))
    (read,) = encoder.encode(["Where is my order?"], COLUMNS)
    np.testing.assert_allclose(read.readings[0], whole.readings[0] @ COLUMNS, atol=1e-4)
    mean = whole.readings[0].mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), read.embedding, atol=1e-5)


@pytest.mark.parametrize("text", ["Where is my order?", "Übergröße, 訂單 🙂 fine", "order password " * 300])
def test_spans_say_where_each_token_of_each_chunk_stands(encoder: Encoder, text: str) -> None:
    """Attributions point at words with them."""
    spans = encoder.spans(text)
    (encoded,) = encoder.encode([text], COLUMNS)
    assert [len(piece) for piece in spans] == [len(reading) for reading in encoded.readings]
    for piece in spans:
        assert piece[0] == piece[-1] == (0, 0)
        assert all(text[start:end].strip() for start, end in piece[1:-1])


def test_an_encoder_says_which_languages_it_was_validated_on(encoder: Encoder, tmp_path: Path, models: Path) -> None:
    assert encoder.spec.languages == ("en",)
    for name in FILES:
        (tmp_path / name).write_bytes((models / "encoder" / name).read_bytes())
    spec = json.loads((tmp_path / "encoder.json").read_text(encoding="utf-8"))
    (tmp_path / "encoder.json").write_text(json.dumps({**spec, "languages": ["en", "de"]}), encoding="utf-8")
    assert Encoder.load(tmp_path).spec.languages == ("en", "de")


def test_embeddings_carry_meaning(encoder: Encoder) -> None:
    """A wrong tokenizer or pooling still gives unit vectors."""
    asked, alike, other = (
        encoded.embedding
        for encoded in encoder.encode(
            [
                "How do I get my money back for a broken kettle?",
                "I want a refund, the device I bought is defective.",
                "Differentiate x squared times sine of x.",
            ]
        )
    )
    assert asked @ alike > asked @ other + 0.25  # measured: .39 and .01


@pytest.mark.parametrize("text", ["\ud800", "broken \udc00 emoji \ud83d", "\x00", "\u200b\ufeff", "\U0010ffff"])
def test_broken_text_is_embedded_like_any_other(encoder: Encoder, text: str) -> None:
    """A crash here would take the whole batch with it."""
    (encoded,) = encoder.encode([text])
    assert np.isfinite(encoded.embedding).all()
    assert encoder.count_tokens(text) == encoded.tokens


@pytest.mark.parametrize(
    "text",
    ["", "not json", "[]", "3", "null", "{}", '{"name": "x"}', '"name"', "\x00"],
    ids=repr,
)
def test_a_damaged_description_says_which_file_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "encoder.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleFormatError, match=r"encoder\.json"):
        Encoder.load(tmp_path)


def test_a_description_of_a_later_release_is_refused(tmp_path: Path, models: Path) -> None:
    spec = json.loads((models / "encoder" / "encoder.json").read_text(encoding="utf-8"))
    (tmp_path / "encoder.json").write_text(json.dumps({**spec, "pooling": "last"}), encoding="utf-8")
    with pytest.raises(BundleFormatError, match="pooling"):
        Encoder.load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_the_fingerprint_changes_with_each_file(tmp_path: Path, name: str) -> None:
    """Stored embeddings are tied to it; a changed tokenizer makes them worthless as surely as changed weights."""
    for file in FILES:
        (tmp_path / file).write_bytes(file.encode())
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / name).write_bytes(b"other")
    assert fingerprint(tmp_path) != before


def test_the_encoder_that_ships_knows_its_own_fingerprint(encoder: Encoder, models: Path) -> None:
    assert encoder.sha256 == fingerprint(models / "encoder")
