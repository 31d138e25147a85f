"""A log that cannot be trusted is found before anything is learned from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from training.logged.batches import over
from training.logged.data_checks import Check, check_log, not_concluded
from training.logged.outcomes import drawable, from_log
from training.logged.sample import read

Made = Callable[..., LoggedData]


def checks(data: LoggedData, bundle: Bundle) -> dict[str, Check]:
    found = read([data], bundle.config, bundle.classifier.spec)
    return {each.name: each for each in check_log(found.counts, found.data)}


def unknown(data: LoggedData, bundle: Bundle) -> str:
    found = read([data], bundle.config, bundle.classifier.spec)
    outcomes, _ = from_log(data, bundle.config, bundle.classifier)
    return "\n".join(not_concluded(found.counts, outcomes, bundle.config, bundle.classifier.spec))


def test_a_sound_log_passes(make_logged: Made, bundle: Bundle) -> None:
    assert {each.passed for each in checks(make_logged(500), bundle).values()} == {True}


def test_propensities_that_did_not_act_are_found(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(500)
    data.propensities[:] = [0.8, 0.2]
    assert checks(data, bundle)["choices follow the logged propensities"].passed is False


def test_ratings_that_are_missing_without_a_reason_are_found(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(500, rated_probability=np.ones(500))
    found = checks(data, bundle)["ratings are as many as P(rated) says"]
    assert found.passed is False
    assert "500" in found.found


def test_old_lanes_and_prices_are_found(make_logged: Made, bundle: Bundle) -> None:
    old = make_logged(200, lane_version=np.full(200, "0"), prices=np.full(200, "other"))
    found = checks(old, bundle)
    assert found["answers are of the lanes as they are now"].passed is False
    assert found["prices are those of today"].passed is False


def test_a_lane_that_was_taken_away_breaks_no_log(make_logged: Made, bundle: Bundle) -> None:
    """Rows that drew it do not teach; of those that might have, only the others are left, which is no broken draw."""
    mixed, before = np.random.default_rng(0).integers(0, 3, 600), np.arange(600) < 300
    action = np.where(before, mixed, mixed % 2)
    odds = np.where(before[:, None], 1 / 3, [[0.5, 0.5, 0.0]])
    odds[~before] = [2 / 3, 1 / 3, 0.0]  # what 0, 1, 2 modulo 2 is
    wide = over(make_logged(600), ("balanced", "gone", "premium"))
    order = [0, 2, 1]
    data = replace(wide, action=np.array(order)[action], executed=np.array(order)[action], propensities=odds[:, order])
    found = read([data], bundle.config, bundle.classifier.spec)
    assert found.data is not None
    assert 300 < len(found.data) < 600
    assert check_log(found.counts, found.data)[0].passed is False
    kept = found.data.select(drawable(found.data, bundle.config))
    assert len(kept) == 300
    assert check_log(found.counts, kept)[0].passed is True


def test_what_was_never_drawn_cannot_be_compared(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(300, drawn=False)
    assert checks(data, bundle)["decisions were drawn at random"].passed is False
    assert checks(data, bundle)["choices follow the logged propensities"].passed is None
    assert "never drawn at random" in unknown(data, bundle)


def test_two_hundred_outcomes_say_what_they_do_not_show(make_logged: Made, bundle: Bundle) -> None:
    """Lanes without ratings, margins of those with some, and thin cells are named."""
    said = unknown(make_logged(200), bundle)
    for part in ("fast (0)", "balanced +-0.", "premium +-0.", "lean on the prior"):
        assert part in said
