"""A log that is played: money adds up and binds where it should, and nothing unknown is told as known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router_ml.offline.simulate import Source, simulate
from router_ml.offline.simulation.counting.results import Study
from router_ml.offline.simulation.page.sentences import headline
from router_ml.offline.simulation.page.stretches import stretches
from router_ml.offline.simulation.scenarios.loading import load_scenario
from router_ml.offline.simulation.scenarios.scenario import Behaviour, Budget, Scenario
from router_ml.storage.bundle import Bundle
from tests.offline.simulation.logged import test_source


@pytest.fixture(scope="module")
def path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 decisions, most of them drawn."""
    path = tmp_path_factory.mktemp("drawn") / "log.sqlite"
    test_source._write(bundle, path)
    return path


def played(bundle: Bundle, path: Path, scenario: Scenario, *, policies: Sequence[str] = ()) -> Study:
    sound = {lane: Behaviour(error_rate=0.0) for lane in bundle.config.lanes}
    quiet = scenario.model_copy(update={"lanes": sound})
    return simulate(bundle, quiet, source=Source(log=str(path)), policies=policies)


def test_money_adds_up_over_classes_and_over_time(bundle: Bundle, path: Path) -> None:
    """What is shown over time is the total that is shown, and near what the log itself paid a request."""
    champion = played(bundle, path, load_scenario("quiet_week")).results[0]
    assert champion.spend_usd == pytest.approx(sum(each.spend_usd for each in champion.classes))
    assert champion.spend_usd == pytest.approx(champion.series.spend_usd.sum())
    known = np.isfinite(champion.series.quality)
    mean = np.average(champion.series.quality[known], weights=champion.series.served[known])
    assert mean == pytest.approx(champion.quality.value, abs=0.01)


def test_a_budget_that_is_ample_stops_nothing(bundle: Bundle, path: Path) -> None:
    """A share is of what the loop charges, so twice that is enough on every day, and half of it is not."""
    quiet = load_scenario("quiet_week")
    for share, binds in ((2.0, False), (0.5, True)):
        budget = {"pilot": Budget(share=share, at_cap="queue")}
        champion = played(bundle, path, quiet.model_copy(update={"budgets": budget})).results[0]
        assert bool(champion.no_lane.get("queued", 0)) == binds
        (pilot,) = (each for each in champion.classes if each.name == "pilot")
        assert pilot.budget_usd is not None
        assert pilot.budget_usd / share == pytest.approx(champion.spend_usd / 7, rel=0.25) or binds


def test_a_quality_that_is_not_known_is_in_no_sentence(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without exploration nothing is known of where requests go in an outage: not in the total, not over time, and so
    not in the sentence that a director reads."""
    pilot = bundle.config.traffic_classes["pilot"].model_copy(update={"explore_share": 0.0})
    classes = {**bundle.config.traffic_classes, "pilot": pilot}
    alone = replace(bundle, config=bundle.config.model_copy(update={"traffic_classes": classes}))
    monkeypatch.setattr(test_source, "ROWS", 64)
    test_source._write(alone, tmp_path / "log.sqlite")
    study = played(alone, tmp_path / "log.sqlite", load_scenario("vendor_outage_48h"))
    champion = study.results[0]
    assert np.isnan(champion.quality.value)
    assert np.isnan(champion.series.quality).all()
    assert np.isnan([part.quality for part in stretches(study, champion)]).all()
    said = headline(study, champion)
    assert "what that did to quality is not known" in said
    assert "quality rose" not in said
    assert "quality fell" not in said
    assert set(study.curves) <= {"hull", "champion", "shuffled"}, "an oracle would go where nothing is known"
    assert all(len(curve.quality) for curve in study.curves.values())


def test_curves_of_a_log_are_what_the_log_says(bundle: Bundle, path: Path) -> None:
    """The champion's dot lies on the champion's curve: both are corrected."""
    study = played(bundle, path, load_scenario("quiet_week"))
    curve, champion = study.curves["champion"], study.results[0]
    near = np.hypot(
        (curve.cost_usd - champion.cost.value) / champion.cost.value, curve.quality - champion.quality.value
    )
    assert near.min() < 0.06
