"""The tagger reads a text the same alone as in chunks, gives spans that are in the text, and refuses damaged files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import BundleFormatError
from router_ml.guardrails.entities import FILES, KINDS, TAGS, TAPS, Chunk, Tagger, TaggerSpec, Weights
from router_ml.guardrails.tagging.token_shapes import SHAPES, Floats, shapes

PIECES, HIDDEN, SIZE = 50, 4, 6


def by_id(kinds: dict[int, str]) -> Tagger:
    """A tagger that says what a word piece is from its id alone; ``kinds``: of ids that are something."""
    pieces = np.zeros((PIECES, len(TAGS)), np.float16)
    for piece, kind in kinds.items():
        pieces[piece, TAGS.index(kind)] = 8
    pieces[[piece for piece in range(PIECES) if piece not in kinds], 0] = 8
    joined = HIDDEN + len(TAGS) + SHAPES
    near, wide = np.zeros((TAPS * joined, len(TAGS)), np.float32), np.zeros((TAPS * len(TAGS), len(TAGS)), np.float32)
    middle = TAPS // 2 * joined + HIDDEN
    near[middle : middle + len(TAGS)] = np.eye(len(TAGS))
    nothing = np.zeros(len(TAGS), np.float32)
    weights = Weights(
        np.zeros((SIZE, HIDDEN), np.float32),
        pieces,
        near,
        nothing,
        wide,
        nothing,
        np.eye(len(TAGS), dtype=np.float32),
        nothing,
    )
    return Tagger(weights, TaggerSpec(KINDS, (0.5, 0.5, 0.5)))


def chunk(offsets: list[tuple[int, int]], ids: list[int]) -> Chunk:
    """A chunk with the special tokens around it."""
    whole = np.array([(0, 0), *offsets, (0, 0)])
    return Chunk(np.array([1, *ids, 2]), whole, np.zeros((len(whole), HIDDEN), np.float32))


def test_words_of_a_kind_are_one_entity_and_a_line_break_ends_a_name() -> None:
    text = "call Jane Doe\nJohn now"
    offsets = [(0, 4), (5, 9), (10, 13), (14, 18), (19, 22)]
    found = by_id({10: "person"}).find(text, [chunk(offsets, [3, 10, 10, 10, 3])])
    assert [text[entity.start : entity.end] for entity in found] == ["Jane Doe", "John"]
    assert {entity.kind for entity in found} == {"person"}
    assert all(entity.score > 0.9 for entity in found)


def test_a_word_is_what_most_of_its_pieces_say() -> None:
    text = "Heuver called"
    found = by_id({10: "person"}).find(text, [chunk([(0, 2), (2, 4), (4, 6), (7, 13)], [10, 10, 3, 3])])
    assert [text[entity.start : entity.end] for entity in found] == ["Heuver"]


def test_an_address_goes_on_after_a_comma_and_a_new_line() -> None:
    text = "to 12 Elm Road,\nLeeds please"
    offsets = [(0, 2), (3, 5), (6, 9), (10, 14), (14, 15), (16, 21), (22, 28)]
    found = by_id({10: "address"}).find(text, [chunk(offsets, [3, 10, 10, 10, 3, 10, 3])])
    assert [text[entity.start : entity.end] for entity in found] == ["12 Elm Road,\nLeeds"]


def test_what_is_below_its_threshold_is_left_out() -> None:
    tagger = by_id({10: "person", 11: "organization"})
    strict = Tagger(tagger.weights, TaggerSpec(KINDS, (1.1, 0.5, 0.5)))
    found = strict.find("Jane Acme", [chunk([(0, 4), (5, 9)], [10, 11])])
    assert [entity.kind for entity in found] == ["organization"]


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 12), st.integers(4, 20))
def test_overlapping_chunks_say_what_one_chunk_says(people: list[bool], overlap: int, step: int) -> None:
    """Wherever a long text is cut, its entities are those of the whole."""
    words = [f"w{'x' * (row % 3)}" for row in range(len(people))]
    text = "; ".join(words)
    starts = np.cumsum([0, *(len(word) + 2 for word in words[:-1])]).tolist()
    offsets = [(start, start + len(word)) for start, word in zip(starts, words, strict=True)]
    ids = [10 if person else 3 for person in people]
    room = overlap + step
    cuts = [(start, min(start + room, len(ids))) for start in range(0, max(len(ids) - overlap, 1), step)]
    tagger = by_id({10: "person"})
    whole = tagger.find(text, [chunk(offsets, ids)])
    assert tagger.find(text, [chunk(offsets[a:b], ids[a:b]) for a, b in cuts]) == whole
    assert len(whole) == sum(people)


@given(st.text(max_size=40))
def test_every_text_has_shapes(text: str) -> None:
    """Whatever characters it holds, lone surrogates included: finite numbers, one row per token."""
    offsets = np.array([(0, 0), *((at, at + 1) for at in range(len(text))), (0, 0)])
    found = shapes(text, offsets)
    assert found.shape == (len(offsets), SHAPES)
    assert np.isfinite(found).all()


def test_shapes_see_case_that_the_tokenizer_drops() -> None:
    offsets = np.array([(0, 0), (0, 4), (5, 8), (0, 0)])
    assert not np.array_equal(shapes("Jane doe", offsets), shapes("jane doe", offsets))


def test_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    tagger = by_id({10: "person"})
    tagger.save(tmp_path)
    again = Tagger.load(tmp_path)
    assert again.spec == tagger.spec
    text, part = "call Jane", chunk([(0, 4), (5, 9)], [3, 10])
    assert again.find(text, [part]) == tagger.find(text, [part])


@pytest.mark.parametrize("damage", ["format", "kinds", "cut", "shape"])
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    tagger = by_id({})
    tagger.save(tmp_path)
    path = tmp_path / FILES[1]
    if damage == "format":
        path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    elif damage == "kinds":
        path.write_text(path.read_text().replace("person", "planet"))
    elif damage == "cut":
        (tmp_path / FILES[0]).write_bytes((tmp_path / FILES[0]).read_bytes()[:100])
    else:
        weights = Weights(**{**vars(tagger.weights), "tags": _narrow(tagger.weights.tags)})
        with pytest.raises(BundleFormatError, match="tags has shape"):
            Tagger(weights, tagger.spec)
        return
    with pytest.raises(BundleFormatError):
        Tagger.load(tmp_path)


def _narrow(array: Floats) -> Floats:
    return array[:, :-1]
