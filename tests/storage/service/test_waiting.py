"""Of many who decide, take or ask at once, each with a connection of its own, exactly one does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml.errors import ReviewError
from router_ml.execution.reviews.reviews import Reviews
from router_ml.storage.proof.verify import verify
from tests.execution.reviewing import opened, suspended

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_of_many_who_decide_at_once_one_does(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each with a connection of its own, as processes have."""
    url = str(tmp_path / "log.sqlite") if backend == "sqlite" else request.getfixturevalue("postgres")
    with opened(tmp_path, log=url) as router:
        step = Reviews(router).ask(suspended(router), subject="tool", reason="It changes something.", now=NOW)
    routers = [opened(tmp_path, log=url) for _ in range(6)]
    start, done, refused = threading.Barrier(len(routers)), [], []

    def decide(number: int) -> None:
        start.wait(20)
        try:
            said = {"who": f"person {number}", "why": "Mine."}
            done.append(Reviews(routers[number]).decide(step.approval_id, number % 2 == 0, now=NOW, **said))
        except ReviewError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(len(routers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(done), len(refused)) == (1, 5)
    assert all(f"was {done[0].state} by {done[0].who}" in error for error in refused)
    taken = []
    for one in routers:
        try:
            taken.append(Reviews(one).take(step.approval_id, now=NOW))
        except ReviewError:
            continue
    assert len(taken) == 1
    assert routers[0].log is not None
    assert {each.state for each in routers[0].log.approvals()} == {"requested", done[0].state}
    assert verify(routers[0].log).ok
    for one in routers:
        one.close()
