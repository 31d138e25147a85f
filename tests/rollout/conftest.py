"""A registry that is a dictionary, and one that is MLflow's, with versions of the bundle that ships."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from router_ml.errors import RouterError
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.state.memory import Memory
from router_ml.storage.bundle import Bundle, Manifest, seal
from router_ml.storage.eventlog import EventLog
from router_ml.storage.registry import Lifecycle, Standing, journal, versions


@dataclass
class Shelf:
    """A source of releases in memory: the shipped bundle under as many numbers as are asked for."""

    bundle: Bundle
    aliases: dict[str, str] = field(default_factory=lambda: {"champion": "1"})
    log: EventLog | None = None
    share: float = 0.3
    holdback: float = 0.0
    draw: str = "a"
    down: RouterError | None = None
    broken: dict[str, Exception] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)  # a lane that a version does not have
    online: bool = False
    opened: list[str] = field(default_factory=list)

    def standing(self) -> Standing:
        if self.down is not None:
            raise self.down
        return Standing("router", dict(self.aliases), "salt", self.share, self.draw)

    def open(self, version: str, *, memory: Memory | None) -> Router:
        self.opened.append(version)
        if version in self.broken:
            raise self.broken[version]
        bundle = Bundle.load(self.bundle.folder) if self.online else self.bundle  # what learns is not shared
        config = bundle.config
        release = config.release.model_copy(update={"holdback_share": self.holdback})
        lanes = {name: lane for name, lane in config.lanes.items() if name != self.without.get(version)}
        config = config.model_copy(update={"release": release, "lanes": lanes})
        return Router(
            config,
            bundle=bundle,
            registry=f"router/{version}",
            log=self.log,
            memory=memory,
            online=self.online,
        )


@pytest.fixture
def log() -> Iterator[EventLog]:
    with EventLog("sqlite://") as opened:
        yield opened


@pytest.fixture
def shelf(bundle: Bundle, log: EventLog) -> Shelf:
    return Shelf(bundle, log=log)


@pytest.fixture
def serve(shelf: Shelf) -> Iterator[Callable[[], Rollout]]:
    """Open a rollout on the shelf that looks at it only when told to."""
    opened: list[Rollout] = []

    def make() -> Rollout:
        opened.append(Rollout(shelf, poll_seconds=0))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def numbered_bundle(models: Path, folder: Path, number: int, release: str = "") -> Manifest:
    """The shipped bundle as another one: linked files, a manifest of its own, and what ``release`` says."""
    shutil.copytree(models, folder, copy_function=os.link)
    (folder / "manifest.json").unlink()
    if release:
        text = (folder / "router.yaml").read_text(encoding="utf-8")
        (folder / "router.yaml").unlink()
        kept = "\n".join(line for line in text.splitlines() if not line.startswith("release:"))
        (folder / "router.yaml").write_text(f"{kept}\nrelease: {release}\n", encoding="utf-8")
    encoder = str(json.loads((models / "manifest.json").read_text(encoding="utf-8"))["encoder_sha256"])
    made = datetime(2026, 7, number, tzinfo=UTC)
    return seal(folder, name="router", created_at=made, encoder_sha256=encoder, training={"number": number})


@pytest.fixture(scope="session")
def shelf_of_mlflow(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an SQLite store that holds three versions of a router; tests copy the store."""
    pytest.importorskip("mlflow.pyfunc", reason="needs the extra 'registry': pip install -e '.[test]'")
    from router_ml.storage.registry import log_bundle

    folder = tmp_path_factory.mktemp("registry")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    for number, release in ((1, ""), (2, "{canary_share: 0.25, holdback_share: 0.1}"), (3, "{approvals: 2}")):
        numbered_bundle(models, folder / f"bundle-{number}", number, release)
        log_bundle(folder / f"bundle-{number}", tracking_uri=store)
    return folder


@pytest.fixture
def store(shelf_of_mlflow: Path, tmp_path: Path) -> str:
    """A copy of that store for one test; its artifacts stay where they are."""
    return f"sqlite:///{shutil.copy(shelf_of_mlflow / 'mlflow.db', tmp_path)}"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else takes a step, unless a test says so."""
    monkeypatch.setattr(journal, "SETTLE_SECONDS", 0.0)


def report_of(steps: Lifecycle, version: int, **said: Any) -> dict[str, Any]:
    """What the gate would say of a version, against the champion of now."""
    found = {one.version: one for one in versions(steps.name, tracking_uri=steps.tracking_uri)}
    champion = next((one.bundle for one in found.values() if "champion" in one.aliases), "")
    return {"verdict": "promote", "challenger": found[str(version)].bundle, "champion": champion, **said}


def client_of(store: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(store, store)
