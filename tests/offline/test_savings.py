"""Savings: the sentence is true word for word, and quality that is not shown to be kept is never called kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.judging.judged import Judged
from router_ml.offline.judging.savings_words import sentence, settled_by, to_record
from router_ml.offline.savings import savings, to_frame

Make = Callable[..., Judged]


def test_cheaper_and_kept(make_judged: Make) -> None:
    found = savings(make_judged(hard_loss=0.0), baseline="dear")
    assert found.cheaper == pytest.approx(0.9, abs=0.01)
    assert found.verdict == "kept"
    assert sentence(found).startswith("90.0% ± 0.0 cheaper than always dear, quality kept with 95% confidence (at most")
    assert "Of 2 cells (100% of the requests) it is kept in 2 (100% of the requests)." in sentence(found)


def test_by_default_the_best_lane_on_average_is_the_baseline(make_judged: Make) -> None:
    assert savings(make_judged()).baseline == "dear"


def test_the_mean_never_hides_the_cell_that_pays(make_judged: Make) -> None:
    """Easy requests keep their quality, hard ones lose a third: the cell is named."""
    found = savings(make_judged(), baseline="dear")
    verdicts = {cell.name: cell.verdict for cell in found.cells}
    assert verdicts == {"qa/general": "kept", "reasoning/general": "lost"}
    assert found.verdict == "lost"
    assert "quality lost with 95% confidence (more than 0.02 lower" in sentence(found)
    assert "lost in 1: reasoning/general" in sentence(found)


def test_dearer_is_called_dearer(make_judged: Make) -> None:
    found = savings(make_judged(policy=1.0), baseline="cheap")
    assert "dearer than always cheap" in sentence(found)
    assert "higher at least" in sentence(found)


def test_the_same_lane_everywhere_is_the_same(make_judged: Make) -> None:
    found = savings(make_judged(policy=1.0), baseline="dear")
    assert sentence(found).startswith("the same cost as always dear, the same quality, because nothing goes elsewhere.")
    assert {cell.verdict for cell in found.cells} == {"same"}


def test_little_evidence_is_not_shown_and_says_what_would_settle_it(make_judged: Make) -> None:
    found = savings(make_judged(60, loss=0.0, hard_loss=0.0, seed=4), baseline="dear")
    assert found.verdict == "not shown"
    assert "quality not shown to be kept (measured" in sentence(found)
    open_cells = [cell for cell in found.cells if cell.verdict == "not shown"]
    assert open_cells
    assert all(cell.needed is None or cell.needed > 0 for cell in open_cells)
    assert sum(cell.needed or 0 for cell in settled_by(found, 200)) <= 200


def test_few_groups_get_no_verdict_however_they_came_out(make_judged: Make) -> None:
    found = savings(make_judged(12, hard_loss=0.9), baseline="dear")
    assert {cell.verdict for cell in found.cells} == {"small"}


def test_lost_quality_is_seldom_called_kept(make_judged: Make) -> None:
    """Exactly at the margin, kept is wrong; it is said in at most 5% of the cases and some."""
    claims = [
        savings(make_judged(100, seed=seed, loss=0.02, hard_loss=0.02), baseline="dear").verdict for seed in range(400)
    ]
    assert claims.count("kept") <= 0.05 * 400 + 2 * (400 * 0.05 * 0.95) ** 0.5


def test_where_rules_forbid_the_lane_the_sentence_says_so(make_judged: Make) -> None:
    judged = make_judged(hard_loss=0.0)
    may = judged.eligible.copy()
    may[:100, 1] = False
    barred = replace(judged, eligible=may, quality=np.where(may, judged.quality, np.nan))
    found = savings(barred, baseline="dear")
    assert "always dear where the rules allow it" in sentence(found)
    assert found.rows == 600


def test_rows_where_the_lane_could_not_be_drawn_are_left_out_and_counted(make_judged: Make) -> None:
    judged = make_judged(hard_loss=0.0)
    quality = judged.quality.copy()
    quality[:100, 1] = np.nan
    found = savings(replace(judged, quality=quality), baseline="dear")
    assert (found.rows, found.left_out) == (500, {"dear was eligible but could not be drawn": 100})
    with pytest.raises(OfflineDataError, match="could not be drawn in any of 600"):
        savings(replace(judged, quality=np.where([True, False], quality, np.nan)), baseline="dear")


def test_in_sample_is_the_first_thing_said(make_judged: Make) -> None:
    assert sentence(savings(make_judged(), in_sample=True)).startswith("In sample, so better than it will be: ")


def test_records_and_frames(make_judged: Make) -> None:
    found = savings(make_judged(), baseline="dear")
    record = to_record(found)
    assert record["sentence"] == sentence(found)
    assert {"baseline", "cheaper", "cheaper_half", "verdict", "cells", "left_out"} <= set(record)
    pytest.importorskip("pandas", reason="needs the 'offline' extra")
    assert to_frame(found)["verdict"].tolist() == ["kept", "lost"]


def test_a_wrong_question_is_refused(make_judged: Make) -> None:
    with pytest.raises(InvalidRequestError, match="Known lanes: cheap, dear"):
        savings(make_judged(), baseline="premium")
    with pytest.raises(InvalidRequestError, match="margin"):
        savings(make_judged(), margin=2)
