"""Where two people have to agree, one alone gives nothing more than a small share to what the gate passed."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.errors import BundleError, ReleaseError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, read_standing
from router_ml.storage.registry.consent import Opened
from router_ml.storage.registry.scene import Scene
from tests.rollout.conftest import report_of

SAID: dict[str, Any] = {"who": "ada", "why": "because"}


@pytest.fixture
def release(store: str, log: EventLog) -> Lifecycle:
    """The steps of a model whose champion, version 3, asks for two people."""
    steps = Lifecycle(log, tracking_uri=store)
    steps.promote(1, **SAID)
    steps.approve(3, who="bob", why="looked at it")
    steps.promote(3, report=report_of(steps, 3), **SAID)
    return steps


def aliases(release: Lifecycle) -> dict[str, str]:
    return dict(read_standing(tracking_uri=release.tracking_uri).aliases)


def test_one_person_gives_a_canary_no_more_than_its_share(release: Lifecycle, log: EventLog) -> None:
    before = aliases(release)
    for force in (True, False):
        with pytest.raises(ReleaseError, match=r"2 people who agree before its share is more than 0\.1, found 1: ada"):
            release.to_canary(2, share=0.999, force=force, report=report_of(release, 2), **SAID)
    assert aliases(release) == before
    release.to_canary(2, share=0.05, force=True, **SAID)
    release.stop_canary(**SAID)
    release.approve(2, who="bob", why="looked at it")
    release.to_canary(2, share=0.999, force=True, **SAID)
    assert log.audit_events()[-1].detail["agreed"] == ["ada", "bob"]


def test_sessions_are_held_back_on_what_was_agreed_to(release: Lifecycle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that nobody passed must not get its share as a holdback; nor one whose files have changed."""
    release.approve(2, who="bob", why="looked at it")
    release.approve(1, who="bob", why="looked at it")
    with pytest.raises(ReleaseError, match="router/2 was never champion"):
        release.promote(1, force=True, holdback=2, **SAID)
    with pytest.raises(ReleaseError, match="router/2 was never champion"):
        release.promote(2, force=True, holdback=2, **SAID)
    real = Scene.open

    def flipped(now: Scene, version: Any) -> Opened:
        if version.version == "1":
            raise BundleError("a byte was flipped")
        return real(now, version)

    with monkeypatch.context() as patch:
        patch.setattr(Scene, "open", flipped)
        with pytest.raises(BundleError):
            release.promote(2, force=True, holdback=1, **SAID)
    assert release.promote(2, force=True, holdback=1, **SAID).after["holdback"] == "1"
    release.rollback(**SAID)
    with pytest.raises(ReleaseError, match="router/2 was never champion, or was rolled back"):
        release.promote(1, force=True, holdback=2, **SAID)


def test_what_is_rolled_back_holds_nobody(release: Lifecycle) -> None:
    release.approve(2, who="bob", why="looked at it")
    release.promote(2, force=True, holdback=3, **SAID)
    release.rollback(**SAID)
    assert release.rollback(**SAID).after == {"champion": "1"}


def test_a_rollback_goes_never_forth_to_what_was_left(release: Lifecycle) -> None:
    """1, 3, 1, and back: 3 again, and then there is nothing, since 1 was left for cause."""
    release.approve(1, who="bob", why="looked at it")
    release.promote(1, force=True, **SAID)
    assert release.rollback(**SAID).after == {"champion": "3"}
    with pytest.raises(ReleaseError, match="no previous champion"):
        release.rollback(**SAID)
