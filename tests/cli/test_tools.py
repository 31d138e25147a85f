"""``router-ml tools``: import prints what router.yaml takes, check fails where a version does not say what changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.cli.tools import check_tools, import_tools, read_tools
from router_ml.config import parse_config

Run = Callable[..., tuple[int, str, str]]

OPENAPI = """\
openapi: 3.1.0
info: {title: Shop, version: "1.0"}
servers: [{url: "https://shop.example"}]
paths:
  /orders/{order}:
    get:
      operationId: order_read
      summary: "Read [an] order"
      parameters: [{name: order, in: path, required: true, schema: {type: string}}]
      responses: {}
    delete:
      operationId: order_delete
      parameters: [{name: order, in: path, required: true, schema: {type: string}}]
      responses: {}
"""
MCP = {"result": {"tools": [{"name": "wipe", "inputSchema": {"type": "object"}, "description": "Wipe"}]}}
CONTRACT = """\
contract: shop
version: "1.0.0"
tools:
  order_read: {effect: read, parameters: {properties: {order: {type: string}}}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file."""

    def written(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return written


def test_an_import_is_what_router_yaml_takes(run: Run, small: str, write: Callable[[str, str], Path]) -> None:
    path = write("shop.yaml", OPENAPI)
    code, shown, errors = run("tools", "import", "openapi", path)
    assert (code, errors) == (0, "")
    assert "https://shop.example" in shown
    assert "Read every effect" in shown
    section = shown[shown.index("tools:\n") + len("tools:\n") :]
    config = parse_config(small.replace("tools:\n", f"tools:\n{section}"))
    assert (config.tools["order_delete"].effect, config.tools["order_delete"].approval) == ("write", True)
    assert config.tools["order_read"] == import_tools(path, "openapi")["order_read"]


def test_an_import_says_what_it_leaves_out(run: Run, write: Callable[[str, str], Path]) -> None:
    body = "requestBody: {content: {multipart/form-data: {}}}"
    path = write("shop.yaml", OPENAPI + f"    put: {{operationId: upload, {body}}}\n")
    assert (
        "# Left out, since no tool can send its body: upload (multipart/form-data)."
        in run("tools", "import", "openapi", path)[1]
    )


def test_tools_of_an_mcp_server_get_the_version_that_is_given(run: Run, write: Callable[[str, str], Path]) -> None:
    path = write("list.json", json.dumps(MCP))
    record = json.loads(run("tools", "import", "mcp", path, "--version", "2.0", "--json")[1])
    assert record["tools"]["wipe"]["version"] == "2.0"
    assert record["tools"]["wipe"]["approval"] is True


@pytest.mark.parametrize(
    ("format_", "text", "said"),
    [
        ("openapi", "swagger: '2.0'", "expected an OpenAPI document"),
        ("openapi", "- 1", "is not a mapping"),
        ("mcp", "tools: 3", "Found no list of tools"),
        ("mcp", "tools: [{name: a}]", "name or inputSchema"),
    ],
)
def test_what_is_something_else_is_one_line_on_standard_error(
    run: Run, write: Callable[[str, str], Path], format_: str, text: str, said: str
) -> None:
    code, shown, errors = run("tools", "import", format_, write("file.yaml", text))
    assert (code, shown, errors.count("\n")) == (2, "", 1)
    assert said in errors


def test_a_breaking_change_without_a_major_version_fails_the_check(run: Run, write: Callable[[str, str], Path]) -> None:
    old = write("old.yaml", CONTRACT)
    broken = CONTRACT.replace("type: string", "type: string, maxLength: 4").replace("1.0.0", "1.1.0")
    code, shown, _ = run("tools", "check", old, write("new.yaml", broken))
    assert code == 1
    assert "maxLength none -> 4" in shown
    assert "1.0.0 -> 1.1.0 is not a new major version: 2.0.0" in shown
    fine = write("fine.yaml", broken.replace("1.1.0", "2.0.0"))
    assert run("tools", "check", old, fine)[0] == 0
    assert "The contracts are the same." in run("tools", "check", old, old)[1]
    record = json.loads(run("tools", "check", old, fine, "--json")[1])
    assert (record["ok"], record["breaking"]) == (True, True)
    assert check_tools(old, fine).to_dict() == {
        **record,
        "changes": tuple(record["changes"]),
        "verdicts": tuple(record["verdicts"]),
    }


def test_an_operation_that_moved_is_no_longer_the_same(run: Run, write: Callable[[str, str], Path]) -> None:
    http = ", http: {method: GET, path: /orders}}"
    before = CONTRACT.replace("}}}}", "}}}" + http)
    for old, new in ((before, before.replace("/orders", "/all")), (OPENAPI, OPENAPI.replace("/orders", "/all"))):
        code, shown, _ = run("tools", "check", write("old.yaml", old), write("new.yaml", new))
        assert code == 1
        assert "http.path" in shown


def test_every_form_of_tools_can_be_compared(small: str, write: Callable[[str, str], Path]) -> None:
    files = {
        "openapi.yaml": (OPENAPI, ["order_read", "order_delete"]),
        "contract.yaml": (CONTRACT, ["order_read"]),
        "router.yaml": (small, ["refund"]),
        "list.json": (json.dumps(MCP), ["wipe"]),
    }
    for name, (text, tools) in files.items():
        assert list(read_tools(write(name, text))) == tools


def test_freezing_keeps_versions_and_refuses_a_silent_change(run: Run, write: Callable[[str, str], Path]) -> None:
    kept, path = write("kept", "").parent / "released.json", write("shop.yaml", CONTRACT)
    assert run("tools", "freeze", kept, path) == (0, "shop 1.0.0: kept\n", "")
    assert run("tools", "freeze", kept, path)[1] == "shop 1.0.0: as it was\n"
    write("shop.yaml", CONTRACT.replace("effect: read", "effect: write"))
    code, _, errors = run("tools", "freeze", kept, path)
    assert code == 2
    assert "changes of shop 1.0.0 that the version does not say" in errors
    kept.write_text("{", encoding="utf-8")
    assert "not a file of released contracts" in run("tools", "freeze", kept, path)[2]


def test_check_finds_parameters_that_are_no_schema(run: Run, small: str, write: Callable[[str, str], Path]) -> None:
    pytest.importorskip("jsonschema")
    wrong = small.replace("effect: write,", "effect: write, parameters: {properties: {order: {type: text}}},")
    code, shown, _ = run("check", write("router.yaml", wrong))
    assert code == 1
    assert "tools.refund.parameters" in shown
