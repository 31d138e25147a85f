"""How many requests an outage meets, from a shape, from times, from a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from router_ml import Router
from router_ml.errors import OfflineDataError
from router_ml.offline.outage import Demand
from router_ml.offline.outage.demand import of_times
from router_ml.offline.outage.logged import logged
from router_ml.storage.eventlog import EventLog
from tests.test_drills import CONFIG

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_demand_is_that_of_the_hours_in_question() -> None:
    demand = Demand(np.arange(24.0), NOON, "made up")
    assert demand.window(2, 5) == (5, 5 + 6, 6)
    assert demand.window(24) == (0, 276, 23)
    assert demand.window(48, 3.5)[1] == 2 * 276
    assert demand.window(2)[:2] == (22, 22 + 23)
    assert demand.window(3, 22) == (22, 22 + 23 + 0, 23)
    assert demand.per_day(2760).window(24)[1] == pytest.approx(2760)
    with pytest.raises(OfflineDataError, match="at least one hour"):
        Demand(np.zeros(24), NOON, "made up")


def test_times_become_hours_that_repeat_by_the_day() -> None:
    """A log of 30 hours must not make the hours after it look empty."""
    times = [NOON + timedelta(hours=hour, minutes=10) for hour in (0, 0, 3, 29)]
    demand = of_times(times, source="made up")
    assert (len(demand.per_hour), demand.start) == (48, NOON)
    assert demand.per_hour[[0, 3, 29]].tolist() == [2, 1, 1]
    assert demand.window(48)[1] == 4
    assert of_times([NOON], source="made up").window(1)[1] == 1
    with pytest.raises(OfflineDataError, match="found none"):
        of_times([], source="made up")


def test_of_a_long_log_some_decisions_are_taken_and_all_are_counted(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log.db") as log:
        assert logged(log) is None
        router = Router(CONFIG, log=log)
        made = [
            router.predict_route("hello there", now=NOON + timedelta(hours=number // 10)).decision_id
            for number in range(40)
        ]
        found = logged(log, most=10)
        assert found is not None
        decisions, demand = found
        assert len({one.decision_id for one in decisions} & set(made)) == 10
        assert demand.per_hour.sum() == 40
        assert demand.source == "as logged from 2026-03-02 to 2026-03-02"
        later = logged(log, since=NOON + timedelta(hours=3))
        assert later is not None
        assert len(later[0]) == 10
