"""A request may refer to any decision it likes, and does not wait for a database that is slow to say what it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from router_ml import Router
from router_ml.contract import RouteDecision
from router_ml.errors import LogError
from router_ml.state import sessions
from router_ml.state.sessions import Lookups
from router_ml.storage.eventlog import EventLog

QUESTION = "Which planet has the strongest winds?"


class Stuck(EventLog):
    """A log whose database answers when it is told to."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        self.asked: list[str] = []
        self.answers = threading.Event()

    def decision(self, decision_id: str) -> RouteDecision | None:
        self.asked.append(decision_id)
        self.answers.wait(60)
        return super().decision(decision_id)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    with Stuck() as log:
        yield log
        log.answers.set()


def test_a_decision_does_not_wait_for_what_it_refers_to(
    router: Router, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown is private, and in the record; while the database is slow, it is not asked again."""
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 0.01)
    served = Router(router.config, bundle=router.bundle, log=stuck)
    for name in ("made-up-1", "made-up-2"):
        decision = served.predict_route(QUESTION, previous={"decision_id": name})
        assert decision.state.session is not None
        assert decision.state.session.risks == ("pii",)
    assert stuck.asked == ["made-up-1"]


def test_a_log_that_answers_again_is_asked_again(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 0.01)
    lookups = Lookups()
    assert lookups.decision("a", stuck) is None
    stuck.answers.set()
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 60)
    monkeypatch.setattr(sessions.time, "monotonic", lambda: lookups._again_at)
    lookups.decision("b", stuck)
    assert stuck.asked == ["a", "b"]


def test_looks_that_hang_are_few(stuck: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or they would take every connection from those who write."""
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 0.01)
    monkeypatch.setattr(sessions, "PAUSE_SECONDS", 0.0)
    lookups = Lookups()
    assert [lookups.decision(str(number), stuck) for number in range(10)] == [None] * 10
    assert len(stuck.asked) == 4


def test_what_the_log_says_is_known_and_a_broken_one_says_nothing(router: Router) -> None:
    lookups = Lookups()
    with EventLog("sqlite://") as log:
        made = Router(router.config, bundle=router.bundle, log=log).predict_route(QUESTION)
        assert lookups.decision(made.decision_id, log) == made
        assert lookups.decision("another", log) is None
    with pytest.raises(LogError):
        log.decision(made.decision_id)
    assert lookups.decision(made.decision_id, log) is None
