"""A verdict lets pass what it is about, once."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.errors import InvalidRequestError, ReleaseError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, read_standing
from tests.rollout.conftest import client_of, report_of

SAID: dict[str, Any] = {"who": "ada", "why": "the gate passed it"}


@pytest.fixture
def release(store: str, log: EventLog) -> Lifecycle:
    """The steps of a model whose champion is version 1."""
    steps = Lifecycle(log, tracking_uri=store)
    steps.promote(1, **SAID)
    return steps


def test_a_report_does_not_come_back_after_a_stop(release: Lifecycle, shelf_of_mlflow: Any) -> None:
    """Nor for the same bundle under another number; a new report does. One report among several is none the better."""
    first, second = report_of(release, 2), report_of(release, 2, notes=["more decisions"])
    release.judge(2, "promote", report=first)
    release.judge(2, "promote", report=second)
    release.to_canary(2, **SAID)
    release.stop_canary(who="router-ml canary", why="harm")
    again = release.register(shelf_of_mlflow / "bundle-2", **SAID).version
    for report in (first, second):
        for version in (2, again):
            with pytest.raises(ReleaseError, match="let router/2 pass before, and then it was stopped"):
                release.promote(version, report=report, **SAID)
    release.promote(2, report=report_of(release, 2, notes=["since then"]), **SAID)
    release.rollback(**SAID)
    with pytest.raises(ReleaseError, match="then it was rolled back"):
        release.promote(2, report=report_of(release, 2, notes=["since then"]), **SAID)


def test_a_verdict_is_against_the_champion_of_now(release: Lifecycle) -> None:
    release.judge(2, "promote", report=report_of(release, 2))
    release.approve(3, who="bob", why="looked at it")
    release.promote(3, report=report_of(release, 3), **SAID)
    release.approve(2, who="bob", why="looked at it")
    with pytest.raises(ReleaseError, match="Evaluate it again"):
        release.promote(2, **SAID)


@pytest.mark.parametrize(
    ("verdict", "said", "error"),
    [
        ("promote", None, InvalidRequestError),
        ("promote", {"verdict": "hold"}, InvalidRequestError),
        ("promote", {"challenger": "another"}, ReleaseError),
        ("promote", {"challenger": None}, ReleaseError),
        ("promote", {"champion": "another"}, ReleaseError),
        ("promote", {"champion": ""}, ReleaseError),
    ],
)
def test_a_report_names_what_it_is_about(
    release: Lifecycle, store: str, log: EventLog, verdict: str, said: Any, error: type[Exception]
) -> None:
    """A file with the word promote in it is no verdict; what is refused leaves no trace."""
    before = client_of(store).get_model_version("router", "2").tags
    report = None if said is None else {**report_of(release, 2), **said}
    with pytest.raises(error):
        release.judge(2, verdict, report=report)
    if report is not None:
        for step in (release.promote, release.to_canary):
            with pytest.raises(ReleaseError):
                step(2, report=report, **SAID)
    assert client_of(store).get_model_version("router", "2").tags == before
    assert [event.kind for event in log.audit_events()] == ["promoted"]


def test_a_refused_step_keeps_no_verdict(release: Lifecycle, store: str, log: EventLog) -> None:
    with pytest.raises(ReleaseError, match="needs 2 people"):
        release.promote(3, report=report_of(release, 3), **SAID)
    assert "verdict" not in client_of(store).get_model_version("router", "3").tags
    release.promote(2, report=report_of(release, 2), **SAID)
    (event,) = log.audit_events()[1:]
    assert (event.kind, event.detail["verdict"], event.detail["forced"]) == ("promoted", "promote", False)
    tags = client_of(store).get_model_version("router", "2").tags
    assert event.detail["report_sha256"] == tags["verdict_sha256"]


def test_judging_is_in_the_log(release: Lifecycle, log: EventLog) -> None:
    release.judge(2, "hold")
    event = log.audit_events()[-1]
    assert (event.kind, event.detail["version"], event.detail["verdict"]) == ("judged", "2", "hold")
    assert read_standing(tracking_uri=release.tracking_uri).aliases == {"champion": "1"}
