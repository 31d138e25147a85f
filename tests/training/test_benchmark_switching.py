"""Stability is measured against what it costs, on texts that mean the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.allocation.context import Contexts
from router_ml.allocation.quality import Belief
from training.benchmark.switching import as_tables, measure
from training.benchmark.switching_probe import (
    FREE,
    Cells,
    Pairs,
    Seen,
    Setting,
    on_outcomes,
    paraphrases,
    variants,
)
from training.outcomes import Pack


def shaken(contexts: Contexts, by: float) -> Contexts:
    """The same prompts, their embeddings moved a little."""
    rng = np.random.default_rng(7)
    moved = contexts.embedding + by * rng.normal(size=contexts.embedding.shape).astype(np.float32)
    return replace(contexts, embedding=moved / np.linalg.norm(moved, axis=1, keepdims=True))


def reading(texts: list[str]) -> Contexts:
    """Contexts whose token counts tell texts apart."""
    count = len(texts)
    flat = np.ones((count, 2), np.float32)
    return Contexts(flat, flat, flat / 2, flat / 2, np.array([len(text) for text in texts], np.int64))


def test_the_same_text_never_changes_its_lane(pack: Pack) -> None:
    """Flips of a request against itself would be a bug of the measurement."""
    same = Pairs(pack.contexts, pack.contexts, pack.group)
    found = on_outcomes(pack, {"same": same}, [Setting(), Setting(0.02, 0.5)], lambdas=[30.0], share=0.6, seed=0)
    assert [each.flips["same"] for each in found.values()] == [0.0] * 4


def test_what_keeps_lanes_is_shown_with_its_price(pack: Pack) -> None:
    """A wide margin leaves fewer flips, and differences are counted from keeping nothing."""
    moved = Pairs(pack.contexts, shaken(pack.contexts, 0.15), pack.group)
    settings = [Setting(), Setting(0.5)]
    pairs = {"paraphrase": moved, "misspelt": moved, "padded": moved}
    kept = measure(pack, pairs, splits=2, lambdas=[30.0], settings=settings)
    assert [(row.quality_per_usd, row.setting) for row in kept] == list(product((None, 30.0), settings))
    assert kept[0].flips["paraphrase"] > kept[1].flips["paraphrase"]
    assert (kept[0].difference, kept[0].low, kept[0].high) == (0, 0, 0)
    assert kept[1].difference == pytest.approx(kept[1].reached - kept[0].reached)
    tables = as_tables(kept, [], "made up")
    assert tables[0].row_count == 4
    assert kept[2].reached <= 100 * pack.quality.max()


def test_texts_that_were_learned_from_are_not_measured(pack: Pack) -> None:
    """A prompt whose near-duplicate was trained on is steadier than traffic will be."""
    pairs = Pairs(pack.contexts, pack.contexts, pack.group)
    kept = pairs.held_out(np.array([3, 5]))
    assert kept.group is not None
    assert sorted(kept.group.tolist()) == [3, 3, 5, 5]
    elsewhere = Pairs(pack.contexts, pack.contexts)
    assert elsewhere.held_out(np.array([3])) is elsewhere


@given(st.integers(0, 1000), st.floats(0, 0.3))
def test_an_incumbent_leaves_only_for_more_than_the_margin(seed: int, margin: float) -> None:
    """Whatever is believed: the lane is the usual one of its cell, or one that gains more than the margin on it."""
    rng = np.random.default_rng(seed)
    quality, cost, usual = rng.random((20, 4)), rng.random((20, 4)) * 0.01 + 1e-4, rng.random((20, 4))
    belief = Belief(quality, quality * 0.9, quality, np.ones_like(quality))
    rule = replace(FREE, quality_per_usd=10.0)
    lanes = Seen(belief, cost, Cells(usual, cost)).lanes(rule, Setting(margin))
    incumbent = (usual - 10 * cost).argmax(axis=1)
    value, rows = quality - 10 * cost, np.arange(20)
    moved = lanes != incumbent
    if margin > 0:
        assert (value[rows, lanes] - value[rows, incumbent])[moved].min(initial=1) > margin
    assert (value[rows, lanes] >= value[rows, incumbent]).all()


def test_cells_are_means_of_what_was_seen_in_them(pack: Pack) -> None:
    """Shrunk, so between the mean of the cell and that of the lane."""
    cells = Cells.fit(pack.contexts, pack.quality, pack.cost_usd).of(pack.contexts)
    hard = pack.contexts.intent[:, 0] == 1
    low, high = pack.quality[hard, 0].mean(), pack.quality[:, 0].mean()
    assert ((cells.quality[hard, 0] > low) & (cells.quality[hard, 0] < high)).all()


def test_texts_and_their_rewordings_stay_side_by_side(tmp_path: Path) -> None:
    """A row out of step would count another request as a paraphrase."""
    (tmp_path / "texts.jsonl").write_text(
        '{"group": 1, "text": "a"}\n{"group": 1, "text": "bb"}\n{"group": 2, "text": "ccc"}\n'
        '{"group": 2, "text": "dddd"}\n{"group": 1, "text": "eeeee"}\n'
    )
    pairs, first = paraphrases(tmp_path / "texts.jsonl", reading)
    assert first == ["a", "ccc"]
    assert list(zip(pairs.before.tokens_in.tolist(), pairs.after.tokens_in.tolist(), strict=True)) == [
        (1, 2),
        (1, 5),
        (3, 4),
    ]
    noisy = variants(["please send the invoice, thanks", "x"], reading, seed=0, group=np.array([4, 9]))
    assert noisy["padded"].group is not None
    assert noisy["padded"].group.tolist() == [4, 9]
    assert (noisy["padded"].after.tokens_in > noisy["padded"].before.tokens_in).all()
    assert noisy["repunctuated"].before.tokens_in.tolist() == [31]
