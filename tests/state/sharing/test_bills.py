"""Bills count once whoever is told of them at the same moment, by which way they come, and whatever they are of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sql

from router_ml import Router
from router_ml.contract import Execution, RouteDecision
from router_ml.storage.database import tables
from router_ml.storage.database.entries import of_decision
from router_ml.storage.eventlog import EventLog
from router_ml.storage.opening import open_log
from tests.state.sharing.conftest import CONFIG, Replica, Service

DEFAULT = CONFIG.traffic_classes["default"]
WITHOUT = CONFIG.model_copy(
    update={"traffic_classes": {"default": DEFAULT.model_copy(update={"budget_usd_per_day": None})}}
)


def at_once(*does: Callable[[], object]) -> None:
    """All begin in the same moment."""
    barrier = threading.Barrier(len(does))

    def wait(do: Callable[[], object]) -> None:
        barrier.wait(10)
        do()

    threads = [threading.Thread(target=wait, args=(do,)) for do in does]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def decided(replica: Replica) -> RouteDecision:
    return replica.router.predict_route("hello", seed=1)


def expected(decision: RouteDecision) -> float:
    assert decision.lane is not None
    return decision.estimates[decision.lane].cost_usd


def executed(decision: RouteDecision, usd: float | None, name: str) -> Execution:
    return Execution(
        execution_id=name, decision_id=decision.decision_id, status="answered", cost_usd=usd, at=datetime.now(UTC)
    )


def spooled(service: Service, folder: Path) -> Replica:
    """A replica whose records wait in a spool of its own."""
    log, drain = open_log(service.url, spool=folder)
    assert log is not None
    service.opened.append(log)
    return service.around(Router(CONFIG, log=log, drain=drain))


@pytest.mark.parametrize("places", [(0, 1), (0, 0), (1, 1)], ids=["two replicas", "its maker", "another"])
def test_who_are_told_at_the_same_moment_count_once(service: Service, places: tuple[int, int]) -> None:
    replicas = service.replica(), service.replica()
    service.tick(*replicas)
    for _ in range(8):
        name = decided(replicas[0]).decision_id
        at_once(*(partial(replicas[at].router.log_outcome, name, cost_usd=0.01) for at in places))
    service.tick(*replicas)
    assert [one.spent() for one in replicas] == [pytest.approx(0.08)] * 2


def test_bills_that_wait_in_a_spool_count_once(service: Service, tmp_path: Path) -> None:
    one, other = spooled(service, tmp_path / "one"), spooled(service, tmp_path / "other")
    service.tick(one, other)
    for number in range(8):
        decision = decided(one)
        one.router.log_outcome(decision.decision_id, cost_usd=0.01)
        if number % 2:
            one.router.flush()
        one.router.log_execution(executed(decision, 0.03, f"exe-{number}"))
        (one, other)[number % 2].router.log_outcome(decision.decision_id, cost_usd=0.02)
        one.router.log_outcome(decision.decision_id, quality=1.0)
    assert one.router.flush()
    assert other.router.flush()
    service.tick(one, other)
    assert [replica.spent() for replica in (one, other)] == [pytest.approx(8 * 0.02)] * 2
    for replica in (one, other):
        replica.router.close()


def test_a_bill_counts_at_once_although_the_database_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who reports one waits for it."""
    log, drain = open_log(str(tmp_path / "log.db"), spool=tmp_path / "spool")
    assert log is not None
    router, goes_on = Router(CONFIG, log=log, drain=drain), threading.Event()
    decision = router.predict_route("hello", seed=1)
    assert router.flush()
    router.memory.budgets.hear({("default", datetime.now(UTC).date()): 0.5})
    connect = log.session.engine.begin

    def hang() -> object:
        assert goes_on.wait(20)
        return connect()

    monkeypatch.setattr(log.session.engine, "begin", hang)
    telling = threading.Thread(target=router.log_outcome, args=(decision.decision_id,), kwargs={"cost_usd": 0.25})
    telling.start()
    telling.join(5)
    assert not telling.is_alive()
    standing = router.memory.budgets.standing("default", datetime.now(UTC))
    goes_on.set()
    assert standing is not None
    assert standing.spent_usd == pytest.approx(0.75)
    assert router.flush()
    standing = router.memory.budgets.standing("default", datetime.now(UTC))
    assert standing is not None
    assert standing.spent_usd == pytest.approx(0.75)
    router.close()


def test_what_an_execution_cost_counts_until_an_outcome_says_otherwise(service: Service) -> None:
    """Also for who starts later, and an outcome that says the same changes nothing."""
    one, other = service.replica(), service.replica()
    service.tick(one, other)
    decision = decided(one)
    name = decision.decision_id
    steps: list[tuple[Callable[[], object], float]] = [
        (lambda: one.router.log_execution(executed(decision, None, "exe-0")), expected(decision)),
        (lambda: other.router.log_outcome(name, cost_usd=0.375), 0.375),
        (lambda: one.router.log_execution(executed(decision, 0.25, "exe-1")), 0.375),
        (lambda: one.router.log_outcome(name, cost_usd=0.5), 0.5),
    ]
    done = decided(other)
    steps += [
        (lambda: one.router.log_execution(executed(done, 0.25, "exe-2")), 0.75),
        (lambda: other.router.log_execution(executed(done, 0.125, "exe-3")), 0.875),  # it goes on from the first
        (lambda: one.router.log_outcome(done.decision_id, cost_usd=0.375), 0.875),
    ]
    for number, (do, usd) in enumerate(steps):
        do()
        service.tick(one, other)
        rest = expected(done) if number < 4 else 0.0
        assert [one.spent(), other.spent()] == [pytest.approx(usd + rest)] * 2
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    known = service.opened[0].costs(since, until=until, traffic_classes=["default"])
    assert [cost.usd for cost in known] == [0.5, 0.375]


def test_a_bill_may_come_to_the_log_before_its_decision(service: Service) -> None:
    one, other = service.replica(), service.replica()
    service.tick(one, other)
    made = decided(one)
    late = made.model_copy(update={"decision_id": "dec-late"})
    one.router.memory.budgets.charge(late)  # made, and not in the log yet
    other.router.log_execution(executed(late, 0.25, "exe-late"))
    one.router._recorder.write([of_decision(late)])
    service.tick(one, other)
    assert [one.spent(), other.spent()] == [pytest.approx(expected(made) + 0.25)] * 2


def test_a_budget_that_a_rolling_restart_brings_knows_what_the_old_replicas_spent(service: Service) -> None:
    old, new = [service.replica(WITHOUT) for _ in range(2)], service.replica()
    service.tick(*old, new)
    made = [decided(one) for one in (*old, *old, new)]
    old[0].router.log_outcome(made[0].decision_id, cost_usd=0.25)
    old[0].sharing.close()
    newer = service.replica()
    service.tick(old[1], new, newer)
    assert [new.spent(), newer.spent()] == [pytest.approx(0.25 + sum(map(expected, made[1:])))] * 2


def test_a_budget_that_comes_while_a_process_runs_knows_the_whole_day(tmp_path: Path) -> None:
    """What the log held before it started, and what it has spent itself since, once."""
    with EventLog(tmp_path / "log.db") as log:
        before = Router(WITHOUT, log=log).predict_route("hello", seed=1)
        router = Router(WITHOUT, log=log)
        made = [router.predict_route("hello", seed=1) for _ in range(3)]
        router.memory.budgets._charges.popitem(last=False)  # too long ago to be remembered
        later = Router(CONFIG, log=log, memory=router.memory)
        standing = later.memory.budgets.standing("default", datetime.now(UTC))
        assert standing is not None
        assert standing.spent_usd == pytest.approx(expected(before) + sum(map(expected, made)))


def test_what_a_killed_process_had_not_told_is_found_once_all_are_silent(service: Service) -> None:
    killed = service.replica()
    name = decided(killed).decision_id
    more = decided(killed)
    killed.router.log_outcome(name, cost_usd=0.25)
    shared = tables.shared
    with service.opened[0].session.engine.begin() as connection:
        connection.execute(sql.update(shared).where(shared.c.kind == "process").values(at=datetime(2020, 1, 1)))
    assert service.replica().spent() == pytest.approx(0.25 + expected(more))
