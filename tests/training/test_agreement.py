"""Two annotators: every row has both labellings, and kappa is what the paper says."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import corpus
from training.agreement import agreement, kappa, pairs
from training.labelled.examples import CALIBRATION, HELD_OUT


def test_kappa_of_a_worked_example() -> None:
    """Two raters, 50 items: 20 both yes, 15 both no, 5 and 10 apart: agreement .7, chance .5."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(["a", "b"], ["a", "b"]) == 1
    assert kappa(["a", "a"], ["a", "a"]) == 1


@pytest.mark.parametrize("batch", [CALIBRATION, HELD_OUT])
def test_the_rows_nothing_learns_from_have_two_labellings_that_agree(root: Path, batch: str) -> None:
    """Where people disagree about labels, a model's score says little."""
    assert len(pairs(batch)) == len(corpus.load([root / "data" / "corpus" / f"{batch}.jsonl"]))
    found = agreement(batch)
    assert found["intent"]["kappa"] > 0.95
    assert found["domain"]["kappa"] > 0.9
    assert min(found[risk]["kappa"] for risk in corpus.RISKS) > 0.9
