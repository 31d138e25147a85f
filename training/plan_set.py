"""The authored set of requests with the plan that each should get, and how often a router gets it right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_ml.contract import RouteDecision, RouteRequest

FOLDER = Path(__file__).parents[1] / "data" / "plan"
LEARNED_FROM = ("train", "dev", "practice")
PARTS = (*LEARNED_FROM, "test")
FIELDS = ("retrieval", "tools", "output_contract", "missing")
STRATEGIES = ("none", "light", "deep", "clarify")


@dataclass(frozen=True)
class PlanLabels:
    """What a request should get: retrieval strategy, tools that have to be called, name of the output contract, and
    the slots that have to be asked for. Of a request that is asked back, nothing but those counts."""

    retrieval: str
    tools: frozenset[str] = frozenset()
    output_contract: str = "text"
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Labelled:
    """One request of the set."""

    id: str
    request: RouteRequest
    labels: PlanLabels
    voice: str = ""


def load_part(part: str, folder: Path = FOLDER) -> list[Labelled]:
    """The requests of ``train``, ``dev`` or ``test``."""
    lines = (folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_labelled(json.loads(line)) for line in lines]


def _labelled(record: Mapping[str, Any]) -> Labelled:
    asked = {key: record[key] for key in ("text", "messages", "allowed_tools") if key in record}
    given = record["labels"]
    labels = PlanLabels(
        given["retrieval"], frozenset(given["tools"]), given["output_contract"], frozenset(given["missing"])
    )
    return Labelled(record["id"], RouteRequest.parse(asked), labels, record.get("voice", ""))


def planned(decision: RouteDecision) -> PlanLabels:
    """What a decision plans, in the same words."""
    return PlanLabels(
        "clarify" if decision.action == "clarify" else decision.retrieval.strategy,
        frozenset(tool.name for tool in decision.tools if tool.required),
        decision.output_contract.name,
        frozenset(decision.missing),
    )


def right(found: PlanLabels, wanted: PlanLabels) -> Iterator[tuple[str, bool]]:
    """For each field whether it is right. Where something has to be asked, no tool may be planned and the contract does
    not count; where it should have been and was not, all fields are wrong but those that are as labelled."""
    yield "retrieval", found.retrieval == wanted.retrieval
    yield "tools", found.tools == wanted.tools
    if wanted.retrieval != "clarify":
        yield "output_contract", found.output_contract == wanted.output_contract
    yield "missing", found.missing == wanted.missing


def scores(found: Sequence[PlanLabels], wanted: Sequence[PlanLabels]) -> dict[str, list[bool]]:
    """Right or wrong by field, and ``joint``: all fields of a request."""
    result: dict[str, list[bool]] = {field: [] for field in (*FIELDS, "joint")}
    for mine, theirs in zip(found, wanted, strict=True):
        each = dict(right(mine, theirs))
        for field, ok in each.items():
            result[field].append(ok)
        result["joint"].append(all(each.values()))
    return result
