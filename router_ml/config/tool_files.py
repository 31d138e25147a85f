"""Contracts of tools as files of their own: several routers share one, and a change of it can be checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from router_ml.config.execution import Tool
from router_ml.config.section import Section
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.errors import ConfigError, Problem


def _same_names(value: object) -> object:
    """``[limit]`` is short for ``{limit: limit}``."""
    return {name: name for name in value} if isinstance(value, list | tuple) else value


Names = Annotated[dict[str, str], BeforeValidator(_same_names)]
"""Argument of the tool -> name on the wire."""


class HttpCall(Section):
    """How a tool is called over HTTP: which arguments go into the path, the query and the headers.

    ``path``: below the server's address, with arguments in braces. What is left goes into the body; ``whole_body``: one
    argument is the body.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    path: str = Field(pattern=r"^/")
    query: Names = Field(default_factory=dict)
    headers: Names = Field(default_factory=dict)
    body: Literal["json", "form"] = "json"
    whole_body: str | None = None


class ToolContract(Tool):
    """A tool in a contract file: what ``router.yaml`` would say of it, and how it is called over HTTP."""

    http: HttpCall | None = None

    def as_tool(self) -> Tool:
        """What ``router.yaml`` holds of it."""
        return Tool.model_validate({name: getattr(self, name) for name in Tool.model_fields})


class _Entry(ToolContract):
    """A tool as it stands in a file, which says the version once for all."""

    version: str = ""


class ToolFile(Section):
    """A contract file. ``version``: of all its tools; it follows semantic versioning (``router-ml tools check``)."""

    contract: str
    version: str
    about: str = ""
    tools: dict[str, _Entry] = Field(min_length=1)

    def contracts(self) -> dict[str, ToolContract]:
        """The tools, each with the version of the file."""
        return {
            name: ToolContract.model_validate({**entry.model_dump(exclude_unset=True), "version": self.version})
            for name, entry in self.tools.items()
        }


def read_tool_file(path: str | Path) -> ToolFile:
    """A contract file (YAML or JSON).

    Raises:
        ConfigError: with every problem found, each with file, line, key and fix.
    """
    path = Path(path)
    return _parsed(Source(read(path, expected="a contract of tools"), str(path)))


def read_contracts(path: str | Path) -> dict[str, ToolContract]:
    """The tools of a contract file, as ``read_tool_file`` reads it."""
    return read_tool_file(path).contracts()


def _parsed(source: Source) -> ToolFile:
    problems = list(source.problems)
    try:
        found = ToolFile.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError([*problems, *shape_problems(error, source, root=ToolFile)]) from None
    for name, entry in found.tools.items():
        for key in ("version", "contract"):
            if getattr(entry, key):
                here = ("tools", name, key)
                message = f"{key!r} is said once, for the whole file."
                problems.append(Problem(source.file, source.line(here), dotted(here), message, "Remove the key."))
    if problems:
        raise ConfigError(problems)
    return found


def put_in_contracts(source: Source) -> Iterator[Problem]:
    """Put what contract files say into the ``tools`` of a ``router.yaml``, and say what stands in the way."""
    value: Any = source.value
    tools = value.get("tools")
    for name, tool in tools.items() if isinstance(tools, dict) else ():
        if isinstance(tool, dict) and isinstance(tool.get("contract"), str):
            yield from _put_in(source, name, tool)


def _put_in(source: Source, name: str, tool: dict[str, Any]) -> Iterator[Problem]:
    here = ("tools", name, "contract")

    def problem(message: str, fix: str) -> Problem:
        return Problem(source.file, source.line(here), dotted(here), message, fix)

    file, _, wanted = tool["contract"].partition("#")
    folder = Path(source.file).parent
    inside = (folder / file).resolve().is_relative_to(folder.resolve())  # where a link leads, too
    if not _is_beside(file) or not inside:  # a bundle vouches for its own files alone
        yield problem("a contract lies beside router.yaml or in a folder there.", "Copy it there and give FILE#TOOL.")
        return
    try:
        contracts = read_contracts(folder / file)
    except ConfigError as error:
        yield from error.problems
        return
    found = contracts.get(wanted or name)
    if found is None:
        yield problem(f"{wanted or name!r} is none of its tools.", f"Write {file}#TOOL, of {', '.join(contracts)}.")
        return
    said = {key: value for key, value in found.model_dump(exclude_unset=True).items() if key in Tool.model_fields}
    for key in sorted(said.keys() & tool.keys() - {"contract"}):
        place = ("tools", name, key)
        message = f"{key!r} is said here and in {file}."
        yield Problem(
            source.file, source.line(place), dotted(place), message, "Remove it here, or use another contract."
        )
    tool.update({key: value for key, value in said.items() if key not in tool})


def _is_beside(file: str) -> bool:
    path = PurePosixPath(file)
    return bool(file) and not path.is_absolute() and ".." not in path.parts


def contract_files(text: str) -> list[str]:
    """Files beside a ``router.yaml`` that its tools name: a copy of it needs copies of them."""
    value: Any = Source(text, "router.yaml").value
    tools = value.get("tools") if isinstance(value, dict) else None
    named = (tool.get("contract") for tool in (tools or {}).values() if isinstance(tool, dict))
    files = {contract.partition("#")[0] for contract in named if isinstance(contract, str)}
    return sorted(file for file in files if _is_beside(file))
