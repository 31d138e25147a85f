"""Traces arrive in the real servers of others: Arize Phoenix, MLflow and a Prometheus scrape."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader

from router_ml import Router, telemetry
from router_ml.config.schema import TraceSink
from router_ml.contract import RouteDecision
from tests.environments import MLFLOW, environment

PHOENIX = ("arize-phoenix==20.26.1",)
PATIENCE_S = 120.0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _running(command: list[str], url: str, *, folder: Path, more: dict[str, str]) -> Iterator[None]:
    """A server of others, until the end of the test; its output is kept beside its data."""
    with (folder / "output.txt").open("w") as output:
        env = {**os.environ, **more}
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_for(url, server)
            yield
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert server.poll() is None, f"the server ended with {server.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"{url} did not answer within {PATIENCE_S:.0f} s")


def _get(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def _traced(router: Router, sink: TraceSink) -> RouteDecision:
    config = router.config.model_copy(update={"trace_sinks": {"local-traces": sink}})
    with telemetry.start(config) as on:
        began = telemetry.clock()
        with telemetry.carried_out():
            decision = router.predict_route("What is the capital of France?")
        with telemetry.root(decision, began=began), telemetry.span("chat", client=True) as call:
            call.set(
                {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small", "openinference.span.kind": "LLM"}
            )
        assert on.flush()
    return decision


@pytest.mark.slow
def test_a_real_phoenix_shows_the_trace(router: Router, tmp_path: Path) -> None:
    python, port = environment("phoenix", PHOENIX), _free_port()
    url = f"http://127.0.0.1:{port}"
    more = {
        "PHOENIX_WORKING_DIR": str(tmp_path),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(_free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    command = [str(python), "-m", "phoenix.server.main", "serve"]
    with _running(command, f"{url}/healthz", folder=tmp_path, more=more):
        decision = _traced(router, TraceSink(boundary="private", endpoint=f"{url}/v1/traces"))
        spans: list[Any] = []
        end = time.monotonic() + 30
        while len(spans) < 3 and time.monotonic() < end:
            time.sleep(0.5)
            spans = _get(f"{url}/v1/projects/default/spans?limit=10")["data"]
    named = {span["name"]: span for span in spans}
    assert {span["context"]["trace_id"] for span in spans} == {decision.trace_id}
    assert named["chat"]["span_kind"] == "LLM"
    assert named["router_ml.decide"]["attributes"]["router_ml.lane"] == decision.lane
    assert named["chat"]["parent_id"] == named["router_ml.complete"]["context"]["span_id"]


@pytest.mark.slow
def test_a_real_mlflow_shows_the_trace(router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python, port = environment("mlflow", MLFLOW), _free_port()
    url = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{tmp_path}/mlflow.db"
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", store, "--default-artifact-root", str(tmp_path / "artifacts"), "--workers", "1"]
    with _running(command, f"{url}/health", folder=tmp_path, more={"MLFLOW_DISABLE_TELEMETRY": "true"}):
        made = _get(f"{url}/api/2.0/mlflow/experiments/create", {"name": "routing"})
        monkeypatch.setenv("MLFLOW_TRACES", f"x-mlflow-experiment-id={made['experiment_id']}")
        sink = TraceSink(boundary="private", endpoint=f"{url}/v1/traces", headers_env="MLFLOW_TRACES")
        decision = _traced(router, sink)
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": made["experiment_id"]}}
        traces = _get(f"{url}/api/3.0/mlflow/traces/search", {"locations": [where]})["traces"]
    assert [trace["trace_id"] for trace in traces] == [f"tr-{decision.trace_id}"]


def test_prometheus_scrapes_the_metrics(router: Router) -> None:
    """The metrics of a process, as a scrape sees them; no series is named after a request."""
    from prometheus_client import generate_latest

    reader = PrometheusMetricReader()
    with telemetry.start(readers=[reader]):
        decision = router.predict_route("What is two and two?", request_id="order-kestrel")
        scraped = generate_latest().decode()
    line = next(line for line in scraped.splitlines() if line.startswith("router_ml_decisions_total{"))
    assert f'router_ml_lane="{decision.lane}"' in line
    assert "router_ml_decision_duration_seconds_bucket" in scraped
    assert "kestrel" not in scraped
