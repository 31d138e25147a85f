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
from tests.state.test_drills import CONFIG

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


@pytest.mark.parametrize("hours", [0.5, 3.4, 23.5, 24.0, 25.0, 47.5, 100.3, 168.0, 170.5, 400.0])
def test_the_rate_of_a_log_does_not_depend_on_where_it_ends(hours: float) -> None:
    """A log of 25 hours must not make the hours after it look empty, nor one of 5 minutes before the hour too full."""
    start = NOON + timedelta(minutes=25)
    demand = of_times([start + timedelta(minutes=at) for at in range(round(hours * 60))], source="made up")
    least = 60 * min(hours, 1)  # what is not an hour yet is taken for one
    assert demand.per_hour.tolist() == pytest.approx([least] * len(demand.per_hour), rel=0.05)
    assert demand.window(48)[1] == pytest.approx(48 * least, rel=0.001)


def test_times_become_hours_of_the_day_or_of_the_week() -> None:
    def busy_at_noon(days: int) -> Demand:
        each = [50 if hour % 24 == 0 and hour % 168 < 120 else 2 for hour in range(24 * days)]
        hours = [hour + (at + 0.5) / count for hour, count in enumerate(each) for at in range(count)]
        return of_times([NOON + timedelta(hours=hour) for hour in hours], source="made up")

    day, week = busy_at_noon(3), busy_at_noon(21)
    assert (len(day.per_hour), day.start, day.source) == (24, NOON, "made up, by hour of the day")
    assert day.per_hour[0] == pytest.approx(50, rel=0.05)
    assert day.per_hour[1] == pytest.approx(2, rel=0.05)
    assert len(week.per_hour) == 168
    assert week.per_hour[[0, 24, 120, 144]].tolist() == pytest.approx([50, 50, 2, 2], rel=0.05)
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
        assert demand.per_hour.mean() == pytest.approx(40 / 3, rel=0.1)
        assert demand.source.startswith("as logged from 2026-03-02 to 2026-03-02")
        later = logged(log, since=NOON + timedelta(hours=3))
        assert later is not None
        assert len(later[0]) == 10


def test_only_what_is_chosen_of_the_last_30_days_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a million decisions takes minutes to parse."""
    from router_ml.storage.database import records

    with EventLog(tmp_path / "log.db") as log:
        router = Router(CONFIG, log=log)
        made = {day: router.predict_route("hello there", now=NOON + timedelta(days=day)) for day in range(40)}
        parsed, parse = [], records.parse
        monkeypatch.setattr(records, "parse", lambda *given: parsed.append(given) or parse(*given))
        found, whole = logged(log, most=5), logged(log, since=NOON)
        assert found is not None
        assert whole is not None
        assert len(parsed) == 5 + 40
        assert {one.decision_id for one in found[0]} <= {made[day].decision_id for day in range(9, 40)}
        assert [one.decision_id for one in whole[0]] == [one.decision_id for one in made.values()]
        assert found[1].source == "as logged from 2026-03-11 to 2026-04-10, by hour of the week"
