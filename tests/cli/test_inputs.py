"""What a caller types, pipes or stores becomes a request, or an error that does not repeat it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from router_ml.cli import build_request
from router_ml.errors import InvalidRequestError


def test_a_request_file_is_read_and_options_lie_over_it(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    record = {"text": "hi", "metadata": {"org": "acme", "region": "us"}, "constraints": {"max_cost_usd": 1}}
    file.write_text("\ufeff" + json.dumps(record), encoding="utf-8")
    request = build_request(file=file, metadata={"region": "eu"}, constraints={"deny_lanes": ["own"]})
    assert request.metadata == {"org": "acme", "region": "eu"}
    assert request.constraints.max_cost_usd == 1
    assert request.constraints.deny_lanes == ("own",)


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_standard_input_is_read_whole_whatever_bytes_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, b"caf\xe9 \xf0\x9f\x98\x80 " + b"x" * 300_000)
    request = build_request("-")
    assert request.text is not None
    assert request.text.startswith("caf\ufffd \U0001f600")
    assert len(request.text) > 300_000
    assert build_request("caf\udce9").text == "caf\ufffd"  # how a shell hands over a byte that is no UTF-8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "list"),
        (b'{"text": "a", "metadata": 7}', "metadata"),
        (b'{"text": "secret words", "colour": 7}', "colour"),
        (b"{}", "text or messages"),
    ],
)
def test_a_wrong_request_file_is_named_without_its_content(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(content)
    with pytest.raises(InvalidRequestError, match=message) as caught:
        build_request(file=file, metadata={"org": "a"})
    assert "secret words" not in str(caught.value)
