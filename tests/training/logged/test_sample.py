"""A log of any size: what is counted, what is kept, and that batches do not matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from training.logged.batches import over
from training.logged.data_checks import check_log
from training.logged.sample import Reading, joined, read

Made = Callable[..., LoggedData]


def read_in(data: LoggedData, size: int, bundle: Bundle, **options: int) -> Reading:
    parts = [data.select(np.arange(at, min(at + size, len(data)))) for at in range(0, len(data), size)]
    return read(parts, bundle.config, bundle.classifier.spec, **options)


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_batches_do_not_matter(make_logged: Made, bundle: Bundle, size: int) -> None:
    """Digest, counts and sample are those of the log, however it was cut: else no two runs could be compared."""
    data = make_logged(120)
    whole, cut = read_in(data, 120, bundle, most=40), read_in(data, size, bundle, most=40)
    assert cut.digest == whole.digest
    assert cut.counts == whole.counts
    assert cut.data is not None
    assert whole.data is not None
    assert cut.data.decision_ids.tolist() == whole.data.decision_ids.tolist()


def test_one_changed_value_changes_the_digest(make_logged: Made, bundle: Bundle) -> None:
    data, other = make_logged(50), make_logged(50)
    other.quality[np.flatnonzero(np.isfinite(other.quality))[0]] = 0.123
    assert read_in(data, 50, bundle).digest != read_in(other, 50, bundle).digest


def test_a_sample_is_bounded_and_a_rare_lane_stays_whole(
    make_logged: Made, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane that answered one request in fifty would vanish from a uniform sample."""
    monkeypatch.setattr("training.logged.sample.FEWEST_PER_LANE", 15)
    rare = (np.arange(1000) % 50 == 0).astype(np.int64)
    data = make_logged(1000, action=rare, executed=rare, rated=1.0)
    found = read_in(data, 100, bundle, most=100)
    assert found.data is not None
    assert 100 <= len(found.data) <= 115
    assert (found.data.executed == 1).sum() >= 15
    assert found.counts.by_lane["premium"] == 20


def test_a_sound_log_with_a_rare_lane_stays_sound(
    make_logged: Made, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fills up the sample was chosen by the lane that answered, so it must not be asked how lanes were drawn."""
    monkeypatch.setattr("training.logged.sample.FEWEST_PER_LANE", 100)
    rare = (np.random.default_rng(0).random(6000) < 0.02).astype(np.int64)
    data = make_logged(6000, action=rare, executed=rare, propensities=np.tile([0.98, 0.02], (6000, 1)), rated=1.0)
    found = read_in(data, 500, bundle, most=1000)
    assert found.fair is not None
    assert found.data is not None
    assert len(found.data) > len(found.fair) == 1000
    assert found.chance == pytest.approx(1000 / 6000)
    checks = check_log(found.counts, found.fair)
    assert [each.passed for each in checks[:2]] == [True, True]
    assert check_log(found.counts, found.data)[0].passed is False
    assert read_in(data, 77, bundle, most=1000).uniform.tolist() == found.uniform.tolist()


def test_rows_beyond_the_sample_count_as_evidence(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(300, rated=1.0)
    found = read_in(data, 300, bundle, most=50)
    assert found.unplaced is not None
    assert found.data is not None
    assert found.unplaced.count.sum() == pytest.approx(300 - np.isfinite(found.data.quality).sum())
    assert found.unplaced.private.sum() == 0


def test_private_ratings_are_placed_by_their_cell_alone(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(60, rated=1.0)
    data.embeddings[:20] = np.nan
    found = read_in(data, 60, bundle)
    assert found.unplaced is not None
    assert found.counts.private == 20
    assert found.counts.rated == 40
    assert found.unplaced.private.sum() == 20
    assert found.unplaced.quality.sum() == data.quality[:20].sum()


def test_two_logs_over_other_lanes_are_one(make_logged: Made) -> None:
    """An archive knows lanes that a newer log does not, and the other way round."""
    data = make_logged(10)
    wide = over(data, ("balanced", "fast", "premium"))
    assert [wide.lanes[at] for at in wide.action] == [data.lanes[at] for at in data.action]
    np.testing.assert_array_equal(wide.propensities[:, [0, 2]], data.propensities)
    assert (wide.propensities[:, 1] == 0).all()
    assert np.isnan(wide.estimated_quality[:, 1]).all()
    both = joined([wide, wide], np.ones(20, dtype=bool))
    assert len(both) == 20
