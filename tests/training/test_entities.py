"""Entity texts: slots can be filled, spans are where they say, held-out names and templates are never trained on."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faker", reason="training entities needs the 'train' extra; make test-all installs it")
torch = pytest.importorskip("torch", reason="training entities needs the 'train' extra; make test-all installs it")

from router_ml.guardrails.entities import KINDS, TAGS, Chunk, Tagger, TaggerSpec
from router_ml.guardrails.tagging.token_shapes import SHAPES, shapes
from training.entities import scores
from training.tagging.entity_texts import Span, align, fill, inhabited, load, recased, together
from training.tagging.forms import form
from training.tagging.public_spans import Marked, varied
from training.tagging.tagger import Example, Network, Settings, exported, train
from training.tagging.values import VOCABULARY, Values, is_held_out

pytestmark = pytest.mark.slow


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


def test_no_template_is_in_both_files(root: Path) -> None:
    train_set, test_set = (load(root / "data" / "entities" / f"{name}.jsonl") for name in ("train", "test"))
    assert not set(train_set) & set(test_set)
    assert len(set(train_set)) == len(train_set) >= 900


def test_values_repeat_with_their_seed() -> None:
    made = [[Values(seed)("person") for _ in range(2)] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_an_unknown_slot_is_named() -> None:
    with pytest.raises(ValueError, match=r"shoe_size.*person"):
        fill("my {{shoe_size}}", Values(0))


def test_names_to_measure_on_are_never_trained_on() -> None:
    """Of our own vocabulary; Faker's names go through the same choice."""
    trained, measured = Values(4), Values(4, held_out=True)
    assert not any(is_held_out(trained("last_name")) for _ in range(100))
    assert all(is_held_out(measured("last_name")) for _ in range(100))
    words = json.loads(VOCABULARY.read_text(encoding="utf-8"))
    share = sum(map(is_held_out, words["last_name"])) / len(words["last_name"])
    assert 0.2 < share < 0.5


def test_neighbouring_names_are_one_person_and_a_town_belongs_to_its_street() -> None:
    text, (person, address) = fill("{{first_name}} {{last_name}} of {{street}}, {{city}} left", Values(1))
    assert person.start == 0
    assert text[address.end :] == " left"
    assert fill("{{city}} is wet", Values(1))[1] == []


def test_together_and_recased_keep_spans_on_their_values() -> None:
    parts = [("call Jane", [Span("person", 5, 9)]), ("at Acme now", [Span("organization", 3, 7)])]
    text, spans = together(parts, "\n\n")
    assert [text[span.start : span.end] for span in spans] == ["Jane", "Acme"]
    for seed in range(20):
        changed, own = recased((text, spans), random.Random(seed))
        assert [changed[span.start : span.end].lower() for span in own] == ["jane", "acme"]


def test_forms_fill() -> None:
    dice, values = random.Random(2), Values(2)
    texts = [fill(form(dice), values) for _ in range(60)]
    assert all("{{" not in text for text, _ in texts)
    assert {span.kind for _, spans in texts for span in spans} == set(KINDS)


def test_a_request_gets_names_in_place_of_roles() -> None:
    found = {inhabited("my sister wants the old office repainted", random.Random(seed)) for seed in range(20)}
    assert any("{{address}}" in str(template) for template in found)
    assert any("name}}" in str(template) or "{{person}}" in str(template) for template in found)
    assert inhabited("the customer service is closed", random.Random(1)) is None


def test_marked_texts_get_other_people() -> None:
    text = "ask Jane Doe at 1 Elm Road"
    marked = Marked(text, (Span("person", 4, 12), Span("address", 16, 26)), frozenset({"PERSON"}), True, "1")
    changed, (person, address) = varied(marked, Values(6))
    assert changed[address.start : address.end] == "1 Elm Road"
    assert changed[person.start : person.end] != "Jane Doe"


def test_tags_cover_the_tokens_of_a_span() -> None:
    offsets = [(0, 0), (0, 4), (5, 9), (10, 14), (14, 16), (17, 20), (0, 0)]
    tags = align(offsets, [Span("person", 5, 14), Span("address", 17, 24)])
    assert [TAGS[tag] for tag in tags] == ["O", "O", "person", "person", "O", "address", "O"]


def test_scores_count_exact_and_touched_spans() -> None:
    found = scores([[Span("person", 0, 8), Span("person", 20, 24)]], [()])
    assert (found["person"]["recall"], found["person"]["touched"], found["person"]["spans"]) == (0, 0, 2)


def test_what_is_served_is_what_was_trained() -> None:
    """The network in numpy and the one in torch give the same scores, from vectors, word pieces and shapes together."""
    torch.manual_seed(0)
    network = Network(6, 20, Settings(projection=4, pieces=6, channels=12)).eval()
    tagger = Tagger(exported(network), TaggerSpec(KINDS, (0.5, 0.5, 0.5)))
    text, dice = "Jane Doe, 12 Elm Rd", np.random.default_rng(0)
    offsets = np.array([(0, 0), (0, 4), (5, 8), (8, 9), (10, 12), (13, 16), (17, 19), (0, 0)])
    vectors, ids = dice.normal(size=(8, 6)).astype(np.float32), np.array([1, 10, 4, 12, 5, 7, 8, 2])
    mask = torch.tensor([[0.0], *[[1.0]] * 6, [0.0]])
    with torch.no_grad():
        known = network(torch.tensor(vectors), torch.tensor(ids), torch.tensor(shapes(text, offsets)), mask)
    served = tagger.scores(text, Chunk(ids, offsets, vectors @ tagger.columns))
    assert served[1:-1] == pytest.approx(known[1:-1].numpy(), abs=1e-3)  # word pieces are kept in half precision


def test_training_learns_word_pieces() -> None:
    dice, data = np.random.default_rng(0), []
    for _ in range(100):
        ids = np.array([1, *dice.integers(3, 20, 8), 2])
        empty = np.zeros((len(ids), SHAPES), np.float32)
        data.append(Example(np.zeros((len(ids), 6), np.float16), ids, empty, np.where(ids == 4, 1, 0)))
    losses: list[float] = []
    settings = Settings(epochs=25, forgotten=0, dropout=0, projection=4, pieces=6, channels=12, rate=1e-2)
    train(data, 20, settings=settings, seed=0, step=losses.append)
    assert losses[-1] < 0.2 * losses[0]
