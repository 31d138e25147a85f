"""Two people at one moment, and a step that died: what the log says is what has happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router_ml.errors import ReleaseError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, journal, read_standing
from router_ml.storage.registry.scene import Scene
from tests.rollout.conftest import client_of, report_of

SAID: dict[str, Any] = {"who": "ada", "why": "because"}


@pytest.fixture
def release(store: str, log: EventLog) -> Lifecycle:
    """The steps of a model whose champion is version 1."""
    steps = Lifecycle(log, tracking_uri=store)
    steps.promote(1, **SAID)
    return steps


def aliases(release: Lifecycle) -> dict[str, str]:
    return dict(read_standing(tracking_uri=release.tracking_uri).aliases)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Do something while version 2 is being opened, once."""

    def at_opening(act: Callable[[], object]) -> None:
        real, left = Scene.open, [act]

        def opening(now: Scene, version: Any) -> Any:
            files = real(now, version)
            if version.version == "2" and left:
                left.pop()()
            return files

        monkeypatch.setattr(Scene, "open", opening)

    return at_opening


def test_of_two_at_one_moment_one_is_told(
    release: Lifecycle, log: EventLog, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """Or the first canary would be gone, and nobody would know."""
    meanwhile(lambda: release.to_canary(3, force=True, who="bob", why="faster"))
    with pytest.raises(ReleaseError, match=r"meanwhile \(canary none -> 3\)"):
        release.to_canary(2, force=True, **SAID)
    assert aliases(release) == {"champion": "1", "canary": "3"}
    assert [event.kind for event in log.audit_events()] == ["promoted", "canary_started"]
    release.stop_canary(**SAID)  # no claim is left behind


def test_consent_that_changed_meanwhile_is_not_consent(
    release: Lifecycle, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    release.judge(2, "promote", report=report_of(release, 2))
    meanwhile(lambda: release.judge(2, "reject", who="bob"))
    with pytest.raises(ReleaseError, match="judged or approved router/2 meanwhile"):
        release.promote(2, **SAID)
    assert aliases(release) == {"champion": "1"}


@pytest.mark.parametrize("late", [True, False])
def test_a_claim_of_somebody_else_stands(
    release: Lifecycle, store: str, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Whether it comes before ours or right after it, it is not written over and not carried out as ours."""
    client = client_of(store)

    def theirs(*_: object) -> None:
        client.set_registered_model_tag("router", journal.CLAIM, "theirs")

    with monkeypatch.context() as patch:
        if late:
            patch.setattr(journal.time, "sleep", theirs)
        else:
            patch.setattr(Scene, "open", lambda now, version, real=Scene.open: (theirs(), real(now, version))[1])
        with pytest.raises(ReleaseError, match="at this moment"):
            release.promote(2, force=True, **SAID)
    assert client.get_registered_model("router").tags[journal.CLAIM] == "theirs"
    assert aliases(release) == {"champion": "1"}


def test_who_was_overtaken_moves_nothing_more(
    release: Lifecycle, log: EventLog, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that stood still while another finished it and went on must not undo what came after."""
    from mlflow import MlflowClient

    real, left = MlflowClient.set_model_version_tag, [1]

    def slow(self: Any, *arguments: Any) -> Any:
        if left:
            left.pop()
            other = Lifecycle(log, tracking_uri=store)
            other.rollback(who="bob", why="complaints")
        return real(self, *arguments)

    monkeypatch.setattr(MlflowClient, "set_model_version_tag", slow)
    release.promote(2, force=True, **SAID)
    assert aliases(release)["champion"] == "1"
    assert [event.kind for event in log.audit_events()] == ["promoted", "promoted", "rolled_back"]


def test_an_interrupted_step_is_finished_with_its_own_log_alone(
    release: Lifecycle, log: EventLog, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another log does not know whether it happened; forgetting it would make the first one lie."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_carry_out", killed)
        with pytest.raises(KeyboardInterrupt):
            release.promote(2, force=True, **SAID)
    with EventLog("sqlite://") as another:
        other = Lifecycle(another, tracking_uri=store)
        for step in (lambda: other.judge(3, "hold"), lambda: other.rollback(**SAID)):
            with pytest.raises(ReleaseError, match=r"\(promoted, version 2, by ada\) was begun with another event log"):
                step()
        assert another.audit_events() == []
    release.judge(3, "hold")
    assert aliases(release)["champion"] == "2"


def test_a_log_is_known_wherever_it_is_opened(tmp_path: Any) -> None:
    with EventLog(tmp_path / "one.sqlite") as one, EventLog(tmp_path / "two.sqlite") as two:
        assert one.identity() != two.identity()
        first = one.identity()
    with EventLog(f"sqlite:///{tmp_path / 'one.sqlite'}") as again:
        assert again.identity() == first
