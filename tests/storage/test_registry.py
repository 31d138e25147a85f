"""What a team relies on when a bundle moves through the registry: it arrives whole, without code, or with a reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from router_ml.errors import BundleIntegrityError, MissingExtraError, RegistryError
from router_ml.storage import registry
from router_ml.storage.bundle import seal
from router_ml.storage.registry.store import artifact_root, check_sqlite, redacted

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def mlflow() -> Any:
    """Imported within a test run, never while tests are collected: it is slow, and reports its use otherwise."""
    pytest.importorskip("mlflow.pyfunc", reason="needs the extra 'registry': pip install -e '.[test]'")
    import mlflow

    return mlflow


def client_of(store: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(store, store)


@pytest.fixture(scope="module")
def empty_store(mlflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store with MLflow's tables; making them takes a second, so tests copy it."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    client_of(f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture(scope="module")
def known(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one version, which is the challenger; for tests that only read."""
    folder = tmp_path_factory.mktemp("known")
    store = f"sqlite:///{shutil.copy(empty_store, folder)}"
    registry.log_bundle(make_bundle(folder / "bundle"), tracking_uri=store)
    registry.set_alias("router", "challenger", 1, tracking_uri=store)
    return store


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    """A store of its own for one test; the name of the folder is one that MLflow must quote."""
    folder = tmp_path / "a store #1"
    folder.mkdir()
    return f"sqlite:///{shutil.copy(empty_store, folder / 'mlflow.db')}"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A few files that are sealed as a bundle is."""
    return make_bundle(tmp_path / "challenger")


def make_bundle(folder: Path, text: str = "lanes: {}\n") -> Path:
    (folder / "encoder").mkdir(parents=True)
    (folder / "encoder" / "model.onnx").write_bytes(bytes(range(256)))
    (folder / "router.yaml").write_text(text)
    seal(folder, name="router", created_at=NOON, encoder_sha256="e1", training={})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_fetched_is_what_was_logged(store: str, bundle: Path) -> None:
    """A server must run the very files that were evaluated; local artifacts are used in place, not copied."""
    version = registry.log_bundle(bundle, tracking_uri=store)
    assert (version.version, version.uri) == ("1", "models:/router/1")
    folder, label = registry.fetch(version.uri, tracking_uri=store)
    assert label == "router/1"
    assert contents(folder) == contents(bundle)
    assert folder.is_relative_to(Path(store.removeprefix("sqlite:///")).parent / "artifacts")


def test_a_run_keeps_how_the_bundle_was_made(store: str, bundle: Path, tmp_path: Path) -> None:
    """An auditor starts from a version and must reach its parameters, numbers, data and plots."""
    (tmp_path / "plot.png").write_bytes(b"a plot")
    digest = "d" * 64
    version = registry.log_bundle(
        bundle,
        params={f"p{number}": number for number in range(205)},
        metrics={"gap_closed": 0.25, "never_measured": float("nan")},
        datasets={"corpus": digest},
        files=[tmp_path / "plot.png"],
        tags={"purpose": "test", "bundle": "a lie"},
        tracking_uri=store,
    )
    client = client_of(store)
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["p204"] == "204"
    assert len(run.data.params) == 205
    assert run.data.metrics["gap_closed"] == 0.25
    assert (run.data.tags["purpose"], run.data.tags["bundle"]) == ("test", version.bundle)
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, json.loads(dataset.source)) == ("corpus", {"digest": digest})
    assert [item.path for item in client.list_artifacts(version.run_id)] == ["plot.png"]
    assert client.get_model_version("router", "1").run_id == version.run_id
    assert client.get_logged_model(run.outputs.model_outputs[0].model_id).status == "READY"


def test_a_benchmark_is_a_run_of_its_own(store: str, tmp_path: Path) -> None:
    """Numbers, data and table of a measurement are kept beside those of training, and register nothing."""
    (tmp_path / "table.json").write_text("{}")
    made = registry.log_run(
        "routing benchmark",
        params={"data": "judged", "splits": 5},
        metrics={"ours/full/gap_closed": 32.5},
        datasets={"data": "d" * 64},
        files=[tmp_path / "table.json"],
        tracking_uri=store,
    )
    run = client_of(store).get_run(made)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"data": "judged", "splits": "5"}
    assert run.data.metrics == {"ours/full/gap_closed": 32.5}
    assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["data"]
    assert [item.path for item in client_of(store).list_artifacts(made)] == ["table.json"]
    assert registry.versions(tracking_uri=store) == ()


def test_a_benchmark_that_fails_on_the_way_leaves_a_failed_run(store: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError):
        registry.log_run("routing benchmark", metrics={"a": 1.0}, files=[tmp_path / "missing"], tracking_uri=store)
    experiment = client_of(store).get_experiment_by_name("routing benchmark")
    assert [run.info.status for run in client_of(store).search_runs([experiment.experiment_id])] == ["FAILED"]


def test_the_artifact_is_files_and_source_never_a_pickle(store: str, bundle: Path) -> None:
    """Opening a pickle runs code; nobody who fetches a bundle may have to."""
    registry.log_bundle(bundle, tracking_uri=store)
    model = registry.fetch("models:/router/1", tracking_uri=store)[0].parents[1]
    found = contents(model)
    inside = {f"artifacts/bundle/{name}" for name in contents(bundle)}
    around = {"MLmodel", "served_model.py", "requirements.txt", "conda.yaml", "python_env.yaml"}
    assert found.keys() == inside | around
    assert "loader_module: mlflow.pyfunc.loaders.code_model" in found["MLmodel"].decode()
    assert "python_model.pkl" not in found["MLmodel"].decode()
    assert not [name for name, data in found.items() if data.startswith(b"\x80")]  # how binary pickles begin


def test_aliases_name_versions_and_move(store: str, tmp_path: Path) -> None:
    """Promotion and rollback are one call; what serves is what the alias says now."""
    for number in (1, 2):
        registry.log_bundle(make_bundle(tmp_path / str(number), f"v: {number}\n"), tracking_uri=store)
    assert registry.get_alias("router", "champion", tracking_uri=store) is None
    for wanted in ("2", "1"):
        registry.set_alias("router", "champion", wanted, tracking_uri=store)
        assert registry.get_alias("router", "champion", tracking_uri=store) == wanted
        folder, label = registry.fetch("models:/router@champion", tracking_uri=store)
        assert label == f"router/{wanted}"
        assert (folder / "router.yaml").read_text() == f"v: {wanted}\n"
    found = registry.versions("router", tracking_uri=store)
    assert [(item.version, item.aliases) for item in found] == [("2", ()), ("1", ("champion",))]
    assert len({item.bundle for item in found}) == 2
    assert registry.versions("nobody", tracking_uri=store) == ()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/router@champion", r"no router@champion in .*Versions: 1; aliases: challenger -> 1\. Ask for"),
        ("models:/router/7", r"no router/7 in .*Versions: 1; aliases: challenger -> 1\. Ask for"),
        ("models:/support/1", r"no support/1 in .*models there: router\. Register a bundle first"),
        ("models:/router", r"names no model\. Write models:/router@champion or models:/router/3"),
        ("models:/router/latest", r"names no model\. Write models:/router@champion or models:/router/3"),
    ],
)
def test_asking_for_what_is_not_there_says_what_is(known: str, uri: str, said: str) -> None:
    """Whoever mistypes an alias at night needs the list, not a stack of HTTP errors."""
    with pytest.raises(RegistryError, match=said):
        registry.fetch(uri, tracking_uri=known)


def test_an_alias_cannot_point_at_nothing(known: str) -> None:
    """The next restart of every server would fail."""
    with pytest.raises(RegistryError, match="There is no router/2"):
        registry.set_alias("router", "champion", "2", tracking_uri=known)
    assert registry.get_alias("router", "champion", tracking_uri=known) is None


def test_a_damaged_bundle_is_not_registered(store: str, bundle: Path) -> None:
    """It would be refused by every server later; better by the training run now."""
    (bundle / "router.yaml").write_text("lanes: {x: 1}\n")
    with pytest.raises(BundleIntegrityError):
        registry.log_bundle(bundle, tracking_uri=store)
    assert client_of(store).get_experiment_by_name("router") is None


def test_a_failure_on_the_way_leaves_a_failed_run_and_no_version(store: str, bundle: Path, tmp_path: Path) -> None:
    """Nobody may promote half a version, and nobody may wait for a run that died."""
    with pytest.raises(RegistryError, match=r"no plot\.png"):
        registry.log_bundle(bundle, files=[tmp_path / "no plot.png"], tracking_uri=store)
    assert registry.versions(tracking_uri=store) == ()
    client = client_of(store)
    experiment = client.get_experiment_by_name("router")
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]


def test_lost_artifacts_are_named(store: str, bundle: Path) -> None:
    """A database restored without its artifacts must say where they should be."""
    registry.log_bundle(bundle, tracking_uri=store)
    shutil.rmtree(registry.fetch("models:/router/1", tracking_uri=store)[0])
    with pytest.raises(RegistryError, match=r"router/1 in .* should have its bundle in file:.*no manifest\.json"):
        registry.fetch("models:/router/1", tracking_uri=store)


def test_reading_does_not_create_a_store(tmp_path: Path) -> None:
    """A typo in a path must not become an empty registry."""
    path = tmp_path / "mlflow" / "mlflow.db"
    for read in (registry.fetch, registry.versions):
        with pytest.raises(RegistryError, match=r"no model registry at .*Register a bundle first"):
            read("models:/router/1", tracking_uri=f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_store_is_an_error_at_once(tmp_path: Path) -> None:
    """Left to itself, MLflow tries for 100 seconds without a word."""
    (tmp_path / "mlflow.db").write_text("these are notes, not a database" * 50)
    with pytest.raises(RegistryError, match="file is not a database"):
        registry.versions(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(RegistryError, match="it decodes the %"):
        check_sqlite(f"sqlite:///{tmp_path}/a%20b/mlflow.db", create=False)
    with pytest.raises(RegistryError, match="failed"):  # a file where a folder must be
        registry.log_bundle(make_bundle(tmp_path / "b"), tracking_uri=f"sqlite:///{tmp_path}/mlflow.db/x/mlflow.db")


def test_an_unreachable_server_is_an_error_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Error texts travel to logs and tickets; the tracking URI often carries a token."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match=r"registry at http://\*\*\*@127\.0\.0\.1:9 failed") as caught:
        registry.fetch("models:/router@champion", tracking_uri="http://user:hunter2@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert redacted("a postgresql://me:p@ss@db:5432/x b://y") == "a postgresql://***@db:5432/x b://y"


def test_the_environment_names_the_store_else_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Training and serving must find each other without configuration, and a team's server by the usual variable."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert registry.tracking_uri() == f"sqlite:///{tmp_path.resolve()}/mlflow/mlflow.db"
    assert registry.tracking_uri(tmp_path / "x") == f"sqlite:///{tmp_path.resolve()}/x/mlflow/mlflow.db"
    assert artifact_root(registry.tracking_uri()) == (tmp_path.resolve() / "mlflow" / "artifacts").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.internal:5000")
    assert registry.tracking_uri() == "http://mlflow.internal:5000"
    assert artifact_root(registry.tracking_uri()) is None


@pytest.mark.parametrize("found", [None, ModuleType("mlflow")], ids=["missing", "a folder called mlflow"])
def test_without_mlflow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, found: ModuleType | None) -> None:
    """A folder called mlflow, as this repository has one, imports as an empty package."""
    monkeypatch.setitem(sys.modules, "mlflow", found)
    with pytest.raises(MissingExtraError, match=r"mlflow is not installed.*router-ml\[registry\]"):
        registry.versions()


QUIET_RUN = """
import logging, os, socket, sys
asked, resolve = [], socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: asked.append(host) or resolve(host, *rest, **more)
before = dict(os.environ)
from router_ml.storage import registry
slow = {"mlflow", "sqlalchemy", "pandas", "onnxruntime"} & set(sys.modules)
assert not slow, slow
version = registry.log_bundle("challenger")
registry.set_alias("router", "champion", version.version)
registry.fetch("models:/router@champion")
assert dict(os.environ) == before
import mlflow
assert asked == [], asked
assert mlflow.active_run() is None
assert all(not handler.filters[1:] for handler in logging.getLogger("mlflow").handlers)
"""


@pytest.mark.slow
def test_a_first_run_is_silent_and_leaves_nothing_but_the_store(bundle: Path, tmp_path: Path) -> None:
    """No log lines, no progress bars, no report to MLflow's makers, no stray database in the working directory, and
    nothing of it decided for the rest of the process. Importing costs none of the slow libraries."""
    outside = {"CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST"}  # there MLflow reports nothing anyway
    environment = {key: value for key, value in os.environ.items() if key not in outside and "MLFLOW" not in key}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", QUIET_RUN], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"challenger", "mlflow"}
    assert {path.name for path in (tmp_path / "mlflow").iterdir()} == {"mlflow.db", "artifacts"}


@pytest.fixture
def artifact_server(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server that speaks MLflow's artifact protocol over a folder: its address, and how to stop it."""
    root, prefix = tmp_path / "remote", "/api/2.0/mlflow-artifacts/artifacts"

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            path = root / unquote(self.path.removeprefix(prefix)).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(b"{}")

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if asked := parse_qs(parts.query).get("path"):
                inside = sorted((root / asked[0]).iterdir()) if (root / asked[0]).is_dir() else []
                files = [{"path": x.name, "is_dir": x.is_dir(), "file_size": x.stat().st_size} for x in inside]
                self.answer(json.dumps({"files": files}).encode())
            else:
                self.answer((root / unquote(parts.path.removeprefix(prefix)).lstrip("/")).read_bytes())

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    yield f"http://127.0.0.1:{server.server_port}{prefix}/x", stop
    stop()


def test_remote_artifacts_are_downloaded_once(
    store: str,
    bundle: Path,
    artifact_server: tuple[str, Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A restart must not depend on the artifact store once a version has been fetched, nor see half a download."""
    address, stop = artifact_server
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client_of(store).create_experiment("router", artifact_location=address)
    for _ in range(2):
        registry.log_bundle(bundle, tracking_uri=store)
    folder, label = registry.fetch("models:/router/1", tracking_uri=store)
    assert label == "router/1"
    assert contents(folder) == contents(bundle)
    stop()
    assert registry.fetch("models:/router/1", tracking_uri=store) == (folder, label)
    with pytest.raises(RegistryError, match="failed"):
        registry.fetch("models:/router/2", tracking_uri=store)
    assert list(folder.parent.iterdir()) == [folder]


def test_mlflow_serves_a_version_without_losing_metadata(
    mlflow: Any, empty_store: Path, models: Path, tmp_path: Path
) -> None:
    """``mlflow models serve`` must route as the library does: constraints and ids inside the JSON count."""
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path)}"
    registry.log_bundle(models, tracking_uri=store)
    served = mlflow.pyfunc.load_model(str(registry.fetch("models:/router/1", tracking_uri=store)[0].parents[1]))
    ask = {"text": "What is the capital of Peru?", "request_id": "r-1", "constraints": {"allow_lanes": ["premium"]}}
    answers = served.predict([json.dumps(ask), json.dumps({"text": "Write a haiku about rain."})])
    first, second = (json.loads(answer) for answer in answers)
    assert (first["request_id"], first["eligible"]) == ("r-1", ["premium"])
    assert len(second["eligible"]) > 1
    with pytest.raises(Exception, match="The request is not valid") as caught:
        served.predict(["the secret word is swordfish"])
    assert not re.search("swordfish", str(caught.value))
