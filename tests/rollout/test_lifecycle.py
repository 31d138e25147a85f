"""What a team relies on in a release: no step without a trace, without consent, or half done."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.errors import InvalidRequestError, LogError, RegistryError, ReleaseError
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, journal, read_standing, set_alias
from tests.rollout.conftest import client_of, report_of

pytestmark = pytest.mark.usefixtures("log")
SAID: dict[str, Any] = {"who": "ada", "why": "the gate passed it"}


@pytest.fixture
def release(store: str, log: EventLog) -> Lifecycle:
    """The steps of a model whose champion is version 1."""
    steps = Lifecycle(log, tracking_uri=store)
    steps.promote(1, who="ada", why="the first one")
    return steps


def aliases(store: str) -> dict[str, str]:
    return dict(read_standing(tracking_uri=store).aliases)


def passed(release: Lifecycle, version: int, **said: Any) -> None:
    """The gate lets a version pass."""
    release.judge(version, "promote", report=report_of(release, version, **said))


def kinds(log: EventLog) -> list[str]:
    return [event.kind for event in log.audit_events()]


def test_a_version_goes_from_shadow_to_champion_and_back(release: Lifecycle, store: str, log: EventLog) -> None:
    passed(release, 2)
    release.to_shadow(2, **SAID)
    assert aliases(store) == {"champion": "1", "shadow": "2"}
    release.to_canary(2, share=0.2, **SAID)
    assert aliases(store) == {"champion": "1", "canary": "2"}
    assert read_standing(tracking_uri=store).canary_share == 0.2
    step = release.promote(2, **SAID)
    assert aliases(store) == step.after == {"champion": "2", "previous": "1", "holdback": "1"}
    step = release.rollback(who="bob", why="complaints")
    assert aliases(store) == step.after == {"champion": "1", "holdback": "1"}
    assert kinds(log) == ["promoted", "judged", "shadowed", "canary_started", "promoted", "rolled_back"]
    promoted = log.audit_events()[4]
    assert promoted.detail["before"] == {"champion": "1", "canary": "2"}
    assert (promoted.detail["version"], promoted.detail["agreed"], promoted.detail["forced"]) == ("2", ["ada"], False)
    assert promoted.policy_sha256_before == promoted.policy_sha256_after != ""
    tags = client_of(store).get_model_version("router", "2").tags
    assert (tags["stage"], tags["verdict"]) == ("rolled back", "rolled back")


@pytest.mark.parametrize("step", ["promote", "to_canary"])
def test_what_the_gate_did_not_pass_gets_no_traffic(release: Lifecycle, store: str, log: EventLog, step: str) -> None:
    """Nobody may skip the gate without it being known."""
    with pytest.raises(ReleaseError, match="router/2 has no verdict, expected promote"):
        getattr(release, step)(2, **SAID)
    release.judge(2, "hold")
    with pytest.raises(ReleaseError, match="'hold', expected promote"):
        getattr(release, step)(2, **SAID)
    assert (aliases(store), kinds(log)) == ({"champion": "1"}, ["promoted", "judged"])
    getattr(release, step)(2, force=True, **SAID)
    assert log.audit_events()[-1].detail["forced"] is True


def test_a_verdict_is_about_one_bundle(release: Lifecycle, store: str) -> None:
    passed(release, 2)
    client_of(store).set_model_version_tag("router", "2", "verdict_bundle", "router-other")
    with pytest.raises(ReleaseError, match="is about bundle router-other"):
        release.promote(2, **SAID)


def test_two_people_have_to_agree_where_that_is_configured(release: Lifecycle, store: str, log: EventLog) -> None:
    """The same person twice, however spelled, is one pair of eyes; force does not lend another."""
    passed(release, 3)
    for force in (False, True):
        with pytest.raises(ReleaseError, match=r"needs 2 people who agree, found 1: ada\."):
            release.promote(3, force=force, **SAID)
    release.approve(3, who=" Ada", why="mine")
    with pytest.raises(ReleaseError, match="has approved router/3 already"):
        release.approve(3, who="ADA ", why="again")
    with pytest.raises(ReleaseError, match="found 1"):
        release.promote(3, **SAID)
    with pytest.raises(ReleaseError, match=r"you approve router-x\. Look again"):
        release.approve(3, who="bob", why="looked at it", bundle="router-x")
    release.approve(3, who="bob", why="looked at it")
    release.promote(3, **SAID)
    assert log.audit_events()[-1].detail["agreed"] == ["ada", "bob"]
    release.rollback(who="bob", why="it was worse")
    passed(release, 3, notes=["once more"])
    with pytest.raises(ReleaseError, match="found 1: bob"):  # consent ended with the rollback
        release.promote(3, who="bob", why="again")


def test_an_approval_is_of_what_the_version_held(release: Lifecycle, store: str) -> None:
    passed(release, 3)
    release.approve(3, who="bob", why="looked at it")
    client = client_of(store)
    (key,) = (key for key in client.get_model_version("router", "3").tags if key.startswith("approved."))
    client.set_model_version_tag("router", "3", key, '{"who": "bob", "bundle": "router-before", "at": "2026-07-01"}')
    with pytest.raises(ReleaseError, match="found 1: ada"):
        release.promote(3, **SAID)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda r: r.rollback(**SAID), "no previous champion to go back to"),
        (lambda r: r.stop_canary(**SAID), "no canary that could be stopped"),
        (lambda r: r.promote(1, **SAID), "is the champion already"),
        (lambda r: r.to_canary(1, **SAID), "is the champion"),
        (lambda r: r.to_shadow(1, **SAID), "is the champion"),
        (lambda r: r.promote(9, **SAID), "There is no router/9"),
    ],
)
def test_nonsense_is_refused(release: Lifecycle, store: str, log: EventLog, step: Any, said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        step(release)
    assert (aliases(store), kinds(log)) == ({"champion": "1"}, ["promoted"])


def test_there_is_one_canary(release: Lifecycle) -> None:
    release.to_canary(2, force=True, **SAID)
    with pytest.raises(ReleaseError, match="router/2 is the canary"):
        release.to_canary(3, force=True, **SAID)
    with pytest.raises(ReleaseError, match=r"router/2 is the canary\. Stop it, or promote it"):
        release.promote(3, force=True, **SAID)
    release.stop_canary(**SAID)
    with pytest.raises(ReleaseError, match="'stopped', expected promote"):
        release.to_canary(2, **SAID)


@pytest.mark.parametrize("said", [{"who": " ", "why": "x"}, {"who": "ada", "why": ""}])
def test_a_step_says_who_and_why(release: Lifecycle, store: str, said: dict[str, str]) -> None:
    for step in (lambda: release.promote(2, force=True, **said), lambda: release.approve(3, **said)):
        with pytest.raises(InvalidRequestError, match="step of a release"):
            step()
    assert aliases(store) == {"champion": "1"}


def test_what_cannot_be_logged_does_not_happen(release: Lifecycle, store: str, log: EventLog) -> None:
    log.close()
    with pytest.raises(LogError):
        release.promote(2, force=True, **SAID)
    assert aliases(store) == {"champion": "1"}
    assert journal.CLAIM not in client_of(store).get_registered_model("router").tags


class Killed(BaseException):
    """The process is gone."""


MOMENTS = ["set_model_version_tag", "set_registered_model_alias", "delete_registered_model_tag"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("calls", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_interrupted_promotion_is_finished(
    release: Lifecycle, store: str, log: EventLog, monkeypatch: pytest.MonkeyPatch, moment: str, calls: int
) -> None:
    """Killed between any two calls: readers see an old or a new champion, and the same command finishes it, once."""
    from mlflow import MlflowClient

    release.to_canary(2, force=True, **SAID)
    left = [calls]
    real = getattr(MlflowClient, moment)

    def deadly(self: Any, *arguments: Any, **named: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return real(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, moment, deadly)
        if moment == "delete_registered_model_tag" and calls:
            release.promote(2, force=True, **SAID)
        else:
            with pytest.raises(Killed):
                release.promote(2, force=True, **SAID)
    seen = aliases(store)
    assert seen["champion"] in ("1", "2")
    if moment != "delete_registered_model_tag" or not calls:
        step = release.promote(2, force=True, who="bob", why="once more")
        assert step.resumed is not None
        assert step.event.who == "ada"
    assert aliases(store) == {"champion": "2", "previous": "1", "holdback": "1"}
    assert kinds(log).count("promoted") == 2  # the first champion, and this
    assert release.rollback(**SAID).after["champion"] == "1"


def test_a_step_whose_event_was_not_logged_is_forgotten(
    release: Lifecycle, store: str, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the log does not say has not happened."""

    def killed(_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(log, "log_audit_event", killed)
        with pytest.raises(Killed):
            release.promote(2, force=True, **SAID)
    with pytest.raises(ReleaseError, match=r"\(promoted, version 2, by ada\) is on its way\. Repeat in 15 seconds"):
        release.approve(3, who="bob", why="looked at it")
    monkeypatch.setattr(journal, "FRESH_SECONDS", 0.0)
    release.approve(3, who="bob", why="looked at it")
    assert aliases(store) == {"champion": "1"}
    assert kinds(log) == ["promoted", "approved"]


def test_rollback_goes_further_back_and_never_forth(release: Lifecycle, store: str) -> None:
    """Twice back is not the bad one again."""
    release.promote(2, force=True, **SAID)
    release.approve(3, who="bob", why="looked at it")
    release.promote(3, force=True, **SAID)
    assert aliases(store)["previous"] == "2"
    assert release.rollback(**SAID).after["champion"] == "2"
    assert release.rollback(**SAID).after["champion"] == "1"
    with pytest.raises(ReleaseError, match="no previous champion"):
        release.rollback(**SAID)


def test_register_makes_a_challenger(store: str, log: EventLog, shelf_of_mlflow: Any) -> None:
    steps = Lifecycle(log, tracking_uri=store)
    made = steps.register(shelf_of_mlflow / "bundle-2", who="ada", why="retrained", tags={"verdict": "promote"})
    assert (made.version, made.aliases, made.tags["stage"]) == ("4", ("challenger",), "challenger")
    assert kinds(log) == ["registered"]


def test_a_hand_set_canary_is_no_draw(store: str) -> None:
    set_alias("router", "canary", 2, tracking_uri=store)
    assert read_standing(tracking_uri=store).canary_draw is None
