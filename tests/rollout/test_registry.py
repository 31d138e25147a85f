"""A serving process on a real MLflow store: it follows a release, and outlives a store that is gone or a bundle that is
broken."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.errors import BundleIntegrityError, RegistryError
from router_ml.rollout import Rollout
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, fetch

TEXT = "Which planet has the strongest winds, and why?"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where the servers' log is."""
    return str(tmp_path / "log.sqlite")


@pytest.mark.slow
def test_a_release_under_load(store: str, place: str) -> None:
    """Promotion, rollback and a lost registry while requests go on: none is dropped, and each comes from one bundle."""
    with EventLog(place) as events:
        release = Lifecycle(events, tracking_uri=store)
        release.promote(1, who="ada", why="the first one")
        with Rollout.open("models:/router", log=place, tracking_uri=store, poll_seconds=0.2) as rollout:
            bundle = {str(n): fetch(f"models:/router/{n}", tracking_uri=store)[0] for n in (1, 2)}
            ids = {n: _bundle_id(folder) for n, folder in bundle.items()}
            stop, seen, failures = threading.Event(), [], []

            def load() -> None:
                while not stop.is_set():
                    try:
                        seen.append(rollout.predict_route(TEXT))
                    except Exception as error:  # noqa: BLE001 - the test counts whatever it is
                        failures.append(error)

            threads = [threading.Thread(target=load) for _ in range(2)]
            for thread in threads:
                thread.start()
            release.promote(2, who="ada", why="better", force=True)
            _until(lambda: seen and seen[-1].versions.registry == "router/2")
            path = Path(store.removeprefix("sqlite:///"))
            hidden = path.rename(path.with_suffix(".away"))
            _until(lambda: rollout.status().registry is not None)
            before = len(seen)
            _until(lambda: len(seen) > before + 5)
            hidden.rename(path)
            _until(lambda: rollout.status().registry is None)
            release.rollback(who="ada", why="worse")
            _until(lambda: seen[-1].versions.registry == "router/1")
            stop.set()
            for thread in threads:
                thread.join()
        assert failures == []
        for decision in seen:
            version = (decision.versions.registry or "").removeprefix("router/")
            assert decision.versions.bundle == ids[version]
        assert [event.kind for event in events.audit_events()] == ["promoted", "promoted", "rolled_back"]
        assert set(events.logged().decision_ids.tolist()) >= {decision.decision_id for decision in seen[:50]}


@pytest.mark.slow
def test_a_byte_that_was_flipped_is_not_served(store: str, place: str, shelf_of_mlflow: Path, tmp_path: Path) -> None:
    with EventLog(place) as events:
        release = Lifecycle(events, tracking_uri=store)
        release.promote(1, who="ada", why="the first one")
        made = release.register(_another(shelf_of_mlflow, tmp_path / "fourth"), who="ada", why="retrained")
        with Rollout.open(tracking_uri=store, log=place, poll_seconds=0) as rollout:
            folder, _ = fetch(made.uri, tracking_uri=store)
            release.promote(made.version, who="ada", why="better", force=True)
            _flip(folder / "bandit.vw")
            assert not rollout.refresh()
            status = rollout.status()
            assert (status.versions["champion"], list(status.broken)) == ("1", [made.version])
            assert "sha256" in status.broken[made.version]
            assert rollout.predict_route(TEXT).versions.registry == "router/1"
            with pytest.raises(BundleIntegrityError):  # nor does it become champion once more
                release.rollback(who="ada", why="back") and release.promote(
                    made.version, who="ada", why="again", force=True
                )


@pytest.mark.slow
def test_the_aliases_that_steps_set_are_the_arms_that_serve(store: str, place: str) -> None:
    with EventLog(place) as events:
        release = Lifecycle(events, tracking_uri=store)
        release.promote(1, who="ada", why="the first one")
        release.promote(2, who="ada", why="asks for a holdback", force=True)
        release.to_shadow(3, who="ada", why="to see it")
        with Rollout.open(tracking_uri=store, log=place, poll_seconds=0) as rollout:
            status = rollout.status()
            assert status.versions == {"champion": "2", "canary": None, "holdback": "1", "shadow": "3"}
            assert status.shares == pytest.approx({"champion": 0.9, "canary": 0.0, "holdback": 0.1})
            release.to_canary(3, who="ada", why="try it", force=True)
            assert rollout.refresh()
            status = rollout.status()
            assert status.versions == {"champion": "2", "canary": "3", "holdback": "1", "shadow": None}
            assert status.shares == pytest.approx({"champion": 0.675, "canary": 0.225, "holdback": 0.1})
            decision = rollout.predict_route(TEXT, metadata={"session": "a"})
            assert decision.state.rollout == status.rollout
        with Rollout.open(tracking_uri=store, log=place, poll_seconds=0) as another:
            again = another.predict_route(TEXT, metadata={"session": "a"})
            assert (again.state.arm, again.state.arm_session) == (decision.state.arm, decision.state.arm_session)


def test_a_model_without_version_is_its_champion(store: str, place: str) -> None:
    with EventLog(place) as events:
        Lifecycle(events, tracking_uri=store).promote(2, who="ada", why="the first one")
    assert Router.load("models:/router", tracking_uri=store).predict_route(TEXT).versions.registry == "router/2"
    with pytest.raises(RegistryError, match=r"names no model with its arms\. Write models:/router"):
        Rollout.open("models:/router@champion", tracking_uri=store)


def _until(true: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def _bundle_id(folder: Path) -> str:
    from router_ml.storage.bundle import verify

    return verify(folder).id


def _another(shelf: Path, folder: Path) -> Path:
    from tests.rollout.conftest import numbered_bundle

    numbered_bundle(shelf / "bundle-1", folder, 4)
    return folder


def _flip(path: Path) -> None:
    """Change one byte of a file, of this copy alone."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    away = path.with_suffix(".new")
    away.write_bytes(bytes(data))
    shutil.move(away, path)
