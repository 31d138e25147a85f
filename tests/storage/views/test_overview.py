"""What whoever watches is told: the same counts as a look at every record gives, of their organisation alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.contract.base import shadow_id
from router_ml.contract.executed import Hop
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views import overview

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORGS = ("acme", "globex", None)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def watched(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make_decision: Callable[..., RouteDecision],
) -> Iterator[tuple[EventLog, list[RouteDecision]]]:
    """A log of two hours of three organisations with what came of them, and the decisions that it was told."""
    made = list(_decisions(make_decision))
    sqlite = request.param == "sqlite"
    url = str(tmp_path_factory.mktemp("log") / "log.db") if sqlite else request.getfixturevalue("postgres_server")
    with EventLog(url) as log:
        log.log_decisions((one, None) for one in made)
        log.log_decision(made[0].model_copy(update={"decision_id": shadow_id(made[0].decision_id)}))
        log.write(of_execution(one, NOON) for one in _executions())
        for number, (quality, minutes) in enumerate([(0.1, 1), (0.9, 3), (0.4, 2), (None, 4)]):
            rated = {"source": f"s{number}", "at": NOON + timedelta(minutes=minutes), "rated_probability": 0.5}
            log.log_outcome(Outcome(decision_id="dec-3", quality=quality, **rated))
        log.log_outcome(Outcome(decision_id="dec-1", quality=0.2, at=NOON, executed_lane="other"))
        yield log, made


def _executions() -> Iterator[Execution]:
    place = {"provider": "p", "region": "eu", "boundary": "private"}
    hops = (Hop(lane="fast", kind="timeout", error="Timeout", **place), Hop(lane="private", cost_usd=0.01, **place))
    for number in (1, 2, 3):
        said = {"at": NOON + timedelta(hours=1, seconds=number), "latency_ms": 100.0 * number, "cost_usd": 0.01}
        yield Execution(decision_id=f"dec-{number}", hops=hops, status="answered", final_lane="private", **said)


def _decisions(make: Callable[..., RouteDecision]) -> Iterator[RouteDecision]:
    circumstances = make().circumstances
    for number in range(24):
        changes: dict[str, Any] = {
            "decision_id": f"dec-{number}",
            "created_at": NOON + timedelta(minutes=5 * number, seconds=number),
            "traffic_class": ("default", "support")[number % 2],
            "circumstances": circumstances.model_copy(update={"org": ORGS[number % 3]}),
        }
        if number % 4 == 0:
            action = ("human_review", "refuse", "clarify")[number // 4 % 3]
            changes |= {"action": action, "lane": None, "model": None, "propensities": {}, "propensity": None}
        yield make(**changes)


def test_decisions_are_counted_where_they_belong(watched: tuple[EventLog, list[RouteDecision]]) -> None:
    """Each once, in the bucket that holds it, in the window alone, of its organisation, and never a shadow's."""
    log, made = watched
    start, end = NOON + timedelta(minutes=7), NOON + timedelta(minutes=95)
    for grain, size in overview.SECONDS.items():
        for org in (None, "acme", "nobody"):
            expected = Counter[tuple[float, str, str | None]]()
            for one in made:
                if start <= one.created_at < end and org in (None, one.circumstances.org):
                    expected[one.created_at.timestamp() // size * size, one.traffic_class, one.lane] += 1
            found = Counter[tuple[float, str, str | None]]()
            for group in overview.decided(log, start, end, grain=grain, org=org):
                found[group.start.timestamp(), group.traffic_class, group.lane] += group.count
            assert found == expected


def test_slices_count_as_much_as_the_whole(watched: tuple[EventLog, list[RouteDecision]]) -> None:
    log, made = watched
    end, step = NOON + timedelta(hours=3), timedelta(minutes=30)
    slices = list(overview.slices(NOON, end, step))
    counted = [group for at in slices for group in overview.decided(log, at, at + step, grain="1 minute")]
    assert sum(group.count for group in counted) == len(made)
    assert slices == sorted(slices, reverse=True)
    assert slices[-1] <= NOON < slices[-1] + step


def test_what_went_to_no_lane_is_told_apart(watched: tuple[EventLog, list[RouteDecision]]) -> None:
    log, made = watched
    expected = Counter(one.action for one in made if one.lane is None)
    assert overview.unanswered(log, NOON) == expected
    acme = Counter(one.action for one in made if one.lane is None and one.circumstances.org == "acme")
    assert overview.unanswered(log, NOON, org="acme") == acme
    assert sum(overview.unanswered(log, NOON, most=2).values()) == 2


def test_executions_say_how_they_went(watched: tuple[EventLog, list[RouteDecision]]) -> None:
    log, _ = watched
    newest, *_ = found = overview.executed(log, NOON)
    assert [one.latency_ms for one in found] == [300.0, 200.0, 100.0]
    assert newest.fell_back
    assert (newest.planned, newest.final_lane, newest.failures) == ("fast", "private", ("timeout",))
    assert [one.latency_ms for one in overview.executed(log, NOON, org="acme")] == [300.0]
    assert len(overview.executed(log, NOON, most=2)) == 2
    assert not overview.executed(log, NOON + timedelta(hours=2))


def test_the_latest_rating_of_a_decision_counts(watched: tuple[EventLog, list[RouteDecision]]) -> None:
    log, made = watched
    end = NOON + timedelta(hours=1)
    found = {one.decision_id: one for one in overview.rated(log, NOON, end)}
    assert (found["dec-3"].quality, found["dec-3"].probability) == (0.9, 0.5)
    assert (found["dec-3"].lane, found["dec-1"].lane) == (made[3].lane, "other")
    assert {one.decision_id for one in overview.rated(log, NOON, end, org="acme")} == {"dec-3"}
    assert [one.decision_id for one in overview.rated(log, NOON, end, most=1)] == ["dec-3"]
