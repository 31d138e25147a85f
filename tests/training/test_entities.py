"""Entity templates: every slot can be filled, spans are where they say, and tags keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("faker", reason="training entities needs the 'train' extra; make test-all installs it")

from training.entities import TAGS, Span, Values, align, fill, load, spans_of


@pytest.mark.parametrize("name", ["train", "test"])
def test_every_template_fills_and_its_spans_are_values(root: Path, name: str) -> None:
    values = Values(3)
    templates = load(root / "data" / "entities" / f"{name}.jsonl")
    assert len(templates) > 100
    for template in templates:
        text, spans = fill(template, values)
        assert "{{" not in text
        for span in spans:
            assert text[span.start : span.end].strip()
            assert text[span.start : span.end] not in template


def test_no_template_is_in_both_files(root: Path) -> None:
    train, test = (set(load(root / "data" / "entities" / f"{name}.jsonl")) for name in ("train", "test"))
    assert not train & test


def test_values_repeat_with_their_seed() -> None:
    made = [[Values(seed)("person") for _ in range(2)] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_an_unknown_slot_is_named() -> None:
    with pytest.raises(ValueError, match=r"shoe_size.*person"):
        fill("my {{shoe_size}}", Values(0))


def test_tags_and_spans_are_each_others_inverse() -> None:
    offsets = [(0, 4), (5, 9), (10, 14), (14, 16), (17, 20), (21, 24)]
    spans = [Span("person", 5, 14), Span("address", 17, 24)]
    tags = align(offsets, spans)
    assert [TAGS[tag] for tag in tags] == ["O", "B-person", "I-person", "O", "B-address", "I-address"]
    assert spans_of(tags, offsets) == spans
