"""A drill takes lanes away from a share of sessions of every router on a log, says so in each decision, and ends."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml import RouteDecision, Router, RouteRequest
from router_ml.config import RouterConfig
from router_ml.contract import Approval
from router_ml.offline.replay import replay
from router_ml.state import drills, sessions
from router_ml.storage.eventlog import EventLog

WHO = {"who": "on-call", "why": "quarterly drill"}
Config = Callable[..., RouterConfig]


def lane(provider: str, **more: Any) -> dict[str, Any]:
    return {
        **{"model": "m", "provider": provider, "failure_domain": f"{provider}-1", "region": "eu", "boundary": "vendor"},
        **{"price": {"input_per_mtok": 1, "output_per_mtok": 1}, "latency": {"base_ms": 1, "ms_per_output_token": 1}},
        **{"prior": {"quality": 0.5}, "context_window": 10_000, "max_output_tokens": 100, **more},
    }


CONFIG = RouterConfig.model_validate(
    {
        "version": 1,
        "lanes": {"best": lane("acme", prior={"quality": 0.9}), "other": lane("zeta"), "third": lane("acme")},
        "traffic_classes": {"default": {"floor": 0.4, "quality_per_usd": 1}},
    }
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def decide(router: Router, session: str | None = None, **more: Any) -> RouteDecision:
    return router.predict_route("hello there", seed=1, metadata={"session": session} if session else {}, **more)


def followed(log: EventLog) -> Router:
    router = Router(CONFIG, log=log)
    router.memory.drills.refresh()
    return router


def test_a_share_of_sessions_does_without_the_provider_and_the_record_says_why(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router = followed(log)
    made = {str(number): decide(router, str(number)) for number in range(60)}
    inside = {name for name, one in made.items() if one.state.drill is not None and one.state.drill.inside}
    assert 15 < len(inside) < 45
    for name, one in made.items():
        assert one.state.drill is not None
        assert (one.state.drill.drill, one.state.drill.share) == (drill.id, 0.5)
        assert (one.eligible == ("other",)) is (name in inside)
        assert ("best" in one.eligible) is (name not in inside)
        if name in inside:
            assert one.state.lane_health == {"acme": f"down: drill {drill.id}"}
            assert one.excluded["best"] == (f"health: provider acme counts as down, drill {drill.id}",)
        else:
            assert one.state.lane_health == {}


def test_all_routers_on_the_log_draw_alike_and_a_session_stays(log: EventLog, tmp_path: Path) -> None:
    """A user who is in a drill in one process is in it in the next one."""
    drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router = followed(log)
    here = [decide(router, str(number)).lane for number in range(30)]
    assert [decide(router, str(number)).lane for number in range(30)] == here
    (tmp_path / "router.yaml").write_text(CONFIG.model_dump_json(by_alias=True, exclude_none=True), encoding="utf-8")
    script = (
        "from router_ml import Router; import sys\n"
        "router = Router.load(sys.argv[1], log=sys.argv[2])\n"
        "for n in range(30): print(router.predict_route('hello there', seed=1, metadata={'session': str(n)}).lane)\n"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "router.yaml"), str(tmp_path / "log.db")]
    other = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=True)
    assert other.stdout.split() == here
    assert set(here) == {"best", "other"}


def test_a_router_that_runs_already_follows_without_being_asked(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    router.memory.listener.poll_seconds = 0.0  # looks again with each decision
    router.memory.drills.refresh()
    assert decide(router, "a").state.drill is None
    drill = drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    until = time.monotonic() + 30
    while decide(router, "a").state.drill is None:  # a decision never waits for the log, so one of the next knows
        assert time.monotonic() < until
    assert decide(router, "a").lane == "other"
    drills.end(log, drill.id, who="lead", why="enough")
    router.memory.drills.refresh()
    assert decide(router, "a").lane == "best"


def test_it_ends_by_itself_by_the_clock_of_the_decision(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    router, start = followed(log), drill.event.at
    for minutes, lane in ((0, "other"), (4.99, "other"), (5, "best"), (600, "best"), (-1, "best")):
        assert decide(router, "a", now=start + timedelta(minutes=minutes)).lane == lane


def test_sessions_without_a_name_keep_what_their_first_turn_drew(log: EventLog) -> None:
    drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router, other = followed(log), followed(log)
    for _ in range(12):
        first = decide(router)
        assert first.state.drill is not None
        for process in (router, other):  # the second finds it in the log
            turn = decide(process, previous={"decision_id": first.decision_id, "lane": first.lane})
            assert turn.state.drill is not None
            assert turn.state.drill.inside is first.state.drill.inside
            assert turn.state.drill.session == first.state.drill.session


def test_while_something_is_really_down_nothing_counts_as_down_for_a_drill(log: EventLog) -> None:
    """A drill must not be what turns an outage of one vendor into an outage of two."""
    drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    router = followed(log)
    router.report_health("zeta", "down")
    one = decide(router, "a")
    assert one.lane == "best"
    assert one.state.drill is not None
    assert (one.state.drill.inside, one.state.drill.counts) == (True, False)
    router.report_health("zeta", "up")
    assert decide(router, "a").lane == "other"


def test_decisions_of_a_drill_are_replayed_exactly(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router = followed(log)
    for number in range(20):
        decide(router, str(number))
    drills.end(log, drill.id, **WHO)
    decide(router, "x")
    report = replay(log, CONFIG)
    assert (report.replayed, report.identical, report.differences) == (21, 21, ())


def test_a_router_without_a_log_knows_of_no_drill() -> None:
    assert decide(Router(CONFIG), now=datetime(2026, 3, 1, tzinfo=UTC)).state.drill is None


def test_a_shadow_is_in_the_drill_of_the_decision_that_it_is_beside(log: EventLog) -> None:
    """Else what it decides could not be compared."""
    drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    champion, shadow = followed(log), Router(CONFIG)
    for number in range(12):
        request = RouteRequest(text="hello there", metadata={"session": str(number)})
        made = champion.predict_route(request, seed=1)
        beside = shadow.shadow(request, shadow.understand([request])[0], of=made)
        assert made.state.drill is not None
        assert (beside.state.drill, beside.state.lane_health) == (made.state.drill, made.state.lane_health)
        assert beside.eligible == made.eligible


def test_a_slow_log_that_a_drill_looks_into_makes_no_session_private(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, other = Router(CONFIG, log=log), Router(CONFIG, log=log)
    first, look, answers = decide(other), log.decision, threading.Event()
    drills.begin(log, ["zeta"], share=0.5, minutes=5, **WHO)
    router.memory.drills.refresh()
    # a session of which this process knows the risks, and not what it was drawn
    router.memory.recent.remember(first.decision_id, frozenset(), RouteRequest(text="hello there"), org=None)
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 0.01)
    monkeypatch.setattr(log, "decision", lambda name: look(name) if answers.wait(60) else None)
    decide(router, previous={"decision_id": first.decision_id, "lane": "best"})
    answers.set()
    monkeypatch.setattr(sessions, "BUDGET_SECONDS", 60)
    turn = decide(router, previous={"decision_id": decide(other).decision_id, "lane": "best"})
    assert turn.state.session is not None
    assert turn.state.session.risks == ()


def test_what_was_made_before_a_drill_is_looked_up_once_at_most(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    router, other = Router(CONFIG, log=log), Router(CONFIG, log=log)
    mine, theirs = decide(router), decide(other)
    drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router.memory.drills.refresh()
    asked, look = list[str](), log.decision
    monkeypatch.setattr(log, "decision", lambda name: asked.append(name) or look(name))
    for _ in range(3):
        for first in (mine, theirs):
            request = RouteRequest(text="hello there", previous={"decision_id": first.decision_id, "lane": first.lane})
            router.memory.drills.under({}, request, now=datetime.now(UTC), subject="user")
    assert asked == [theirs.decision_id]


def test_what_a_person_lets_through_stays_what_it_was_drawn(log: EventLog) -> None:
    """It is decided once more and not logged, so nothing new may be drawn."""
    look = {"id": "p", "version": "1", "owner": "o", "rationale": "r", "when": {}, "then": {"human_review": "q"}}
    config = RouterConfig.model_validate({**CONFIG.model_dump(by_alias=True), "policies": [look]})
    router, request = Router(config, log=log), RouteRequest(text="hello there")
    calm = router.predict_route(request, seed=1)
    drill = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    router.memory.drills.refresh()
    made = [router.predict_route(request, seed=1) for _ in range(12)]
    assert len({one.state.drill.inside for one in made if one.state.drill}) == 2

    def lanes(one: RouteDecision) -> set[tuple[str | None, bool]]:
        said = {"approval_id": "apr_1", "subject": "request", "state": "granted", "queue": "q", **WHO}
        granted = Approval.model_validate({**said, "decision_id": one.decision_id, "at": one.created_at})
        again = [router.decide_reviewed(request, one, granted) for _ in range(6)]
        return {(each.lane, each.state.drill is not None) for each in again}

    for one in made:
        assert one.state.drill is not None
        assert lanes(one) == {("other" if one.state.drill.inside else "best", True)}
    assert lanes(calm) == {("best", False)}
    drills.end(log, drill.id, **WHO)
    router.memory.drills.refresh()
    assert all(lanes(one) == {("best", False)} for one in made)


def test_a_log_that_cannot_be_read_changes_nothing(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    drills.begin(log, ["acme"], share=1.0, minutes=5, **WHO)
    router = Router(CONFIG, log=log)
    log.close()
    router.memory.drills.refresh()
    assert "cannot be followed" in caplog.text
    assert router.memory.drills.under({}, RouteRequest(text="x"), now=datetime.now(UTC), subject="user") is not None
