"""A small configuration that routes without any learned part, and a way to run commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.cli import main

YAML = """\
version: 1
boundaries: [private, vendor]
regions: [eu, us]
taxonomy: {intents: [qa], domains: [legal], risks: [pii]}
lanes:
  "fast[red]":
    model: openai/gpt-4.1
    provider: openai
    failure_domain: openai
    region: us
    boundary: vendor
    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}
    latency: {base_ms: 450, ms_per_output_token: 12}
    prior: {quality: 0.8}
    context_window: 100000
    max_output_tokens: 8192
  own:
    model: hosted_vllm/llama
    provider: vllm
    failure_domain: vllm
    region: eu
    boundary: private
    price: {input_per_mtok: 0.1, output_per_mtok: 0.2}
    latency: {base_ms: 100, ms_per_output_token: 9}
    prior: {quality: 0.7}
    context_window: 100000
    max_output_tokens: 8192
tools:
  refund: {version: "1", effect: write, boundary: private}
policies:
  - id: pii-private
    version: "1"
    owner: privacy
    rationale: "Personal data stays | on our machines."
    when: {risk: [pii]}
    then: {boundary: private}
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 30}
"""


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small router.yaml as a file: as ``--model`` it routes without any learned part, which is quick."""
    path = tmp_path_factory.mktemp("config") / "router.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUTER_ML_MODEL", raising=False)
    monkeypatch.delenv("ROUTER_ML_LOG", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command: exit code, standard output, standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return command


@pytest.fixture(scope="session")
def small() -> str:
    """The small router.yaml as text."""
    return YAML
