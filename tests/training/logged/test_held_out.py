"""The challenger's error is measured on ratings that it had not seen, and the base's beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from training.logged.held_out import lane_errors
from training.logged.outcomes import from_log
from training.outcomes import load_pack
from training.predicting.fitting import learn_all
from training.predicting.kernel import regress, survey
from training.predicting.pack_outcomes import from_pack


@pytest.mark.parametrize("sparse", [True, False])
def test_a_request_that_comes_again_has_not_been_seen(
    make_logged: Callable[..., LoggedData], bundle: Bundle, sparse: bool
) -> None:
    """Ratings are a coin for each request, the same each time: nobody who has not seen it can be less than 0.5 off."""
    data = make_logged(1600, rated=1.0).select(np.arange(1600) % 400)
    coin = (np.random.default_rng(0).random(400) < 0.5).astype(np.float64)[np.arange(1600) % 400]
    data = replace(data, quality=coin, action=np.zeros(1600, np.int64), executed=np.zeros(1600, np.int64))
    outcomes, _ = from_log(data, bundle.config, bundle.classifier)
    quality = outcomes.quality[:, np.isfinite(outcomes.quality).any(axis=0)]
    found = regress(survey(outcomes.contexts, sparse=sparse), quality, sparse=sparse)
    assert np.sqrt(np.square(found.held_out[:, 0] - coin).mean()) > 0.49


def test_errors_are_of_the_log_and_beside_the_base(make_logged: Callable[..., LoggedData], bundle: Bundle) -> None:
    """A log in which a good lane has become bad: the challenger knows, the base does not; and no row taught itself."""
    data = make_logged(600, best=0.1, other=0.9)
    outcomes, _ = from_log(data, bundle.config, bundle.classifier)
    evaluated, _ = from_pack(load_pack().take(np.arange(200)), bundle.config)
    learned = learn_all([evaluated, outcomes], bundle.config)
    found = {each.lane: each for each in lane_errors(outcomes, learned, bundle.config, base=bundle.allocation)}
    assert set(found) == {"balanced", "premium"}
    premium = found["premium"]
    assert premium.gain is not None
    assert premium.gain[1] > 0
    assert premium.base is not None
    assert premium.challenger < premium.base
    assert premium.ratings == np.isfinite(data.quality[data.action == 1]).sum()
    assert premium.challenger > 0.25, "the noise of these ratings alone is 0.3: less would be its own row in it"
    assert len(premium.predicted) == len(premium.observed) == 10
