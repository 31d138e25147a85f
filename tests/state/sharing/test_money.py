"""However processes come, go and are killed: each cent counts once, and only what nobody was told can be missing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from router_ml.contract import RouteDecision
from tests.state.sharing.conftest import Replica, Service

Make = Callable[..., RouteDecision]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(0, 2), st.integers(1, 64)),
        st.tuples(st.just("bill"), st.integers(0, 2), st.integers(0, 64)),
        st.tuples(st.just("tick"), st.integers(0, 2), st.just(0)),
        st.tuples(st.sampled_from(["leave", "kill"]), st.integers(0, 2), st.just(0)),
    ),
    max_size=25,
)


class Money:
    """Three places for processes, and what every decision is known to have cost; in 64ths, so that sums are exact."""

    def __init__(self, service: Service, make: Make) -> None:
        self.service, self.make = service, make
        self.known: dict[str, float] = {}
        self.by: list[Replica | None] = [None, None, None]

    def at(self, place: int) -> Replica:
        """The process of a place, started where there is none."""
        found = self.by[place] = self.by[place] or self.service.replica()
        return found

    def pay(self, place: int, usd: float) -> None:
        replica, name = self.at(place), f"dec-{len(self.known)}"
        estimate = self.make().estimates["balanced"].model_copy(update={"cost_usd": usd})
        at = datetime.now(UTC)
        decision = self.make(decision_id=name, created_at=at, estimates={"balanced": estimate})
        replica.router.memory.budgets.charge(decision)
        log = replica.router.log
        assert log is not None
        log.log_decision(decision)
        self.known[name] = usd

    def bill(self, place: int, usd: float) -> None:
        """The last decision did cost this, a process is told that need not have made it."""
        if not self.known:
            return
        replica, name = self.at(place), list(self.known)[-1]
        replica.router.log_outcome(name, cost_usd=usd)
        self.known[name] = usd

    def tick(self, place: int, _: float) -> None:
        self.at(place).sharing.tick()

    def leave(self, place: int, _: float) -> None:
        if (replica := self.by[place]) is not None:
            replica.sharing.close()
        self.by[place] = None

    def kill(self, place: int, _: float) -> None:
        """After it has told what it did: it is not waited for, and its word that it lives stays."""
        if (replica := self.by[place]) is not None:
            replica.sharing.tick()
        self.by[place] = None


@settings(max_examples=15)
@given(STEPS)
@example([("pay", 1, 13), ("bill", 2, 50), ("bill", 1, 3)])  # two are told of one decision, its maker last
def test_each_cent_counts_once(make_decision: Make, steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        money = Money(Service(str(Path(folder) / "log.db")), make_decision)
        for what, place, amount in steps:
            getattr(money, what)(place, amount / 64)
        living = [money.at(place) for place in range(3)]
        money.service.tick(*living)
        found: list[Any] = [replica.spent() for replica in living]
        assert found == [sum(money.known.values())] * 3
        for log in money.service.opened:
            log.close()
