"""Contracts that were released, kept so that none changes under its version: ``released.json`` beside their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from router_ml.config.tool_files import ToolContract, read_contracts, read_tool_file
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.changes import ToolChanges, newest, tool_changes


class Released(BaseModel):
    """``released.json``: contract -> version -> tool -> what it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contracts: dict[str, dict[str, dict[str, ToolContract]]] = {}

    def latest(self, contract: str) -> str | None:
        """The highest version of a contract that was released."""
        return newest(self.contracts.get(contract, ()))


@dataclass(frozen=True)
class Standing:
    """A contract file beside what was released of it: the same, a new version of it, or ``broken``, which is another
    contract under a version that does not say so. ``changes`` are those since ``since``."""

    file: str
    contract: str
    version: str
    state: Literal["released", "new", "broken"]
    since: str | None
    changes: ToolChanges


def read_released(path: str | Path) -> Released:
    """Read a ``released.json``; one that is not there yet holds nothing.

    Raises:
        InvalidRequestError: it is not one.
    """
    path = Path(path)
    if not path.exists():
        return Released()
    try:
        return Released.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InvalidRequestError(
            f"{path} is not a file of released contracts ({error.error_count()} problems). Restore it, or freeze anew."
        ) from None


def standing(released: Released, file: str | Path) -> Standing:
    """Where a contract file stands.

    Raises:
        ConfigError: the file is wrong.
    """
    head, now = read_tool_file(file), read_contracts(file)
    name, version = head.contract, head.version
    same = released.contracts.get(name, {}).get(version)
    since = version if same is not None else released.latest(name)
    if since is None:
        return Standing(str(file), name, version, "new", None, ToolChanges((), ()))
    before = released.contracts[name][since]
    changes = tool_changes(before, now)
    fine = _plain(before) == _plain(now) if same is not None else changes.ok
    state: Literal["released", "new", "broken"] = "broken" if not fine else "new" if same is None else "released"
    return Standing(str(file), name, version, state, since, changes)


def freeze(path: str | Path, files: Sequence[str | Path]) -> list[Standing]:
    """Write the versions that files have now into a ``released.json``.

    Raises:
        InvalidRequestError: a file changed more than its version says; nothing was written.
        ConfigError: a file is wrong.
    """
    path, released = Path(path), read_released(path)
    found = [standing(released, file) for file in files]
    broken = ", ".join(f"{each.contract} {each.version}" for each in found if each.state == "broken")
    if broken:
        raise InvalidRequestError(
            f"Found changes of {broken} that the version does not say. See router-ml tools check."
        )
    contracts = {name: dict(versions) for name, versions in released.contracts.items()}
    for each in found:
        contracts.setdefault(each.contract, {})[each.version] = read_contracts(each.file)
    kept = Released(contracts=dict(sorted(contracts.items())))
    path.write_text(json.dumps(kept.model_dump(exclude_defaults=True), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return found


def _plain(contracts: Mapping[str, ToolContract]) -> object:
    return {name: each.model_dump() for name, each in contracts.items()}
