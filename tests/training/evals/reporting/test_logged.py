"""Results in the event log: read back by their own reader, and by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_ml.contract import Outcome, RouteDecision
from router_ml.errors import InvalidRequestError, LogError
from router_ml.offline.spend import spend
from router_ml.router import Router
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views.overview import decided
from router_ml.storage.views.stories import stories
from tests.training.evals.reporting.conftest import NOON
from training.evals.reporting.logged import decision_id, evaluations, log_results
from training.evals.result import ROUTER, Arm, Result

MakeResult = Callable[..., Result]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def log() -> Iterator[EventLog]:
    """An empty log."""
    with EventLog("sqlite://") as opened:
        yield opened


def test_results_come_back_as_they_were(log: EventLog, make_result: MakeResult) -> None:
    """Lane, model, version, suite, cell and quality are what priors need; repeating it adds nothing."""
    results = [make_result(number, failure="wrong_shape" if number else None) for number in range(3)]
    assert log_results(log, results) == log_results(log, results) == 3
    found = list(evaluations(log))
    assert [(one.lane, one.model, one.version) for one in found] == [("balanced", "mock/balanced", "1")] * 3
    assert [(one.suite, one.intent, one.domain) for one in found] == [("contract", "qa", "hr")] * 3
    assert [one.quality for one in found] == [1.0, 0.0, 0.0]
    assert [one.failures for one in found] == [(), ("wrong_shape",), ("wrong_shape",)]
    assert (found[0].served_model, found[0].fingerprint, found[0].cluster) == ("balanced-2026", "fp_1", "case-0")
    assert list(evaluations(log, since=results[2].at)) == found[2:]


def test_no_text_is_kept(log: EventLog, make_result: MakeResult) -> None:
    """Neither what was asked nor what was answered is anywhere in the log."""
    log_results(log, [make_result(0)])
    (kept,) = [*log.outcomes()]
    decision = log.decision(kept.decision_id)
    assert decision is not None
    for record in (kept.model_dump_json(), decision.to_json()):
        assert "SECRET" not in record
        assert "Question" not in record


def test_another_result_under_the_same_name_is_refused(log: EventLog, make_result: MakeResult) -> None:
    """A run, case, lane and repeat have one result; a second one is no correction."""
    log_results(log, [make_result(0)])
    with pytest.raises(LogError, match="already logged"):
        log_results(log, [make_result(0, case=make_result(0).case.model_copy(update={"tier": "high"}))])


def test_what_waits_to_be_judged_is_kept_once_it_is(log: EventLog, make_result: MakeResult) -> None:
    """What other checks say of it is half of the truth: it is no answer for priors, and in a report it is a failure or
    not judged, but no pass."""
    judged = make_result(0, failure="wrong")
    waiting = [replace(one, put_off="over_budget") for one in (make_result(0), judged)]
    assert [(one.passed, one.quality) for one in waiting] == [(None, None), (False, None)]
    assert (log_results(log, waiting), log_results(log, [judged])) == (0, 1)
    assert [one.quality for one in evaluations(log)] == [0.0]


def test_what_the_router_decided_is_no_outcome_of_a_lane(log: EventLog, make_result: MakeResult) -> None:
    """Cases without a lane stay out."""
    assert log_results(log, [make_result(0, lane=ROUTER, arm=Arm(ROUTER, ROUTER, "1"))]) == 0


@pytest.fixture
def both(log: EventLog, make_result: MakeResult, make_decision: Callable[..., RouteDecision]) -> EventLog:
    """A log with two real requests and forty evaluated cases on a lane that nothing else names."""
    for number in range(2):
        at = datetime(2026, 6, 1, 12, number, tzinfo=UTC)
        log.log_decision(make_decision(decision_id=f"real-{number}", created_at=at))
        log.log_outcome(Outcome(decision_id=f"real-{number}", quality=1.0, cost_usd=0.5, at=at))
    log_results(log, [make_result(number, lane="unheard", failure="wrong_shape") for number in range(40)])
    return log


READERS: dict[str, Callable[[EventLog], Any]] = {
    "decisions": lambda log: [one.decision_id for one in log.decisions()],
    "decisions acted on": lambda log: [one.decision_id for one in log.decisions(shadows=False)],
    "arrays": lambda log: (len(log.logged()), log.logged().lanes),
    "batches": lambda log: [(len(batch), batch.lanes) for batch in log.batches(size=1)],
    "count": lambda log: log.count(),
    "costs": lambda log: [str(one) for one in log.costs(START, until=END, traffic_classes=["default"])],
    "stories": lambda log: [story.decision.decision_id for story in stories(log)],
    "stories of a window": lambda log: [
        story.decision.decision_id for story in stories(log, since=START + timedelta(days=1), executed=True)
    ],
    "spend": lambda log: spend(log, by=("class",)).to_dict("records"),
    "configurations": lambda log: log.recent_configs(START),
    "live numbers": lambda log: sorted((one.lane or "", one.count) for one in decided(log, START, END, grain="1 hour")),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_of_traffic_sees_an_evaluation(
    reader: str, both: EventLog, make_decision: Callable[..., RouteDecision]
) -> None:
    """Off-policy arrays, spend, budgets, live numbers, stories: all as if no evaluation had ever been logged."""
    with EventLog("sqlite://") as alone:
        for number in range(2):
            at = datetime(2026, 6, 1, 12, number, tzinfo=UTC)
            alone.log_decision(make_decision(decision_id=f"real-{number}", created_at=at))
            alone.log_outcome(Outcome(decision_id=f"real-{number}", quality=1.0, cost_usd=0.5, at=at))
        assert READERS[reader](both) == READERS[reader](alone)
    assert len(list(evaluations(both))) == 40


def test_an_archive_gives_traffic_alone(both: EventLog, tmp_path: Path) -> None:
    """Evaluations are compacted with the rest; no learner reads them from there, and their own reader does."""
    pytest.importorskip("pyarrow", reason="archives are Parquet")
    from router_ml.storage.archives.archive import compact, read_archive

    compact(both, before=END, to=str(tmp_path), now=END + timedelta(days=60), who="ada", why="old")
    batches = list(read_archive(str(tmp_path), log=both))
    assert sum(len(batch) for batch in batches) == 2
    assert len(list(evaluations(both))) == 0
    assert len(list(evaluations(both, archive=str(tmp_path)))) == 40
    assert len(list(evaluations(both, NOON + timedelta(seconds=30), archive=str(tmp_path)))) == 10
    found = stories(both, since=START, archive=str(tmp_path))
    assert {story.decision.decision_id for story in found} == {"real-0", "real-1"}


def test_nobody_can_choose_such_an_id(make_result: MakeResult) -> None:
    """A caller whose decision ended in .eval would vanish from every number."""
    router = Router.load()
    with pytest.raises(InvalidRequestError, match="evaluations"):
        router.predict_route("Hello", decision_id="mine.eval")
    with pytest.raises(InvalidRequestError, match="evaluations"):
        router.predict_route("Hello", previous={"decision_id": decision_id(make_result(0))})
