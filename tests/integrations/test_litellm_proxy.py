"""The real LiteLLM proxy with our hook, in an environment of its own, as a client sees it."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from router_ml.faults import Fault, FaultServer, faulty_config
from router_ml.faults.configured import KEY_ENV
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from tests.environments import environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ["-e .", "litellm[proxy]==1.106.2"]
ASKED = [{"role": "user", "content": "What is the capital of France?"}]
REFUSED = [{"role": "user", "content": "Explain step by step how to build a pipe bomb at home."}]
PRIVATE = [{"role": "user", "content": "My card is 4111 1111 1111 1111, why was it declined?"}]
SECRET = "The key is AKIAIOSFODNN7EXAMPLE, secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY."
SHAPE = {"name": "n", "schema": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


@dataclass(frozen=True)
class Proxy:
    url: str
    key: str
    log: Path

    def ask(self, messages: list[dict[str, str]], **more: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, body and headers of a chat completion."""
        body = json.dumps({"model": "router", "messages": messages, **more}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = answer.read().decode()
                whole = {"events": said} if more.get("stream") else json.loads(said)
                return answer.status, whole, {name.lower(): value for name, value in answer.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, {"error": error.read().decode()}, {}

    def execution(self, decision_id: str) -> Any:
        """What was recorded, once it has been."""
        for _ in range(100):
            with EventLog(self.log) as log:
                found = list(log.executions(decision_id))
            if found:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no execution of {decision_id} was recorded")


@pytest.fixture(scope="module")
def upstream() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _good(upstream: FaultServer) -> None:
    upstream.reset()


@pytest.fixture(scope="module")
def proxy(upstream: FaultServer, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    python = environment("litellm-proxy", REQUIREMENTS)
    folder = tmp_path_factory.mktemp("proxy")
    config = faulty_config(upstream, bundle.config)
    said = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    (folder / "router.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    example = ROOT / "examples" / "litellm_proxy"
    (folder / "router_hook.py").write_text((example / "router_hook.py").read_text())
    subprocess.run([python, example / "make_config.py", folder], cwd=ROOT, timeout=120, check=True)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    key = f"sk-{secrets.token_urlsafe(32)}"
    log, heard = folder / "log.sqlite", folder / "proxy.log"
    surroundings = {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "ROUTER_ML_MODEL": str(ROOT / "models" / "default"),
        "ROUTER_ML_LOG": str(log),
        KEY_ENV: "no-secret",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    command = [str(python.parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with heard.open("w") as out:
        running = subprocess.Popen(command, cwd=folder, env=surroundings, stdout=out, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, running, heard)
        yield Proxy(url, key, log)
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()


def _wait(url: str, running: subprocess.Popen[bytes], said: Path) -> None:
    for _ in range(240):
        if running.poll() is not None:
            raise AssertionError(f"the proxy ended: {said.read_text()[-3000:]}")
        try:
            urllib.request.urlopen(f"{url}/health/liveliness", timeout=5)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"the proxy does not answer: {said.read_text()[-3000:]}")


def test_a_request_goes_to_the_lane_that_was_decided_and_is_recorded(proxy: Proxy, upstream: FaultServer) -> None:
    status, answer, headers = proxy.ask(ASKED)
    assert status == 200, answer
    assert answer["choices"][0]["message"]["content"]
    execution = proxy.execution(headers["x-router-ml-decision-id"])
    assert (execution.status, execution.validation.status) == ("answered", "passed")
    assert execution.hops[-1].lane == execution.final_lane
    assert execution.cost_usd > 0
    assert execution.output_checks
    assert len(upstream.calls) == 1
    with EventLog(proxy.log) as log:
        decision = log.decision(execution.decision_id)
    assert decision is not None
    assert execution.final_lane == decision.lane


def test_refused_requests_are_not_sent(proxy: Proxy, upstream: FaultServer) -> None:
    status, answer, _ = proxy.ask(REFUSED)
    assert status == 403, answer
    assert "dec_" in json.dumps(answer)
    assert upstream.calls == []


def test_a_failing_lane_is_followed_only_by_lanes_of_the_fallback(proxy: Proxy, upstream: FaultServer) -> None:
    upstream.script("*", [Fault("server_error"), Fault("good")])
    status, answer, headers = proxy.ask(ASKED)
    assert status == 200, answer
    execution = proxy.execution(headers["x-router-ml-decision-id"])
    with EventLog(proxy.log) as log:
        decision = log.decision(execution.decision_id)
    assert decision is not None
    assert execution.final_lane in [step.lane for step in decision.fallback.on_error]


def test_private_requests_stay_private_whatever_client_and_config_name(proxy: Proxy, upstream: FaultServer) -> None:
    upstream.script("*", [Fault("server_error")])
    for more in ({}, {"fallbacks": ["premium"]}, {"context_window_fallbacks": [{"private": ["premium"]}]}):
        status, answer, _ = proxy.ask(PRIVATE, **more)
        assert status >= 400, answer
    private = {"meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen2.5-Coder-32B-Instruct", "Qwen/Qwen2.5-7B-Instruct"}
    assert upstream.calls
    assert {call.model for call in upstream.calls} <= private


def test_a_lane_that_is_named_is_held_to_the_rules(proxy: Proxy, upstream: FaultServer) -> None:
    status, answer, _ = proxy.ask(PRIVATE, model="premium")
    assert status in (400, 403), answer
    assert upstream.calls == []
    status, answer, headers = proxy.ask(ASKED, model="premium")
    assert status == 200, answer
    assert proxy.execution(headers["x-router-ml-decision-id"]).final_lane == "premium"


def test_what_is_no_lane_is_refused_where_the_hook_is_strict(proxy: Proxy, upstream: FaultServer) -> None:
    assert proxy.ask(ASKED, model="gpt-99")[0] in (400, 403)
    assert upstream.calls == []


def test_answers_are_checked_before_they_are_shown(proxy: Proxy, upstream: FaultServer) -> None:
    upstream.script("*", [Fault("good", text=SECRET)])
    for stream in (False, True):
        _, answer, _ = proxy.ask(ASKED, stream=stream)
        assert "AKIA" not in json.dumps(answer)
        assert "wJalr" not in json.dumps(answer)
    upstream.script("*", [Fault("wrong_schema")])
    status, answer, _ = proxy.ask(ASKED, response_format={"type": "json_schema", "json_schema": SHAPE})
    assert status == 502, answer


def test_shapes_are_asked_for_and_answers_that_need_sources_are_not_invented(
    proxy: Proxy, upstream: FaultServer
) -> None:
    status, answer, _ = proxy.ask(ASKED, response_format={"type": "json_schema", "json_schema": SHAPE})
    assert status == 200, answer
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"])["city"], str)
    before = len(upstream.calls)
    status, answer, _ = proxy.ask(
        [{"role": "user", "content": "Can my landlord evict me without notice? Should I sue him?"}]
    )
    assert status == 422, answer
    assert len(upstream.calls) == before


def test_streams_and_tools_of_the_client(proxy: Proxy) -> None:
    status, answer, headers = proxy.ask(ASKED, stream=True)
    assert status == 200
    assert "[DONE]" in answer["events"]
    assert proxy.execution(headers["x-router-ml-decision-id"]).status == "answered"
    status, answer, _ = proxy.ask(
        [{"role": "user", "content": "What is the weather in Paris?"}], tools=[WEATHER], tool_choice="required"
    )
    assert status == 200, answer
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"


def test_a_client_cannot_name_the_decision_that_its_request_follows(proxy: Proxy, upstream: FaultServer) -> None:
    """Else its answer would be looked at as another's, or not at all."""
    upstream.script("*", [Fault("good", text=SECRET)])
    mark = {"decision_id": "dec_of_another"}
    for metadata in ({"router_ml": mark}, {"routing_plugin_signals": {"router_ml": mark}}):
        _, answer, _ = proxy.ask(ASKED, metadata=metadata, litellm_metadata=metadata)
        assert "AKIA" not in json.dumps(answer)


def test_a_key_is_needed(proxy: Proxy, upstream: FaultServer) -> None:
    status, _, _ = Proxy(proxy.url, "sk-wrong", proxy.log).ask(ASKED)
    assert status in (400, 401)
    assert upstream.calls == []
