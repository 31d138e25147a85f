"""``router-ml tools``: contracts of tools out of other documents, and what changed between two versions of them."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from router_ml.cli.output import AsJson, render, write, write_json
from router_ml.config import load_config
from router_ml.config.execution import Tool
from router_ml.config.source import Source, read
from router_ml.config.tool_files import read_contracts
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.changes import ToolChanges, tool_changes
from router_ml.execution.tools.mcp import tools_from_mcp
from router_ml.execution.tools.openapi import contracts_from_openapi, left_out, servers_of, tools_from_openapi
from router_ml.execution.tools.releases import freeze

app = typer.Typer(
    name="tools", no_args_is_help=True, help="Contracts of tools: import, compare, keep what was released."
)

_KINDS = "a contract file, a router.yaml, an OpenAPI document or the answer of tools/list"


class Format(StrEnum):
    """Where contracts come from."""

    openapi = "openapi"
    mcp = "mcp"


def import_tools(path: Path, format_: str, *, version: str | None = None) -> dict[str, Tool]:
    """Tools out of an OpenAPI document, or the JSON of a ``tools/list`` answer of an MCP server.

    Args:
        version: of all of them, in place of the document's.

    Raises:
        ConfigError: the file cannot be read. InvalidRequestError: it is something else.
    """
    said = _document(path)
    tools = tools_from_openapi(said) if format_ == "openapi" else tools_from_mcp(_listed(said))
    return {name: tool.model_copy(update={"version": version or tool.version}) for name, tool in tools.items()}


def read_tools(path: Path) -> dict[str, Tool]:
    """The tools of a contract file, a ``router.yaml``, an OpenAPI document or the answer of ``tools/list``.

    Those of contract files and OpenAPI documents also say how they are called over HTTP (``ToolContract``).

    Raises:
        ConfigError: the file is wrong. InvalidRequestError: it is none of them.
    """
    said = _document(path)
    if "openapi" in said or "swagger" in said:
        return {**contracts_from_openapi(said)}
    if "lanes" in said:
        return load_config(path).tools
    if "contract" in said:
        return {**read_contracts(path)}
    return tools_from_mcp(_listed(said))


def check_tools(old: Path, new: Path) -> ToolChanges:
    """What changed between two files of tools (``read_tools``), and whether the versions say so."""
    return tool_changes(read_tools(old), read_tools(new))


@app.command("import")
def import_(
    format_: Annotated[Format, typer.Argument(metavar="openapi|mcp", help="What the file is.")],
    file: Annotated[Path, typer.Argument(help="An OpenAPI document, or the JSON answer of tools/list.")],
    version: Annotated[str | None, typer.Option(help="Version of the tools, in place of the document's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the operations of a document as the tools section of a router.yaml."""
    found = import_tools(file, format_.value, version=version)
    record = {"tools": {name: tool.model_dump(mode="json", exclude_defaults=True) for name, tool in found.items()}}
    if as_json:
        write_json(record)
        return
    if format_ is Format.openapi:
        said = _document(file)
        servers = ", ".join(servers_of(said)) or "none"
        write(f"# Servers of the document: {servers}. Which one is called is said in code (HttpTool).")
        for name, kind in left_out(said).items():
            write(f"# Left out, since no tool can send its body: {name} ({kind}).")
    write("# Read every effect and approval before this goes into router.yaml: the document speaks for itself.")
    write(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110))


@app.command()
def check(
    old: Annotated[Path, typer.Argument(help=f"What was: {_KINDS}.")],
    new: Annotated[Path, typer.Argument(help="What is, in any of these forms.")],
    as_json: AsJson = False,
) -> None:
    """Find what breaks callers, and which version the new contracts need; exit 1 where theirs does not say so."""
    found = check_tools(old, new)
    if as_json:
        write_json(found.to_dict())
    else:
        from router_ml.cli.show.tools import changes_page

        render(changes_page(found))
    if not found.ok:
        raise typer.Exit(1)


@app.command("freeze")
def freeze_(
    released: Annotated[Path, typer.Argument(help="The released.json that keeps them; made if it is not there.")],
    files: Annotated[list[Path], typer.Argument(help="Contract files.")],
    as_json: AsJson = False,
) -> None:
    """Keep the present versions of contract files, so that a later change without a new version is noticed."""
    found = freeze(released, files)
    if as_json:
        write_json([asdict(each) for each in found])
        return
    write(
        "\n".join(f"{each.contract} {each.version}: {'kept' if each.state == 'new' else 'as it was'}" for each in found)
    )


def _document(path: Path) -> dict[str, Any]:
    value = Source(read(path, expected=_KINDS), str(path)).value
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{path} is not a mapping. Expected {_KINDS}.")
    return value


def _listed(said: dict[str, Any]) -> list[Any]:
    inner = said.get("result", said)
    tools = inner.get("tools") if isinstance(inner, dict) else None
    if not isinstance(tools, list):
        raise InvalidRequestError(f"Found no list of tools. Expected {_KINDS}.")
    return tools
