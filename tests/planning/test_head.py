"""What was learned of plans is said only where it is sure, alone as in a batch, and survives the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from router_ml.errors import BundleFormatError
from router_ml.planning.guess import Guess
from router_ml.planning.head import FILES, OneHead, PlanHead


def head(*, threshold: float = 0.6) -> PlanHead:
    """Two features: the first says light or deep or to ask, the second whether to call a tool."""
    strategy = np.array([[4.0, -4.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    call = np.array([[0.0, 0.0], [3.0, -3.0]], np.float32)
    return PlanHead(
        np.zeros(2, np.float32),
        np.ones(2, np.float32),
        {
            "retrieval": OneHead(("light", "deep", "clarify.order_id"), strategy, np.zeros(3, np.float32), threshold),
            "tool.search": OneHead(("yes", "no"), call, np.zeros(2, np.float32), threshold),
        },
    )


def row(first: float, second: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([first], np.float32), np.array([second], np.float32)


@pytest.mark.parametrize(
    ("features", "guess"),
    [
        ((2, 2), Guess(retrieval="light", tools=("search",))),
        ((-2, -2), Guess(retrieval="deep")),
        ((0, 0), Guess()),
    ],
)
def test_it_says_what_it_is_sure_of(features: tuple[float, float], guess: Guess) -> None:
    assert head().guess(*row(*features)) == guess


def test_a_label_that_names_a_slot_is_something_to_ask() -> None:
    forced = head(threshold=0.0)
    forced.heads["retrieval"].bias[2] = 20
    assert forced.guess(*row(0, -1)) == Guess(ask="order_id")


def test_it_is_the_same_after_the_disk(tmp_path: Path) -> None:
    head().save(tmp_path)
    again = PlanHead.load(tmp_path, features=2)
    assert {name.name for name in tmp_path.iterdir()} == set(FILES)
    for features in ((2, 2), (-2, 1), (0.1, 0)):
        assert again.guess(*row(*features)) == head().guess(*row(*features))


def test_another_format_is_refused(tmp_path: Path) -> None:
    head().save(tmp_path)
    record = json.loads((tmp_path / FILES[1]).read_text())
    (tmp_path / FILES[1]).write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(BundleFormatError, match="does not read"):
        PlanHead.load(tmp_path, features=2)


def test_heads_of_another_classifier_are_refused(tmp_path: Path) -> None:
    """They would read one label's probability as another's."""
    head().save(tmp_path)
    with pytest.raises(BundleFormatError, match="2 features, this bundle has 3"):
        PlanHead.load(tmp_path, features=3)
