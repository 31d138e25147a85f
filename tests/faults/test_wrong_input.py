"""Whoever writes a script or a client is told what is wrong with it, and never left with a closed connection."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from router_ml.errors import InvalidRequestError
from router_ml.faults import Fault, FaultServer
from router_ml.faults.__main__ import apply

ASK = [{"role": "user", "content": "Refund order 8812, please."}]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.mark.parametrize(
    "script",
    [
        {"m": {"share": 2}},
        {"m": ["nonsense"]},
        {"m": [{"kind": "good", "form": "x"}]},
        {"m": "hang"},
        {"m": {"share": 1, "faults": "hang"}},
        {"m": {"share": 1, "faults": ["hang"], "seed": "x"}},
        {"m": {"share": "1", "faults": ["hang"]}},
        {"m": {"share": 1, "faults": ["hang"], "sead": 1}},
        {"m": [5]},
        ["hang"],
    ],
)
def test_a_wrong_script_says_what_is_right(script: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"(?s)[Ff]ound .*([Ee]xpected|Known)"):
        apply(FaultServer(), script)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("delay_ms", "5"),
        ("delay_ms", -1),
        ("delay_ms", float("nan")),
        ("retry_after", "2"),
        ("retry_after", float("inf")),
        ("retry_after", None),
        ("status", "500"),
        ("status", 99),
        ("status", True),
        ("form", 5),
        ("text", 5),
        ("thinking", ["a"]),
        ("tokens_in", 1.5),
        ("tokens_out", -1),
    ],
)
def test_a_wrong_value_is_told_by_its_name_when_the_script_is_read(name: str, value: Any) -> None:
    """Not with the first call that meets it, as a connection that closes."""
    with pytest.raises(InvalidRequestError, match=name):
        Fault.read({"kind": "rate_limit", name: value})


@pytest.mark.parametrize("text", ['{"m": ["nonsense"]}', "{", "[]"])
def test_the_command_tells_of_a_wrong_script_without_a_traceback(text: str, tmp_path: Path, root: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(text)
    command = [sys.executable, "-m", "router_ml.faults", "--script", str(script)]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert f"--script {script}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[1]", b'{"model": "m"}', b"[" * 100_000])
def test_what_is_no_request_is_told_so(server: FaultServer, body: bytes) -> None:
    assert httpx.post(f"{server.openai_url}/chat/completions", content=body, timeout=5).status_code == 400
    assert httpx.get(f"{server.url}/nothing", timeout=5).status_code == 404
    assert server.calls == []


@pytest.mark.parametrize("path", ["v1/chat/completions", "v1/messages"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "hi"},
        {"messages": ["hi"]},
        {"messages": []},
        {"messages": [{"content": "hi"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"tools": [5]},
        {"tools": {"name": "refund"}},
        {"tool_choice": 5},
    ],
)
def test_a_request_of_another_shape_is_refused_with_the_reason(
    server: FaultServer, path: str, wrong: dict[str, Any]
) -> None:
    answer = httpx.post(f"{server.url}/{path}", json={"model": "m", "messages": ASK, **wrong}, timeout=5)
    assert answer.status_code == 400
    assert next(iter(wrong)).removesuffix("s") in answer.json()["error"]["message"]
    assert server.calls == []


@pytest.mark.parametrize("schema", [{"type": "object", "properties": [1]}, {"enum": 5}, {"anyOf": 5}, {"pattern": "("}])
def test_what_is_no_schema_is_refused(schema: dict[str, Any]) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    body = {"model": "m", "messages": ASK, "response_format": shape}
    with FaultServer() as server:
        answer = httpx.post(f"{server.openai_url}/chat/completions", json=body, timeout=5)
    assert answer.status_code == 400, json.dumps(answer.json())
    assert "JSON Schema" in answer.json()["error"]["message"]
