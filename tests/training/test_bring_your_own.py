"""The example of a company of its own is whole: labels, lanes and suite fit one another."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from router_ml.config import load_config
from router_ml.storage.bundle import Bundle
from training.evals.suite import load_suite


@pytest.fixture
def example(root: Path) -> Path:
    return root / "examples" / "bring_your_own"


@pytest.fixture
def labels(example: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (example / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_labels_are_what_their_maker_makes(labels: list[dict[str, str]]) -> None:
    from examples.bring_your_own.make_labels import SEED, requests

    assert labels == requests(random.Random(SEED))


def test_the_lanes_are_configured_for_the_words_of_the_labels(
    example: Path, labels: list[dict[str, str]], models: Path
) -> None:
    """A bundle trained on the labels routes by this router.yaml; another would be refused by name."""
    words = {f"{name}s": sorted({row[name] for row in labels}) for name in ("intent", "domain")}
    config = load_config(example / "router.yaml", {**Bundle.load(models).taxonomy, **words})
    assert list(config.taxonomy.intents) == words["intents"]
    assert list(config.lanes) == ["onsite", "everyday", "expert"]


def test_the_suite_asks_in_cells_that_the_labels_know(example: Path, labels: list[dict[str, str]]) -> None:
    """An answer in a cell that no classifier has would be left out of the priors."""
    cells = {(row["intent"], row["domain"]) for row in labels}
    asked = Counter(case.cell for case in load_suite(example / "wheelhouse").cases)
    assert set(asked) <= cells
    assert min(asked.values()) >= 8
