"""Estimates from sums over partitions are those of the whole log, however it is cut, and bad logs give none."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml.errors import OfflineDataError
from router_ml.offline import engine, ope
from router_ml.offline.engine.estimating import Adder, OpeSums, _names, hashed
from router_ml.offline.engine.moments import Moments
from router_ml.offline.estimating.estimate import Estimate
from router_ml.offline.feedback import Feedback, Floats
from tests.offline.engine.logs import feedback_of, write_log


def same(found: dict[str, Estimate], wanted: dict[str, Estimate], *, within: float = 1e-9) -> None:
    assert list(found) == list(wanted)
    for name, each in wanted.items():
        for key, value in asdict(each).items():
            other = getattr(found[name], key)
            assert other == (pytest.approx(value, rel=within, abs=within) if isinstance(value, float) else value), name


def judged(folder: Path, target: Floats, feedback: Feedback, model: Floats, cuts: list[int], **how: Any) -> Any:
    source = write_log(folder / "log", target, feedback, model, cuts)
    return engine.ope(source, folder / "sums", reward_model="estimated_quality", **how)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    rated=st.sampled_from([0.3, 1.0]),
    users=st.sampled_from([None, 7, 60]),
    paired=st.booleans(),
    rows=st.integers(1, 400),
    cuts=st.lists(st.integers(1, 399), max_size=4, unique=True).map(sorted),
)
def test_sums_say_what_the_whole_log_says(
    seed: int, rated: float, users: int | None, paired: bool, rows: int, cuts: list[int]
) -> None:
    target, feedback, model = feedback_of(400, seed=seed, rated=rated, users=users)
    baseline = feedback.logging if paired else None
    wanted = ope.evaluate_all(target, feedback, reward_model=model, baseline=baseline)
    with TemporaryDirectory() as folder:
        found = judged(
            Path(folder),
            target,
            feedback,
            model,
            cuts,
            rows=rows,
            baseline="propensities" if paired else None,
            cluster="user" if users else None,
        )
    same(found.estimates, wanted)
    assert (found.decisions, found.clusters) == (400, users and len(np.unique(feedback.cluster)))


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_nothing_cancels_where_rewards_hardly_differ(shift: float, tmp_path: Path) -> None:
    """Sums of raw squares would leave nothing of a spread that is a millionth of the mean."""
    target, feedback, model = feedback_of(2000, rated=1.0)
    tiny = 1e-6 * np.random.default_rng(1).random(2000)
    feedback = replace(feedback, reward=1.0 + shift + tiny, rated_probability=np.ones(2000))
    wanted = ope.evaluate_all(target, feedback, reward_model=model)
    found = judged(tmp_path, target, feedback, model, [500, 1900], rows=100).estimates
    for name in ("snips", "ips", "dr", "sndr"):
        assert found[name].standard_error == pytest.approx(wanted[name].standard_error, rel=1e-6)


def test_rewards_that_are_all_alike_leave_no_spread(tmp_path: Path) -> None:
    target, feedback, model = feedback_of(300, rated=1.0)
    found = judged(tmp_path, target, replace(feedback, reward=np.ones(300)), model, [100]).estimates["snips"]
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


def test_the_order_of_parts_moves_no_bit() -> None:
    values = np.random.default_rng(0).normal(3, 2, 1000)
    parts = [Moments.of(part) for part in np.split(values, [10, 11, 500])]
    assert Moments.together(parts) == Moments.together(parts[::-1])
    whole = Moments.of(values)
    assert asdict(Moments.together(parts)) == pytest.approx(asdict(whole), rel=1e-10)


def test_what_was_not_randomised_or_has_no_lane_is_left_out(tmp_path: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    target, feedback, model = feedback_of(300, rated=1.0)
    path = write_log(tmp_path / "log", target, feedback, model, []) / "day=2026-03-01" / "part.parquet"
    table = parquet.read_table(path, partitioning=None)
    action = [None if row < 20 else each for row, each in enumerate(feedback.action.tolist())]
    drawn = arrow.array([row >= 50 for row in range(300)])
    table = table.set_column(0, "action", arrow.array(action)).append_column("randomised", drawn)
    parquet.write_table(table, path)
    found = engine.ope(tmp_path / "log", tmp_path / "sums")
    rows = slice(50, None)
    rest = Feedback(feedback.action[rows], feedback.propensity[rows], feedback.reward[rows])
    same(found.estimates, ope.evaluate_all(target[rows], rest))
    assert (found.left_out, found.decisions) == (50, 250)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reward": np.full(300, np.nan)}, "at least one must be rated"),
        ({"rated_probability": np.full(300, 0.9)}, "Missing ratings are not zeros"),
        ({"rated_probability": np.full(300, 7.0)}, "outside (0, 1]"),
        ({"reward": np.full(300, np.inf)}, "must be finite"),
    ],
)
def test_a_log_that_cannot_be_judged_gives_no_number(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    target, feedback, model = feedback_of(300, rated=0.5)
    for name, value in change.items():
        object.__setattr__(feedback, name, value)
    with pytest.raises(OfflineDataError) as raised:
        judged(tmp_path, target, feedback, model, [100, 200])
    assert said in str(raised.value)


def test_a_policy_outside_the_support_of_the_log_is_refused_with_the_place(tmp_path: Path) -> None:
    target, feedback, model = feedback_of(300)
    logging = np.asarray(feedback.logging).copy()
    logging[250] = np.eye(3)[feedback.action[250]]
    feedback = replace(feedback, logging=logging, propensity=logging[np.arange(300), feedback.action])
    with pytest.raises(OfflineDataError, match=r"day=2026-03-02/part.parquet, rows from 0 on: .*leaves the support"):
        judged(tmp_path, target, feedback, model, [200])


def test_one_cluster_says_nothing_about_chance(tmp_path: Path) -> None:
    target, feedback, model = feedback_of(300, users=1, rated=1.0)
    with pytest.raises(OfflineDataError, match="one cluster"):
        judged(tmp_path, target, feedback, model, [200], cluster="user")


def test_names_of_clusters_are_the_same_everywhere() -> None:
    assert hashed(np.array(["b", "a", "b"], object)).tolist() == [hashed(np.array([each]))[0] for each in "bab"]
    assert hashed(np.array(["user 1"])).tolist() == [-6124125681014377598]


def test_a_cost_has_no_probability_of_being_rated(tmp_path: Path) -> None:
    target, feedback, model = feedback_of(300, rated=1.0)
    source = write_log(tmp_path / "log", target, feedback, model, [])
    found = engine.ope(source, tmp_path / "sums", reward="quality", rated=None)
    bare = replace(feedback, rated_probability=None)
    same(found.estimates, ope.evaluate_all(target, bare))


def test_a_partition_of_which_nothing_counts_adds_nothing() -> None:
    row = Adder(OpeSums(), None).finish().to_pylist()[0]
    assert '"ratings": null' in row["sums"]


def cells(users: list[Any]) -> Any:
    import pyarrow as arrow

    return arrow.RecordBatch.from_pydict({"user": arrow.array(users, arrow.int64())})


def test_names_of_clusters_do_not_depend_on_gaps_elsewhere() -> None:
    kept = np.array([True, True])
    assert _names(cells([1, 2, None]), "user", np.array([True, True, False])).tolist() == ["1", "2"]
    assert _names(cells([1, 2]), "user", kept).tolist() == ["1", "2"]
    with pytest.raises(OfflineDataError, match="missing in 1 rows"):
        _names(cells([1, None]), "user", kept)


def test_a_log_that_does_not_say_how_it_was_rated_is_rated_whole(tmp_path: Path) -> None:
    from pyarrow import parquet

    target, feedback, model = feedback_of(300, rated=1.0)
    source = write_log(tmp_path / "log", target, feedback, model, [])
    path = next(source.rglob("*.parquet"))
    parquet.write_table(parquet.read_table(path, partitioning=None).drop_columns(["rated_probability"]), path)
    found = engine.ope(source, tmp_path / "sums")
    same(found.estimates, ope.evaluate_all(target, replace(feedback, rated_probability=None)))
    with pytest.raises(OfflineDataError, match="p_rated are not among"):
        engine.ope(source, tmp_path / "others", rated="p_rated")


def test_a_baseline_that_no_decision_took_gives_no_number(tmp_path: Path) -> None:
    from pyarrow import parquet

    from router_ml.offline.engine.columns import lists

    target, feedback, model = feedback_of(60, rated=1.0)
    source = write_log(tmp_path / "log", target, feedback, model, [])
    path = next(source.rglob("*.parquet"))
    other = np.eye(3)[(feedback.action + 1) % 3]
    table = parquet.read_table(path, partitioning=None).append_column("other", lists(other))
    parquet.write_table(table, path)
    with pytest.raises(OfflineDataError, match="baseline policy"):
        engine.ope(source, tmp_path / "sums", baseline="other")
