"""Off-policy evaluation of a data frame is that of its arrays, and a frame that is wrong is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pandas = pytest.importorskip("pandas", reason="frames need the 'offline' extra")

from router_ml.errors import OfflineDataError
from router_ml.offline import ope
from router_ml.offline.frames import evaluate_policies, feedback_from_frame, support_frame

LANES = ("fast", "premium")


def frame_of(count: int = 200) -> Any:
    rng = np.random.default_rng(0)
    share = 0.2 + 0.6 * rng.random(count)
    lane = np.where(rng.random(count) < share, "premium", "fast")
    return pandas.DataFrame(
        {
            "decision_id": [f"d{number}" for number in range(count)],
            "lane": lane,
            "propensity__fast": 1 - share,
            "propensity__premium": share,
            "reward": rng.random(count),
            "length": rng.normal(size=count),
            "challenger__fast": 0.1,
            "challenger__premium": 0.9,
        }
    )


def test_a_frame_gives_the_numbers_of_its_arrays() -> None:
    """One row per policy and estimator."""
    frame = frame_of()
    always = pandas.DataFrame({"premium": 1.0, "fast": 0.0}, index=frame.index)
    found = evaluate_policies(frame, {"challenger": "challenger", "always": always}, lanes=LANES, features=["length"])
    assert list(found["policy"].unique()) == ["challenger", "always"]
    assert set(found["name"]) == {"dr", "sndr", "snips", "ips", "dm", "switch_dr", "clipped_ips"}
    one = found[(found["policy"] == "always") & (found["name"] == "snips")].iloc[0]
    assert one["value"] == ope.snips(np.tile([0.0, 1.0], (200, 1)), feedback_from_frame(frame, lanes=LANES)).value
    paired = evaluate_policies(frame, {"challenger": "challenger"}, lanes=LANES, baseline="logging")
    assert set(paired["name"]) == {"snips difference", "ips difference", "clipped_ips difference"}
    against = evaluate_policies(frame, {"a": "challenger", "b": always}, lanes=LANES, baseline="a", bootstrap=20)
    assert list(against["policy"].unique()) == ["b"]
    assert set(against["interval"]) == {"bootstrap"}


def test_support_by_lane() -> None:
    """Where the policy goes and the log could not is said, not refused."""
    frame = frame_of()
    frame.loc[frame["lane"] == "fast", ["propensity__fast", "propensity__premium"]] = [1.0, 0.0]
    found = support_frame(frame, "challenger", lanes=LANES).set_index("lane")
    assert found.loc["premium", "unsupported"] == pytest.approx((frame["lane"] == "fast").mean())
    assert found.loc["fast", "unsupported"] == 0
    assert found.loc["premium", "weight_max"] >= found.loc["premium", "weight_50"] > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="reward"), "no column reward"),
        (lambda frame: frame.drop(columns="propensity__fast"), "no column propensity__fast"),
        (lambda frame: frame.assign(decision_id="same"), "more than once, first 'same'"),
        (lambda frame: frame.assign(lane="private"), "holds lanes private; expected fast, premium"),
        (lambda frame: frame.assign(propensity__fast=0.0), "NaN or outside"),
        (lambda frame: frame.assign(reward=np.nan), "at least one must be rated"),
        (lambda frame: frame.drop(columns="length"), "no column length"),
        (lambda frame: frame.drop(columns="challenger__fast"), "no column challenger__fast"),
        (lambda frame: frame.assign(length=np.nan), "NaN or infinity"),
    ],
)
def test_a_broken_frame_is_refused(change: Any, said: str) -> None:
    with pytest.raises(OfflineDataError, match=said):
        evaluate_policies(change(frame_of()), {"challenger": "challenger"}, lanes=LANES, features=["length"])


def test_a_policy_of_other_rows_is_refused() -> None:
    """Sorted otherwise, its probabilities would silently belong to other decisions."""
    frame = frame_of()
    other = pandas.DataFrame({"fast": 0.5, "premium": 0.5}, index=frame.index[::-1])
    with pytest.raises(OfflineDataError, match="index is not that of the log"):
        evaluate_policies(frame, {"other": other}, lanes=LANES)
    with pytest.raises(OfflineDataError, match="no policy 'champion'"):
        evaluate_policies(frame, {"challenger": "challenger"}, lanes=LANES, baseline="champion")
