"""Ratings come for answers whose quality is known."""

from __future__ import annotations

import numpy as np

from router_ml.offline.simulation.playing.told import Mailbox
from router_ml.offline.simulation.scenarios.scenario import Ratings
from router_ml.offline.simulation.traffic.rows import LUCK


def test_nobody_rates_an_answer_of_which_nothing_is_known() -> None:
    """Or a learner would take it for a bad one."""
    mailbox, four = Mailbox(Ratings(share=1.0, delay_hours=0.0)), np.arange(4)
    mailbox.put(four, four, four, np.array([1.0, np.nan, 0.0, np.nan]), np.ones(4), np.zeros(4), np.zeros((4, LUCK)))
    told = mailbox.take(1.0)
    assert told is not None
    assert told.kind.tolist() == [0, 2]
