"""``python -m training.evals trace``: a trace as a case of a suite that replays it, with a fault or without."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from router_ml.cli.inputs import Log, event_log
from router_ml.cli.output import write
from router_ml.config import load_config
from router_ml.config.execution import Tool
from router_ml.contract import RiskTier
from router_ml.errors import OfflineDataError
from training.evals.case import Case
from training.evals.suite import SuiteFile, load_suite
from training.evals.tooling.from_trace import Cell, Effect, of_conversation, of_execution, with_fault

CASES, SUITE = "cases.jsonl", "suite.yaml"
_CHECKS = ("tool_calls", "tool_order", "tool_loops", "tool_answer")


def command(  # noqa: PLR0913 - a command line has as many options as it has
    trace: Annotated[str, typer.Argument(help="A JSON file of a conversation, or the id of a logged decision.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the suite that the case goes to.")],
    intent: Annotated[str, typer.Option(help="Of its cell.")],
    domain: Annotated[str, typer.Option(help="Of its cell.")],
    tier: Annotated[str, typer.Option(help="Its risk tier.")] = "low",
    name: Annotated[str | None, typer.Option(help="Id of the case; default: of the trace.")] = None,
    config: Annotated[Path | None, typer.Option(help="router.yaml that configures the tools.")] = None,
    log: Log = None,
    ask: Annotated[str | None, typer.Option(help="What was asked, for a logged decision: no log keeps it.")] = None,
    answer: Annotated[str | None, typer.Option(help="What was answered, for a logged decision.")] = None,
    fail: Annotated[int | None, typer.Option(min=1, help="Step that goes wrong, from 1.")] = None,
    error: Annotated[str, typer.Option(help="What it says then.")] = "no answer within 10000 ms",
) -> None:
    """Turn a trace into a case that replays it. Read it before you keep it: a trace is of somebody."""
    cell = Cell(name or f"trace.{Path(trace).stem}", intent, domain, _tier(tier))
    tools = _known(out) | (dict(load_config(config).tools) if config is not None else {})
    if Path(trace).is_file():
        said, offered = _conversation(Path(trace))
        case, tools = of_conversation(said, cell=cell), {**offered, **tools}
    else:
        if ask is None:
            raise OfflineDataError(f"There is no file {trace}. For a logged decision give --ask with what was asked.")
        case = of_execution(_logged(trace, log), ask=ask, cell=cell, reference=answer)
    if unknown := [one for one in case.tools if one not in tools]:
        raise OfflineDataError(
            f"Nothing says what {', '.join(unknown)} takes: neither {out / SUITE}, nor --config, nor tools in the file."
        )
    if fail is not None:
        effects: dict[str, Effect] = {one: tool.effect for one, tool in tools.items()}
        case = with_fault(case, step=fail, error=error, effects=effects)
    _add(out, case, {one: tools[one] for one in case.tools})
    write(
        f"{case.id}: {len(case.script)} steps, {len(case.calls)} calls, in {out / CASES}. Read it before you keep it."
    )


def _add(folder: Path, case: Case, tools: Mapping[str, Tool]) -> None:
    """Add a case to a suite, which is begun where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SUITE
    suite = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else _begun(folder.name)
    known = {name: tool.model_dump(mode="json", exclude_defaults=True) for name, tool in tools.items()}
    suite["tools"] = {**known, **suite.get("tools", {})}
    said = json.dumps(case.model_dump(mode="json", by_alias=True, exclude_defaults=True), ensure_ascii=False)
    there = (folder / CASES).read_text(encoding="utf-8") if (folder / CASES).is_file() else ""
    kept = [line for line in there.splitlines() if line.strip() and json.loads(line).get("id") != case.id]
    path.write_text(yaml.safe_dump(suite, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    (folder / CASES).write_text("\n".join([*kept, said]) + "\n", encoding="utf-8")
    load_suite(folder)


def _known(folder: Path) -> dict[str, Tool]:
    """The tools of the suite that is there already."""
    path = folder / SUITE
    if not path.is_file():
        return {}
    try:
        return dict(SuiteFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).tools)
    except (ValidationError, yaml.YAMLError):
        raise OfflineDataError(f"{path} is no suite. Mend it, or give another folder.") from None


def _begun(name: str) -> dict[str, Any]:
    catches = load_suite("tools").file.catches
    return {
        "name": name,
        "version": "1",
        "title": "Traces that are replayed",
        "depends_on": ["lanes", "tools", "prompts", "policies"],
        "cases": [CASES],
        "catches": dict(catches),
        "checks": [{"check": check} for check in _CHECKS],
    }


def _conversation(path: Path) -> tuple[Sequence[Mapping[str, Any]], dict[str, Tool]]:
    """Messages of a file, and the tools that it says were offered. Which of them write it does not say: all may."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise OfflineDataError(f"{path} is not JSON. Give a list of messages, or an object with messages.") from None
    messages = said.get("messages") if isinstance(said, dict) else said
    if not isinstance(messages, list):
        raise OfflineDataError(f"{path} has no messages. Give a list of messages, or an object with messages.")
    offered = [one.get("function") for one in said.get("tools", [])] if isinstance(said, dict) else []
    try:
        tools = {
            one["name"]: Tool(
                version="1",
                effect="write",
                description=one.get("description") or "",
                parameters=one.get("parameters") or {},
            )
            for one in offered
        }
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise OfflineDataError(f"{path} has tools that are not in the OpenAI shape.") from None
    return messages, tools


def _logged(decision_id: str, log: str | None) -> Any:
    with event_log(log) as events:
        found = [one for one in events.executions(decision_id) if one.tool_calls]
    if not found:
        raise OfflineDataError(f"The log holds no execution of {decision_id} that called a tool.")
    return found[-1]


def _tier(said: str) -> RiskTier:
    match said:
        case "low" | "medium" | "high" | "restricted":
            return said
    raise OfflineDataError(f"Found tier {said!r}, expected low, medium, high or restricted.")
