"""A drill is refused where it would hurt, and its report tells those who were drawn from those who were not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml import RouteDecision, Router, RouteRequest
from router_ml.contract import Execution, Hop
from router_ml.errors import InvalidRequestError
from router_ml.offline.outage import Demand, OutageReport, outage
from router_ml.offline.outage.drill import start
from router_ml.offline.outage.drilled import DrillReport, drill_report
from router_ml.state import drills
from router_ml.storage.eventlog import EventLog
from tests.offline.kinds_of import kinds_of
from tests.state.test_drills import CONFIG, lane

WHO = {"who": "on-call", "why": "quarterly drill"}
PRICES = {"best": 0.004, "other": 0.002, "third": 0.001}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


def reported(router: Router, name: str) -> OutageReport:
    kinds = kinds_of(router, [RouteRequest(text="hello there")])
    from datetime import UTC, datetime

    demand = Demand(np.full(24, 60.0), datetime(2026, 3, 2, tzinfo=UTC), "made up")
    return outage(router.config, name, kinds, demand=demand)


def carried(decision: RouteDecision, *, dark: bool = False, fails: bool = False) -> Execution:
    """What an executor would report of a decision."""
    lane = "best" if dark else decision.lane
    assert lane is not None
    place = {"provider": "p", "region": "eu", "boundary": "vendor"}
    hop = Hop(lane=lane, **place, cost_usd=PRICES[lane], latency_ms=100, kind="server_error" if fails else None)
    return Execution(
        execution_id=f"exe_{decision.decision_id}",
        at=decision.created_at,
        decision_id=decision.decision_id,
        status="failed" if fails else "answered",
        hops=(hop,),
        final_lane=None if fails else lane,
        latency_ms=100.0 if lane == "best" else 300.0,
        cost_usd=PRICES[lane],
    )


def drilled(log: EventLog, *, sessions: int = 120, quality: Any = None, dark: bool = False, fails: bool = False) -> str:
    """A drill with sessions of two turns each; its id. ``quality`` by lane; ``dark`` and ``fails``: what some of the
    executions inside did."""
    router = Router(CONFIG, log=log)
    drill = start(log, reported(router, "acme"), share=0.5, minutes=5, **WHO)
    router.memory.drills.refresh()
    worth, rated = quality or {"best": 0.9, "other": 0.6}, Counter[str]()
    for number in range(sessions):
        for _ in range(2):
            decision = router.predict_route("hello there", seed=1, metadata={"session": str(number)})
            assert decision.state.drill is not None
            wrong = decision.state.drill.inside and number % 4 == 0
            done = carried(decision, dark=dark and wrong, fails=fails and wrong)
            router.log_execution(done)
            if done.final_lane is not None and number % 5:
                good = float(rated[done.final_lane] % 10 < 10 * worth[done.final_lane])
                rated[done.final_lane] += 1
                router.log_outcome(decision.decision_id, quality=good, rated_probability=0.8)
    return drill.id


def verdicts(report: DrillReport) -> dict[str, str]:
    return {each.claim.split(" ")[0]: each.verdict for each in report.promises}


def test_a_drill_tells_those_who_were_drawn_from_the_others(log: EventLog) -> None:
    report = drill_report(log, drilled(log))
    assert (report.place, report.share, report.who) == ("provider acme", 0.5, "on-call")
    assert report.inside is not None
    assert report.outside is not None
    assert report.inside.sessions + report.outside.sessions == 120
    assert report.inside.requests == 2 * report.inside.sessions
    assert report.inside.lanes == {"other": 1.0}
    assert set(report.outside.lanes) == {"best"}
    for arm, worth in ((report.inside, 0.6), (report.outside, 0.9)):
        assert arm.quality.value == pytest.approx(worth, abs=0.05)
        assert arm.quality.low < arm.quality.value < arm.quality.high
        assert 0.7 * arm.requests < arm.rated < 0.9 * arm.requests
    assert report.difference["quality"].low < -0.3 < report.difference["quality"].high < 0
    assert report.difference["usd_per_1000"].value == pytest.approx(-2.0)
    assert report.difference["latency_ms"].value == pytest.approx(200.0)
    assert report.difference["success"].value == 0
    assert (report.to_dark, report.paused) == (0, 0)
    told = verdicts(report)
    assert told.pop("Quality") != "missed"  # 0.9 less 0.6, where 0.9 less 0.5 was expected
    assert told == {"No": "kept", "At": "not shown", "default": "kept", "1,000": "kept", "Answers": "missed"}
    assert report.to_dict()["inside"]["lanes"] == {"other": 1.0}


def test_a_call_to_what_counts_as_down_is_found(log: EventLog) -> None:
    """The one thing that may not happen: a drill that does not keep its own rule shows nothing."""
    report = drill_report(log, drilled(log, sessions=24, dark=True))
    assert report.to_dark > 0
    assert verdicts(report)["No"] == "missed"


def test_requests_that_fail_break_the_promise(log: EventLog) -> None:
    report = drill_report(log, drilled(log, sessions=80, fails=True))
    assert report.inside is not None
    assert report.inside.success.value < 0.9
    assert report.difference["success"].value < -0.1
    assert verdicts(report)["At"] == "missed"


def test_what_a_shadow_decided_is_no_request_of_the_drill(log: EventLog) -> None:
    champion, shadow = Router(CONFIG, log=log), Router(CONFIG, log=log)
    drill = start(log, reported(champion, "acme"), share=0.5, minutes=5, **WHO)
    champion.memory.drills.refresh()
    for number in range(12):
        request = RouteRequest(text="hello there", metadata={"session": str(number)})
        made = champion.predict_route(request, seed=1)
        champion.log_execution(carried(made))
        shadow.shadow(request, shadow.understand([request])[0], of=made)
    report = drill_report(log, drill.id)
    assert report.inside is not None
    assert report.outside is not None
    assert report.inside.requests + report.outside.requests == 12


def test_what_nobody_reported_is_not_known(log: EventLog) -> None:
    """A decision is a plan. That it was planned does not say that it was answered, or for how much."""
    router = Router(CONFIG, log=log)
    drill = start(log, reported(router, "acme"), share=0.5, minutes=5, **WHO)
    router.memory.drills.refresh()
    made = [router.predict_route("hello there", metadata={"session": str(number)}) for number in range(12)]
    limit = {"max_cost_usd": 0.0}
    unserved = [router.predict_route("hi", metadata={"session": str(n)}, constraints=limit) for n in range(12)]
    assert {one.lane for one in unserved} == {None}
    report = drill_report(log, drill.id)
    assert report.inside is not None
    assert report.inside.reported == 0
    assert report.inside.lanes == {}
    assert all(math.isnan(getattr(report.inside, name).value) for name in ("success", "usd_per_1000", "latency_ms"))
    found = {each.claim.split(" ")[0]: (each.verdict, each.found) for each in report.promises}
    assert found["At"] == found["1,000"] == ("not shown", "not known")
    for one in made:
        router.log_execution(carried(one))
    report = drill_report(log, drill.id)
    assert report.inside is not None
    assert report.inside.success.value == 0.5  # those without a lane are known beside the others
    assert report.inside.reported == report.inside.requests


def test_the_drill_is_judged_by_what_it_changes(log: EventLog) -> None:
    """A router may believe lanes to be cheaper than they are: that is not what the drill is about."""
    report = drill_report(log, drilled(log, sessions=60, quality={"best": 0.9, "other": 0.9}))
    assert report.inside is not None
    assert report.expected["usd_per_1000"] < 0.5 < report.inside.usd_per_1000.value
    assert (verdicts(report)["1,000"], verdicts(report)["Quality"]) == ("kept", "kept")
    (paid,) = (each.found for each in report.promises if each.claim.startswith("1,000"))
    assert paid == "-2.000 [-2.000, -2.000]"


def test_a_floor_that_is_missed_is_told(log: EventLog) -> None:
    told = verdicts(drill_report(log, drilled(log, sessions=60, quality={"best": 0.9, "other": 0.1})))
    assert (told["default"], told["Quality"]) == ("missed", "missed")


def test_requests_during_a_real_outage_are_told_apart(log: EventLog) -> None:
    router = Router(CONFIG, log=log)
    drill = start(log, reported(router, "acme"), share=1.0, minutes=5, **WHO)
    router.memory.drills.refresh()
    router.report_health("zeta", "down")
    decision = router.predict_route("hello there", metadata={"session": "a"})
    router.log_execution(carried(decision))
    report = drill_report(log, drill.id)
    assert (report.paused, report.to_dark) == (1, 0)
    assert report.inside is not None
    assert report.outside is None


def test_what_would_stop_traffic_is_refused_unless_it_is_meant(log: EventLog) -> None:
    alone = CONFIG.model_copy(update={"lanes": {"best": CONFIG.lanes["best"]}})
    report = reported(Router(alone), "acme")
    assert report.stops == 1
    with pytest.raises(InvalidRequestError, match=r"without a lane: 100\.0% of default.*--even-if-it-stops"):
        start(log, report, share=0.1, minutes=5, **WHO)
    assert log.audit_events() == []
    drill = start(log, report, share=0.1, minutes=5, **WHO, even_if_it_stops=True)
    assert drill.event.detail["even_if_it_stops"] is True
    assert drill.event.detail["expected"] == {
        "stops": 1.0,
        "usd_per_1000_before": pytest.approx(report.before.usd_per_1000),
        "quality_before": pytest.approx(0.9),
        "latency_ms_before": pytest.approx(report.before.latency_ms),
    }


def test_what_the_rules_alone_would_stop_is_refused_too(log: EventLog) -> None:
    """Traffic of a quiet day need not hold the request that would be left without a lane."""
    from router_ml.offline.coverage import Stop

    report = replace(
        reported(Router(CONFIG), "acme"), by_rules=(Stop(("default",), ("pii",), ("best",), "provider", "acme"),)
    )
    with pytest.raises(InvalidRequestError, match="default when pii fires"):
        start(log, report, share=0.1, minutes=5, **WHO)


def test_a_region_is_drilled_by_its_lanes(log: EventLog) -> None:
    lanes = {**CONFIG.lanes, "far": CONFIG.lanes["best"].model_validate(lane("far", region="us"))}
    router = Router(CONFIG.model_copy(update={"lanes": lanes}), log=log)
    drill = start(log, reported(router, "region:eu"), share=1.0, minutes=5, **WHO)
    assert drill.places == ("best", "other", "third")
    router.memory.drills.refresh()
    assert router.predict_route("hello there", metadata={"session": "a"}).eligible == ("far",)


def test_a_drill_that_is_not_in_the_log_is_an_error(log: EventLog) -> None:
    drill = drills.begin(log, ["acme"], share=0.5, minutes=5, **WHO)
    with pytest.raises(InvalidRequestError, match=drill.id):
        drill_report(log, "aud_other")
    assert drill_report(log, drill.id).promises == ()
