"""Training heads and fine-tuning the encoder with them; all of it needs torch, so it runs in test-all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the 'train' extra; make test-all installs it")

from router_ml.guardrails.entities import TAGS
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from router_ml.understanding.surface import NAMES, surface
from training import corpus
from training.labelled.examples import DEFAULT, Example, Targets, authored, noise
from training.reading.calibration import calibrate, uncalibrated
from training.reading.heads import Heads, Scale, batches, export, fit_heads, loss, pad
from training.reading.readers import Rows, encode, scores
from training.tagging import entity_texts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(root: Path, encoder: Encoder) -> Rows:
    some = authored(corpus.load((root / "data" / "corpus").glob("*.jsonl")))[::12]
    return encode(encoder, [example.text for example in some], Targets.of(some))


def test_heads_learn_and_repeat(rows: Rows) -> None:
    """Better than the most frequent label on rows they have not seen, and the same weights every time."""
    torch.set_num_threads(1)
    every = np.arange(len(rows.surface))
    train, test = every[every % 4 > 0], every[every % 4 == 0]
    weights, again = (fit_heads(rows.tokens, rows.surface, rows.targets, train, seed=3, epochs=6) for _ in range(2))
    assert all(np.array_equal(value, getattr(again, name)) for name, value in vars(weights).items())
    raw = scores(Classifier(weights, uncalibrated(DEFAULT)), rows.take(test))
    truth = rows.targets.take(test).truth("intent")
    right = (raw[:, : len(DEFAULT.intent)].argmax(axis=1) == truth).mean()
    assert right > 2 * np.bincount(truth).max() / len(test)
    spec = calibrate(raw, rows.targets.take(test))
    assert 0.1 < spec.intent.temperature < 10
    assert all(0 < threshold < 1 for threshold in spec.risks.threshold)


def test_the_served_heads_score_as_the_trained_ones(encoder: Encoder) -> None:
    """torch pads and batches, numpy reads one text at a time; a difference would be a different classifier."""
    torch.manual_seed(1)
    heads = Heads(encoder.spec.dimension, DEFAULT, dropout=0.3)
    with torch.no_grad():
        heads.surface.weight.normal_()
    texts = ["Where is my order?", "Write a function that sorts a list of words by length, in Python."]
    encoded = encoder.encode(texts, np.eye(encoder.spec.dimension, dtype=np.float32))
    shapes = np.stack([surface(text, one.tokens) for text, one in zip(texts, encoded, strict=True)])
    scale = Scale(shapes)
    with torch.no_grad():
        expected = heads.eval()(*pad([one.readings[0] for one in encoded]), scale(shapes)).numpy()
    served = Classifier(export(heads, scale), uncalibrated(DEFAULT))
    for text, shape, wanted in zip(texts, shapes, expected, strict=True):
        (one,) = encoder.encode([text], served.columns)
        np.testing.assert_allclose(served.scores(one, shape), wanted, atol=2e-3)
    assert not served.weights.surface[:, DEFAULT.cuts[-1] :].any()
    assert served.weights.surface.shape == (len(NAMES), len(served.spec.readers))


def test_what_is_unknown_adds_nothing_to_the_loss() -> None:
    known = Example("a", "x", {"intent": "qa"}, {"pii": True})
    targets = Targets.of([known, Example("b", "x", {}, {})])
    random = torch.randn(2, targets.values.shape[1], generator=torch.Generator().manual_seed(0))
    changed = random.clone()
    changed[1] += 5
    changed[0, DEFAULT.cuts[0] : DEFAULT.cuts[1]] -= 3
    both = [float(loss(scored, targets, np.arange(2))) for scored in (random, changed)]
    assert both[0] == pytest.approx(both[1])
    changed[0, 0] += 1
    assert float(loss(changed, targets, np.arange(2))) != pytest.approx(both[0])


def test_every_row_is_in_one_batch_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 200, 500)
    rows = np.arange(0, 500, 2)
    cut = list(batches(lengths, rows, 16, np.random.default_rng(1)))
    assert sorted(np.concatenate(cut)) == rows.tolist()
    spread = np.mean([np.ptp(lengths[batch]) for batch in cut])
    assert spread < 0.3 * np.ptp(lengths)


def test_fine_tuning_lowers_the_loss_and_keeps_word_vectors(root: Path) -> None:
    from training.encoder import default_source, original
    from training.reading.shown import Tokens
    from training.tuning import Settings, tune

    torch.set_num_threads(1)
    model = original(default_source(), attention="sdpa")
    before = model[0].auto_model.embeddings.word_embeddings.weight.detach().clone()
    some = [
        *authored(corpus.load([root / "data" / "corpus" / "everyday.jsonl"]))[:48],
        *noise(4, DEFAULT.risks, seed=0),
    ]
    losses: list[float] = []
    tuned = tune(
        model[0].auto_model,
        Tokens(model.tokenizer, 64),
        some,
        DEFAULT,
        templates=entity_texts.load(root / "data" / "entities" / "train.jsonl")[:40],
        settings=Settings(epochs=5, batch=8, rate=2e-4, head_rate=3e-3, window=64),
        seed=1,
        step=losses.append,
    )
    assert len(losses) == 35
    assert np.mean(losses[-7:]) < 0.8 * np.mean(losses[:7])
    assert torch.equal(before, model[0].auto_model.embeddings.word_embeddings.weight)
    assert tuned.weights.value.shape == (384, len(uncalibrated(DEFAULT).readers))
    assert tuned.tagger[0].shape == (384, len(TAGS))


def test_a_long_text_is_read_from_both_ends_and_never_padded(root: Path) -> None:
    """The package's own tokenizer pads every text to 128 tokens and cuts there."""
    from training.encoder import default_source, original
    from training.reading.shown import Tokens

    tokens = Tokens(original(default_source()).tokenizer, 60)
    assert tokens.ids("hello there") == (tokens.ids("hello there")[0], 2)
    assert len(tokens.ids("hello there")[0]) == 4
    long, count = tokens.ids("start " + "middle " * 300 + "end")
    assert (len(long), count) == (60, 302)
    assert tokens.ids("start")[0][1] == long[1]
    assert tokens.ids("end")[0][1] == long[-2]


def test_the_exported_encoder_agrees_with_the_original(root: Path, tmp_path: Path) -> None:
    """Quantisation must not move texts to other neighbours: cosine and nearest neighbours on real requests."""
    from training.encoder import agreement, default_source, export, original

    model = original(default_source())
    export(model, tmp_path, name="all-MiniLM-L6-v2", languages=("en", "de"))
    exported = Encoder.load(tmp_path)
    assert exported.spec.languages == ("en", "de")
    rows = corpus.load([root / "data" / "corpus" / "heldout.jsonl"])
    found = agreement(model, exported, [row.text for row in rows[:200]])
    assert found["cosine_mean"] > 0.99
    assert found["nearest_neighbour_agreement"] > 0.85
