"""The challenger's error is measured on ratings that it had not seen, and the base's beside it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.storage.bundle import Bundle
from router_ml.storage.records import LoggedData
from training.fitting import learn_all
from training.held_out import lane_errors
from training.log_outcomes import from_log
from training.outcomes import load_pack
from training.pack_outcomes import from_pack


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
