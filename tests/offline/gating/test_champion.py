"""Challenger against champion on a log: the same bundle is no better than itself, and bad logs are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from router_ml import Outcome, Router, RouteRequest
from router_ml.contract import Constraints
from router_ml.errors import OfflineDataError
from router_ml.offline.gating.champion import compare, trial_of
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog, LoggedData
from router_ml.understanding.surface import NAMES

SIZES = (len(NAMES), 10, 9)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 150
LANES = ("private", "balanced", "fast", "premium")


def _log(bundle: Bundle, path: Path, *, explore: bool) -> EventLog:
    log = EventLog(path)
    router = Router(bundle.config, bundle=bundle, log=log)
    random = np.random.default_rng(0)
    constraints = Constraints(allow_lanes=LANES, explore=explore)
    requests = [
        RouteRequest(text=f"Which of {i} and {i + 7} is prime?", traffic_class="pilot", constraints=constraints)
        for i in range(ROWS)
    ]
    for index, decision in enumerate(router.predict_routes(requests, seeds=range(ROWS))):
        quality = float(random.random() < 0.8)
        log.log_outcome(
            Outcome(decision_id=decision.decision_id, quality=quality, cost_usd=1e-3 * (1 + index % 3), at=NOW)
        )
    return log


@pytest.fixture(scope="module")
def logged(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> LoggedData:
    with _log(bundle, tmp_path_factory.mktemp("champion") / "log.sqlite", explore=True) as log:
        return log.logged()


def test_a_bundle_is_exactly_as_good_as_itself(bundle: Bundle, logged: LoggedData) -> None:
    """Estimates are made for the policy that logged: target and logging policy agree, the difference is zero."""
    found = compare(bundle.allocation, bundle.config, logged, sizes=SIZES)
    assert found.rows == ROWS
    assert abs(found.dr.value) < 1e-6
    assert abs(found.snips.value) < 1e-6
    assert found.dr.effective_sample_size == pytest.approx(ROWS, rel=1e-3)


def test_a_log_without_randomisation_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    """Without exploration nothing can be said about another policy, and that is said."""
    with (
        _log(bundle, tmp_path / "log.sqlite", explore=False) as log,
        pytest.raises(OfflineDataError, match="drawn at random"),
    ):
        compare(bundle.allocation, bundle.config, log.logged(), sizes=SIZES)


def test_a_log_of_nothing_new_says_that_traffic_is_missing_and_not_exploration(
    bundle: Bundle, logged: LoggedData
) -> None:
    """As right after retraining on all there is."""
    with pytest.raises(OfflineDataError, match="--until"):
        compare(bundle.allocation, bundle.config, logged.select(logged.action < -1), sizes=SIZES)


def test_a_lane_that_was_removed_still_counts_for_the_champion(bundle: Bundle, logged: LoggedData) -> None:
    """A log outlives its lanes. What the champion did on one is known; the challenger cannot go there any more."""
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    del raw["lanes"]["premium"]
    smaller = type(bundle.config).model_validate(raw)
    trial = trial_of(bundle.allocation, smaller, logged, sizes=SIZES)
    assert trial.lanes[-1] == "premium (as logged)"
    assert (trial.target[:, -1] == 0).all()
    assert (trial.logging[:, -1] > 0).any()
    found = compare(bundle.allocation, smaller, logged, sizes=SIZES)
    assert found.rows == len(logged)
    assert found.off_support == 0
    assert found.sample_ratio.p_value > 0.001


def test_another_model_under_the_same_name_is_another_lane(bundle: Bundle, logged: LoggedData) -> None:
    """What the old model did says nothing about the new one, so going there is going where the log could not."""
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    raw["lanes"]["premium"]["model"] = "openai/gpt-next"
    newer = type(bundle.config).model_validate(raw)
    same = trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES)
    trial = trial_of(bundle.allocation, newer, logged, sizes=SIZES, champion=bundle.config)
    premium = list(newer.lanes).index("premium")
    assert same.off_support.max() == 0
    assert trial.off_support == pytest.approx(same.target[:, premium], abs=1e-6)


def test_a_lane_that_the_champion_did_not_have_is_eligible_and_off_support(bundle: Bundle, logged: LoggedData) -> None:
    without = trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES)
    raw = bundle.config.model_dump(mode="json", by_alias=True, exclude_none=True)
    del raw["lanes"]["openai"]
    earlier = type(bundle.config).model_validate(raw)
    trial = trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES, champion=earlier)
    assert without.off_support.max() == 0
    assert trial.off_support.mean() > 0


def test_decisions_of_one_person_depend_on_each_other(bundle: Bundle, logged: LoggedData) -> None:
    """Those of nobody known stand alone, and where nobody is known all do."""
    assert trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES).cluster is None
    known = np.where(np.arange(len(logged)) % 2, "ann", "")
    person = trial_of(bundle.allocation, bundle.config, replace(logged, subject=known), sizes=SIZES)
    assert person.cluster is not None
    assert len(np.unique(person.cluster)) == 1 + (known == "").sum()
    alone = trial_of(bundle.allocation, bundle.config, replace(logged, subject=known), sizes=SIZES, cluster="none")
    assert alone.cluster is None


def test_days_and_organisations_can_be_clusters(bundle: Bundle, logged: LoggedData) -> None:
    days = trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES, cluster="day").cluster
    assert days is not None
    assert len(days[0]) == len("2026-01-01")
    assert trial_of(bundle.allocation, bundle.config, logged, sizes=SIZES, cluster="org").cluster is not None
