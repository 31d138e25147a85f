"""Fingerprints of what results depend on: lanes, indexes, prompts, tools and policies, as they are now.

Kept in the record of each run. They are digests, versions and names of documents; nothing of what documents, prompts
or addresses say is in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from router_ml.config import RouterConfig
from router_ml.config.execution import Tool
from router_ml.contract import OutputContract
from router_ml.execution.retrieval.documents import files_of
from router_ml.execution.retrieval.passages import AS_DATA
from router_ml.execution.validation.checking import instructions
from router_ml.router import Router
from training.evals.suite import Suite

Fingerprints = dict[str, dict[str, JsonValue]]
_LENGTH = 16
_TOLD = (
    OutputContract(name="case", type="json", schema={"type": "object", "properties": {"a": {"type": "string"}}}),
    OutputContract(name="case", type="label", labels=("one", "two")),
    OutputContract(name="case", citations_required=True, grounded=True),
    OutputContract(name="case", forbidden=("secret",)),
)
"""Contracts whose instructions, between them, are all that lanes are told of shapes."""


def dependencies_of(config: RouterConfig, suites: Sequence[Suite], router: Router | None = None) -> Fingerprints:
    """By kind and name. What a provider says it serves is known only from its answers, and is in the results."""
    found: Fingerprints = {
        "suites": {one.name: one.digest for one in suites},
        "lanes": {name: digest(lane.model_dump(mode="json")) for name, lane in config.lanes.items()},
        "indexes": {
            name: _index(index.folder, index.model_dump(mode="json")) for name, index in config.indexes.items()
        },
        "prompts": _prompts(suites),
        "tools": {name: _tool(tool) for name, tool in config.tools.items()},
        "policies": {},
    }
    for suite in suites:
        found["tools"] |= {f"{suite.name}/{name}": _tool(tool) for name, tool in suite.file.tools.items()}
    if router is not None:
        versions = router.rules.base.versions
        found["policies"] = {"policy_sha256": versions.policy_sha256, "bundle": versions.bundle}
    return found


def digest(value: object) -> str:
    """A short sha256 of a value's JSON."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def _index(folder: str | None, section: dict[str, JsonValue]) -> JsonValue:
    """Of an index in a folder each document; of one elsewhere what is configured of it, since it is not here."""
    if folder is None or not Path(folder).is_dir():
        return {"settings": digest(section), "documents": {}}
    home = Path(folder)
    documents: dict[str, JsonValue] = {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:_LENGTH]
        for path in files_of(home)
    }
    return {"settings": digest(section), "documents": documents}


def _prompts(suites: Sequence[Suite]) -> dict[str, JsonValue]:
    """What lanes are told beside what was asked."""
    found: dict[str, JsonValue] = {
        "output contracts": digest([instructions(one) for one in _TOLD]),
        "passages as data": digest(AS_DATA),
    }
    for suite in suites:
        own = [[case.id, case.system, case.decoding.model_dump(mode="json")] for case in suite.cases]
        found[f"suite {suite.name}"] = digest([suite.file.system, own])
    return found


def _tool(tool: Tool) -> JsonValue:
    said = {"description": tool.description, "parameters": tool.parameters, "result": tool.result}
    return {"version": tool.version, "description and schema": digest(said)}
