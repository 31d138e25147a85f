"""The classifier benchmark: tables on a user's file, errors that help, and probes that can fail."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from router_ml.storage.bundle import Bundle
from training import corpus
from training.benchmark.__main__ import app
from training.benchmark.classifier import hard_negatives, measure
from training.benchmark.stability import Reader, abstention, long_documents, paraphrase_flips, variant_flips
from training.benchmark.variants import VARIANTS
from training.labelled.examples import authored
from training.reading.metrics import bootstrap, calibration_error, macro_f1, share

RUN = CliRunner()


@pytest.fixture(scope="module")
def rows(root: Path) -> list[corpus.Row]:
    return corpus.load([root / "data" / "corpus" / "heldout.jsonl"])


def records(rows: list[corpus.Row]) -> list[dict[str, object]]:
    return [
        {"text": row.text, "intent": row.intent, "domain": row.domain, "mode": row.mode, "risks": list(row.risks)}
        for row in rows
    ]


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_user_s_file_gets_the_tables(rows: list[corpus.Row], tmp_path: Path) -> None:
    path = written(tmp_path / "own.jsonl", records(rows[::12]))
    result = RUN.invoke(app, ["classifier", "--data", str(path), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["rows"] == len(rows[::12])
    assert 0.6 < found["held_out"]["intent"]["macro_f1"] <= 1
    assert found["held_out"]["risks"]["pii"]["recall"]["rows"] > 0
    shown = RUN.invoke(app, ["classifier", "--data", str(path)])
    assert "macro-F1" in shown.output


def test_labels_that_the_classifier_does_not_know_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "own.jsonl", [{"text": "hello", "intent": "greet"}, {"text": "bye", "intent": "qa"}])
    result = RUN.invoke(app, ["classifier", "--data", str(path)])
    assert result.exit_code == 1
    assert "greet is not known" in str(result.exception)


def test_train_without_test_is_refused(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["classifier", "--train", str(tmp_path / "a.jsonl")])
    assert "together" in str(result.exception)


@pytest.mark.slow
def test_scores_fall_when_labels_are_wrong(bundle: Bundle, rows: list[corpus.Row]) -> None:
    """A benchmark that cannot tell right labels from shuffled ones measures nothing."""
    some = authored(rows[::5])
    right = measure(bundle, some)
    shuffled = [
        type(one)(one.text, one.source, other.labels, other.risks)
        for one, other in zip(some, some[1:] + some[:1], strict=True)
    ]
    wrong = measure(bundle, [shuffled[at] for at in np.random.default_rng(0).permutation(len(shuffled))])
    assert wrong["domain"]["macro_f1"] < right["domain"]["macro_f1"] - 0.1


@pytest.mark.slow
def test_probes_are_of_the_rows_that_say_so(bundle: Bundle, rows: list[corpus.Row]) -> None:
    found = hard_negatives(bundle, rows)
    assert all(own["rows"] >= 15 for own in found.values())


@pytest.mark.slow
def test_stability_counts_what_changes(bundle: Bundle, root: Path, rows: list[corpus.Row]) -> None:
    read = Reader(bundle)
    flips = variant_flips(read, [row.text for row in rows[:20]], seed=1)
    assert set(flips) == set(VARIANTS)
    assert all(own["intent"]["share"] < 0.3 for own in flips.values())
    path = root / "data" / "stability" / "paraphrases.jsonl"
    found = paraphrase_flips(read, path)
    assert found["intent"]["rows"] == 2 * len({json.loads(line)["group"] for line in path.open(encoding="utf-8")})


@pytest.mark.slow
def test_noise_abstains_more_than_requests(bundle: Bundle, rows: list[corpus.Row]) -> None:
    some = [*rows[::16], *(row for row in rows if row.language != "en")]
    found = abstention(Reader(bundle), authored(some), [row.language for row in some], seed=1)
    assert found["noise"]["share"] > found["in scope"]["share"] + 0.3
    assert found["other languages"]["share"] > 0.8
    assert found["short thanks, flagged"]["share"] == 0


def test_probes_are_other_ones_than_training_sees() -> None:
    """A filler or a kind of noise that training knows measures memory."""
    from training.benchmark import variants
    from training.labelled import augment

    assert not set(VARIANTS) & set(augment.VARIANTS)
    assert not {*variants._OPENERS, *variants._CLOSERS} & {*augment._BEFORE, *augment._AFTER}
    rng = random.Random(0)
    text = "Please send the report, because Kim and Lee asked for it with all the tables."
    for make in VARIANTS.values():
        made = [make(text, rng) for _ in range(20)]
        assert sum(other != text for other in made) >= 5
        assert all(len(other) > 0.8 * len(text) for other in made)
    assert all(variants.scribble(rng).strip() for _ in range(50))


@pytest.mark.slow
def test_a_sentence_at_the_end_of_twenty_pages_is_found(bundle: Bundle, rows: list[corpus.Row]) -> None:
    found = long_documents(Reader(bundle), rows, documents=3, seed=1)
    assert np.mean([own["recall"]["share"] for own in found.values()]) > 0.5
    assert np.mean([own["false_positives"]["share"] for own in found.values()]) < 0.3


def test_metrics_on_what_is_known_by_hand() -> None:
    assert macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3) == pytest.approx((2 / 3 + 4 / 5) / 2)
    sure = np.array([[0.9, 0.1]] * 10, np.float32)
    assert calibration_error(sure, np.array([0] * 9 + [1])) == pytest.approx(0.18, abs=0.02)
    assert share(np.zeros(0, bool)) == {"share": None, "interval": None, "rows": 0}
    assert share(np.ones(10, bool))["interval"][0] == pytest.approx(0.722, abs=0.001)
    low, high = bootstrap(lambda draw: float(draw.mean()), 101)
    assert low < 50 < high
