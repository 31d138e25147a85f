"""Challenger against champion on a log: the same bundle is no better than itself, and bad logs are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.contract import Constraints
from router_ml.errors import OfflineDataError
from router_ml.loading import shipped_bundle
from router_ml.offline.champion import Comparison, compare
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.understanding.surface import NAMES

SIZES = (len(NAMES), 10, 9)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LANES = ("private", "balanced", "fast", "premium")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(shipped_bundle())


def _log(bundle: Bundle, path: Path, *, explore: bool) -> EventLog:
    log = EventLog(path)
    router = Router(bundle.config, bundle=bundle, log=log)
    random = np.random.default_rng(0)
    constraints = Constraints(allow_lanes=LANES, explore=explore)
    requests = [
        RouteRequest(text=f"Which of {i} and {i + 7} is prime?", traffic_class="pilot", constraints=constraints)
        for i in range(200)
    ]
    for index, decision in enumerate(router.predict_routes(requests, seeds=range(200))):
        quality = float(random.random() < 0.8)
        log.log_outcome(
            Outcome(decision_id=decision.decision_id, quality=quality, cost_usd=1e-3 * (1 + index % 3), at=NOW)
        )
    return log


def test_a_bundle_is_exactly_as_good_as_itself(bundle: Bundle, tmp_path: Path) -> None:
    """Estimates are made for the policy that logged: target and logging policy agree, the difference is zero."""
    with _log(bundle, tmp_path / "log.sqlite", explore=True) as log:
        found = compare(bundle.allocation, bundle.config, log.logged(), sizes=SIZES)
    assert found.rows == 200
    assert abs(found.dr.value) < 1e-6
    assert abs(found.snips.value) < 1e-6
    assert found.dr.effective_sample_size == pytest.approx(200, rel=1e-3)
    assert found.verdict(0.02) == "hold", "neither cheaper nor better"


def test_a_log_without_randomisation_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    """Without exploration nothing can be said about another policy, and that is said."""
    with (
        _log(bundle, tmp_path / "log.sqlite", explore=False) as log,
        pytest.raises(OfflineDataError, match="drawn at random"),
    ):
        compare(bundle.allocation, bundle.config, log.logged(), sizes=SIZES)


def test_few_effective_rows_hold(bundle: Bundle, tmp_path: Path) -> None:
    """A verdict needs data: below the minimum the answer is hold, whatever the estimate."""
    with _log(bundle, tmp_path / "log.sqlite", explore=True) as log:
        found: Comparison = compare(bundle.allocation, bundle.config, log.logged(), sizes=SIZES)
    assert found.verdict(0.02, min_effective=10_000) == "hold"


def test_lanes_that_were_removed_are_left_out_and_counted(bundle: Bundle, tmp_path: Path) -> None:
    """A log outlives the lanes in it; what was drawn from a lane that is gone says nothing about today's."""
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    del raw["lanes"]["premium"]
    smaller = type(bundle.config).model_validate(raw)
    with _log(bundle, tmp_path / "log.sqlite", explore=True) as log:
        logged = log.logged()
        drawn = logged.action == logged.lanes.index("premium")
        assert 0 < drawn.sum() < len(logged)
        found = compare(bundle.allocation, smaller, logged, sizes=SIZES)
    assert found.no_support == drawn.sum()
    assert found.rows == len(logged) - drawn.sum()
    assert found.sample_ratio.p_value > 0.001, "the others were drawn in proportion"
