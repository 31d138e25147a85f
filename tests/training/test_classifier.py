"""Training the classifier and exporting the encoder; both need torch, so they run in test-all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the 'train' extra; make test-all installs it")

from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from training import classifier, corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(root: Path, encoder: Encoder) -> classifier.Examples:
    rows = corpus.load((root / "data" / "corpus").glob("*.jsonl"))
    return classifier.examples(rows[::8], encoder)


def test_training_learns_and_repeats(data: classifier.Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better than the most frequent label on rows it has not seen, and the same weights every time."""
    monkeypatch.setattr(classifier, "EPOCHS", 12)
    torch.set_num_threads(1)
    rows = np.arange(len(data.batch))
    train, test = rows[rows % 4 > 0], rows[rows % 4 == 0]
    weights, again = (classifier.fit(data, train, seed=3) for _ in range(2))
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    scores = classifier.score(Classifier(weights, classifier.uncalibrated()), data, test)
    right = (scores[:, : classifier.CUTS[0]].argmax(axis=1) == data.intent[test]).mean()
    assert right > 2 * np.bincount(data.intent[test]).max() / len(test)
    everything = np.zeros((len(rows), classifier.COLUMNS), np.float32)
    everything[test] = scores
    spec = classifier.calibrate(everything, data, test, test)
    assert 0.1 < spec.intent.temperature < 10
    assert all(0 < threshold < 1 for threshold in spec.risks.threshold)


def test_the_served_weights_are_the_trained_ones(data: classifier.Examples, tmp_path: Path) -> None:
    """What is written scores exactly as what was trained, whatever the memory layout of the arrays."""
    weights = classifier.fit(data, np.arange(200), seed=0)
    turned = {name: np.asfortranarray(value) for name, value in weights.items()}
    Classifier(turned, classifier.uncalibrated()).save(tmp_path)
    rows = np.arange(5)
    before = classifier.score(Classifier(weights, classifier.uncalibrated()), data, rows)
    after = classifier.score(Classifier.load(tmp_path), data, rows)
    assert np.allclose(before, after, atol=1e-4)


def test_the_exported_encoder_agrees_with_the_original(root: Path, tmp_path: Path) -> None:
    """Quantisation must not move texts to other neighbours: cosine and nearest neighbours on real requests."""
    pytest.importorskip("sentence_transformers", reason="needs the 'train' extra")
    from training.encoder import agreement, default_source, export

    original = export(default_source(), tmp_path, name="all-MiniLM-L6-v2")
    exported = Encoder.load(tmp_path)
    rows = corpus.load([root / "data" / "corpus" / "heldout.jsonl"])
    found = agreement(original, exported, [row.text for row in rows[:200]])
    assert found["cosine_mean"] > 0.99
    assert found["nearest_neighbour_agreement"] > 0.85
