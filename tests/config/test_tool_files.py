"""Contracts of tools in files of their own are read with router.yaml, and every mistake in them has its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.config import RouterConfig, config_sha256, load_config
from router_ml.config.tool_files import contract_files, read_contracts
from router_ml.errors import ConfigError

CONTRACT = """\
contract: bank
version: "1.2.0"
tools:
  refund:
    effect: write
    approval: true
    description: Pay back
    parameters:
      properties: {order: {type: string}}
      required: [order]
    http: {method: POST, path: "/refunds/{order}", query: [dry_run]}
  balance: {effect: read}
"""

Load = Callable[..., RouterConfig]


@pytest.fixture
def load(small: str, tmp_path: Path) -> Load:
    """Read the small router.yaml with other tools, beside a contract file."""

    def read(tools: str, *, contract: str = CONTRACT) -> RouterConfig:
        (tmp_path / "tools").mkdir(exist_ok=True)
        (tmp_path / "tools" / "bank.yaml").write_text(contract, encoding="utf-8")
        known = '  refund: {version: "1", effect: write, boundary: private}\n'
        assert known in small
        (tmp_path / "router.yaml").write_text(small.replace(known, tools), encoding="utf-8")
        return load_config(tmp_path / "router.yaml")

    return read


@pytest.mark.parametrize("contract", ["tools/bank.yaml#refund", "tools/bank.yaml"])
def test_a_tool_is_what_its_contract_says_and_router_yaml_adds(load: Load, contract: str) -> None:
    tool = load(f"  refund: {{contract: '{contract}', boundary: private, max_calls: 2}}\n").tools["refund"]
    assert (tool.version, tool.effect, tool.approval, tool.description) == ("1.2.0", "write", True, "Pay back")
    assert (tool.boundary, tool.max_calls, tool.contract) == ("private", 2, contract)
    assert tool.parameters == {"properties": {"order": {"type": "string"}}, "required": ["order"]}


def test_a_tool_may_have_another_name_than_in_its_contract(load: Load) -> None:
    config = load("  refund: {contract: tools/bank.yaml}\n  money: {contract: 'tools/bank.yaml#balance'}\n")
    assert (config.tools["refund"].effect, config.tools["money"].effect) == ("write", "read")


def test_the_digest_of_a_configuration_is_that_of_its_contracts_too(load: Load) -> None:
    """Otherwise a contract could change under decisions that were made with another one."""
    tools = "  refund: {contract: tools/bank.yaml}\n"
    before = config_sha256(load(tools))
    assert config_sha256(load(tools)) == before
    assert config_sha256(load(tools, contract=CONTRACT.replace("type: string", "type: integer"))) != before


@pytest.mark.parametrize(
    ("tools", "key", "message"),
    [
        ("{contract: tools/bank.yaml, effect: write}", "tools.refund.effect", "'effect' is said here and in"),
        ("{contract: tools/bank.yaml, approval: false}", "tools.refund.approval", "'approval' is said here and in"),
        ("{contract: 'tools/bank.yaml#pay'}", "tools.refund.contract", "'pay' is none of its tools"),
        ("{contract: tools/none.yaml}", "(file)", "cannot be read"),
        ("{contract: ../bank.yaml}", "tools.refund.contract", "lies beside router.yaml"),
        ("{contract: /etc/passwd}", "tools.refund.contract", "lies beside router.yaml"),
        ("{contract: ''}", "tools.refund.contract", "lies beside router.yaml"),
    ],
)
def test_a_contract_that_cannot_be_used_is_an_error_at_its_line(load: Load, tools: str, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        load(f"  refund: {tools}\n")
    found = wrong.value.problems[0]
    assert (found.key, message in found.message) == (key, True)


def test_a_link_out_of_the_folder_is_not_followed(load: Load, tmp_path: Path) -> None:
    load("  refund: {contract: tools/bank.yaml}\n")
    (tmp_path / "tools" / "link.yaml").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError, match="lies beside"):
        load("  refund: {contract: tools/link.yaml}\n")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("effect: write", "effekt: write", 5, "unknown key"),
        ("    effect: write\n", "", 4, "required key is missing"),
        ("effect: write", "effect: delete", 5, "Input should be 'read' or 'write'"),
        ("effect: write", "effect: write\n    version: '3'", 6, "said once"),
        ('path: "/refunds', 'path: "refunds', 11, "String should match pattern"),
        ("method: POST", "method: SEND", 11, "Input should be"),
        ('version: "1.2.0"', "version: 1.2", 2, "valid string"),
        ("parameters:", "parameters: [", 10, "not valid YAML"),
    ],
)
def test_mistakes_in_a_contract_are_named_with_its_own_lines(
    load: Load, old: str, new: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigError) as wrong:
        load("  refund: {contract: tools/bank.yaml}\n", contract=CONTRACT.replace(old, new, 1))
    found = [each for each in wrong.value.problems if each.file.endswith("bank.yaml") and message in each.message]
    assert [each.line for each in found] == [line]


def test_contracts_are_read_with_the_way_they_are_called(tmp_path: Path) -> None:
    path = tmp_path / "bank.yaml"
    path.write_text(CONTRACT, encoding="utf-8")
    found = read_contracts(path)
    assert found["refund"].http is not None
    assert (found["refund"].http.method, found["refund"].http.query) == ("POST", {"dry_run": "dry_run"})
    assert found["balance"].version == "1.2.0"
    assert found["balance"].as_tool().model_dump(exclude_defaults=True) == {"version": "1.2.0", "effect": "read"}


def test_the_files_that_a_copy_of_router_yaml_needs_are_named() -> None:
    """None of them outside of its folder, wherever the copy goes."""
    tools = "tools: {a: {contract: t/a.yaml#x}, b: {contract: t/a.yaml}, c: {}, d: {contract: ../d.yaml}, e: 3}"
    assert contract_files(tools) == ["t/a.yaml"]
    assert contract_files("lanes: {}") == []
