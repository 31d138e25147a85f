"""The stack of ``mlflow/stack.sh``: PostgreSQL, an MLflow server and two replicas that follow the registry; and
MLflow's own server on the same registered bundle."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.serve.stack import MODEL, Stack, stack, wait_for
from benchmarks.servers import LACKING, installed
from router_ml.contract import RouteDecision, RouteRequest
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from router_ml.storage.loading import shipped_bundle
from router_ml.storage.registry import log_bundle, set_alias
from tests.environments import MLFLOW, environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
TEXT = "What is the capital of France?"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not installed():
        pytest.skip(LACKING)
    python = environment("mlflow", MLFLOW)
    with stack(tmp_path_factory.mktemp("stack"), str(python)) as found:
        yield found


def champions(found: Stack) -> list[str]:
    return [one.get("/v1/status")[1]["serving"]["versions"]["champion"] for one in found.replicas]


def test_both_replicas_decide_into_one_log_and_follow_a_promotion(running: Stack) -> None:
    assert champions(running) == ["1", "1"]
    decided = [one.get("/v1/route", {"text": TEXT}) for one in running.replicas]
    version = log_bundle(shipped_bundle(), name=MODEL, tracking_uri=running.addresses.mlflow)
    set_alias(MODEL, "champion", version.version, tracking_uri=running.addresses.mlflow)
    until = time.monotonic() + 60
    while champions(running) != ["2", "2"]:
        assert time.monotonic() < until, "a replica does not follow"
        time.sleep(0.1)
    decided += [one.get("/v1/route", {"text": TEXT}) for one in running.replicas]
    assert [status for status, _ in decided] == [200] * 4
    assert [one["versions"]["registry"] for _, one in decided] == ["router/1", "router/1", "router/2", "router/2"]
    with EventLog(running.addresses.log) as log:
        while not all(log.decision(one["decision_id"]) for _, one in decided):
            assert time.monotonic() < until, "a decision does not arrive"
            time.sleep(0.1)


def test_mlflow_serves_the_registered_bundle(running: Stack, tmp_path: Path) -> None:
    """As ``mlflow/README.md`` says; for whoever has a platform for MLflow endpoints."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    python = environment("mlflow", MLFLOW)
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", f"models:/{MODEL}@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    uri = running.addresses.mlflow
    environ = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environ["PATH"] = f"{python.parent}:{environ['PATH']}"
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server)
            asked = RouteRequest(text=TEXT, metadata={"org": "acme"}).model_dump_json()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                json.dumps({"inputs": [asked, asked]}).encode(),
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                predictions = json.loads(answer.read())["predictions"]
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # its worker is a process of its own
            server.wait(30)
    decisions = [RouteDecision.model_validate_json(one) for one in predictions]
    assert len(decisions) == 2
    assert all(one.action == "route" and one.lane in one.eligible for one in decisions)


def test_the_compose_file_names_the_same_parts() -> None:
    """It is not run here; what it says can be read: variables, parts that wait for one another, volumes, files."""
    said = yaml.safe_load((ROOT / "mlflow" / "compose.yaml").read_text(encoding="utf-8"))
    services = said["services"]
    assert set(services) == {"postgres", "mlflow", "seed", "replica-1", "replica-2"}
    for one in services.values():
        assert all("healthcheck" in services[name] or name == "seed" for name in one.get("depends_on", ()))
        assert {mount.partition(":")[0] for mount in one.get("volumes", ())} <= set(said["volumes"])
        assert set(one.get("secrets", ())) <= set(said["secrets"])
    assert "--host" in services["postgres"]["healthcheck"]["test"], "a socket is there before the databases are"
    assert all("healthcheck" in services[name] for name in ("postgres", "mlflow", "replica-1", "replica-2"))
    for name in ("replica-1", "replica-2"):
        found = Settings.from_environment(services[name]["environment"])
        assert (found.model, found.host) == ("models:/router", "0.0.0.0")
        grace = int(services[name]["stop_grace_period"].removesuffix("s"))
        assert grace >= found.drain_seconds + found.grace_seconds + 20, "what waits is delivered"
        assert services[name]["ports"][0].endswith(f":{found.port}")
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "mlflow" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    assert "POSTGRES_PASSWORD" not in services["postgres"]["environment"], "it is in a file that nobody commits"
    assert not re.search(r"://[^/@\"]*:[^/@\"]*@", json.dumps(said))
