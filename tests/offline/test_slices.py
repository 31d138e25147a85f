"""Slices: regret is right, luck picks no lane, thin evidence comes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.judging.judged import Judged
from router_ml.offline.slices import find_slices, to_frame, to_record

Make = Callable[..., Judged]


def test_the_cell_that_loses_comes_first_with_what_it_loses(make_judged: Make) -> None:
    """On hard requests dear is .3 better for .009 USD at lambda 5: .255 lost; on easy ones cheap is right."""
    worst, fine = find_slices(make_judged())
    assert (worst.intent, worst.best_lane, worst.share) == ("reasoning", "dear", 0.5)
    assert worst.regret == pytest.approx(0.255, abs=0.01)
    assert worst.low < 0.255 < worst.high
    assert worst.worth == pytest.approx(worst.regret / 2)
    assert (fine.best_lane, fine.regret) == ("cheap", 0.0)


def test_luck_is_no_regret() -> None:
    """Ten lanes of pure noise: the best of them in hindsight looks better, but not on rows it was not picked on."""
    random = np.random.default_rng(3)
    regrets = []
    for _ in range(60):
        whole = np.ones((40, 10), bool)
        noise = Judged(
            source="matrix",
            lanes=tuple("abcdefghij"),
            quality=random.random((40, 10)),
            cost_usd=np.full((40, 10), 1e-6),
            policy=np.full((40, 10), 0.1),
            eligible=whole,
            outcomes=whole,
            group=np.arange(40),
            intent=np.full(40, "qa"),
            domain=np.full(40, "general"),
            quality_per_usd=np.ones(40),
        )
        regrets.append(find_slices(noise)[0].regret)
    assert np.mean(regrets) == pytest.approx(0.0, abs=0.02)


def test_thin_evidence_comes_first_and_names_the_lane(make_judged: Make) -> None:
    judged = make_judged()
    outcomes = judged.outcomes.copy()
    outcomes[judged.intent == "qa", 0] = False
    found = find_slices(replace(judged, outcomes=outcomes), by="evidence")[0]
    assert (found.intent, found.thinnest, found.evidence) == ("qa", "cheap", {"cheap": 0, "dear": 300})


def test_a_lane_that_rules_forbid_is_not_the_thinnest(make_judged: Make) -> None:
    judged = make_judged()
    nowhere = np.broadcast_to([True, False], judged.outcomes.shape)
    quality = np.where(nowhere, judged.quality, np.nan)
    barred = replace(judged, outcomes=nowhere.copy(), eligible=nowhere.copy(), quality=quality)
    assert {each.thinnest for each in find_slices(barred)} == {"cheap"}
    assert all(each.regret == 0 for each in find_slices(barred))


def test_small_cells_can_be_left_out_and_frames_hold_one_row_each(make_judged: Make) -> None:
    with pytest.raises(OfflineDataError, match="the largest has 300"):
        find_slices(make_judged(), min_rows=301)
    pytest.importorskip("pandas", reason="needs the 'offline' extra")
    frame = to_frame(find_slices(make_judged(), min_rows=300))
    assert frame["evidence_dear"].tolist() == [300, 300]


def test_a_single_group_has_no_regret_and_json_says_so(make_judged: Make) -> None:
    judged = make_judged(20)
    found = find_slices(replace(judged, group=np.zeros(20)))[0]
    assert to_record(found)["regret"] is None
