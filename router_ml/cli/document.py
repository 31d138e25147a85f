"""``router-ml contract``: the JSON Schemas as files, and the routing contract of one ``router.yaml`` on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from router_ml.config import RouterConfig, config_sha256, policy_sha256
from router_ml.config.planning import ClassWhen
from router_ml.config.rules import When
from router_ml.contract import CONTRACT_VERSION, json_schemas
from router_ml.offline.coverage import policy_lanes


def write_schemas(folder: Path) -> list[Path]:
    """Write one JSON Schema file per public model, and the OpenAPI document of the gateway where its extra is
    installed; the folder is made if absent.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in all_schemas().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def all_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of the contract by file name, and ``openapi`` where the gateway can be imported."""
    if find_spec("fastapi") is None:
        return dict(json_schemas())
    from router_ml.serve.app import create_app
    from router_ml.serve.settings import Settings

    return {**json_schemas(), "openapi": create_app(Settings()).openapi()}


def contract_record(config: RouterConfig) -> dict[str, Any]:
    """What the page says, as plain values."""
    whole = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    sections = {key: whole[key] for key in ("boundaries", "lanes", "policies", "traffic_classes", "fallback")}
    digests = {"config_sha256": config_sha256(config), "policy_sha256": policy_sha256(config)}
    return {"contract": CONTRACT_VERSION, **digests, **sections}


def contract_page(config: RouterConfig) -> str:
    """Lanes, policies, traffic classes and fallback rules as Markdown."""
    return "\n".join([*_head(config), *_lanes(config), *_policies(config), *_classes(config), *_fallback(config)])


def _head(config: RouterConfig) -> Iterator[str]:
    yield f"# Routing contract {CONTRACT_VERSION}\n"
    yield f"Configuration `{config_sha256(config)[:12]}`, policy `{policy_sha256(config)[:12]}`."
    yield f"Boundaries from narrow to wide: {', '.join(config.boundaries)}."


def _lanes(config: RouterConfig) -> Iterator[str]:
    yield "\n## Lanes\n"
    rows = (
        (
            name if lane.enabled else f"{name} (disabled)",
            lane.model,
            f"{lane.provider} / {lane.failure_domain}",
            f"{lane.region}, {lane.boundary}",
            f"{lane.price.input_per_mtok:g} / {lane.price.output_per_mtok:g}",
            f"{lane.context_window:,}",
            f"{lane.grade}",
            ", ".join(lane.capabilities),
        )
        for name, lane in config.lanes.items()
    )
    heads = ("lane", "model", "provider / failure domain", "place", "USD per M in / out", "window", "grade", "can")
    yield from _table(heads, rows)


def _policies(config: RouterConfig) -> Iterator[str]:
    yield "\n## Policies\n"
    yield "Every policy that fires narrows what is left; none can widen it.\n"
    rows = (
        (
            f"{policy.id} ({policy.version})",
            policy.owner,
            _conditions(policy.when),
            row.effect,
            "-" if row.lanes is None else ", ".join(row.lanes) or "none",
            policy.rationale,
        )
        for policy, row in zip(config.policies, policy_lanes(config), strict=True)
    )
    yield from _table(("policy", "owner", "fires on", "does", "leaves, alone", "why"), rows)


def _classes(config: RouterConfig) -> Iterator[str]:
    yield "\n## Traffic classes\n"
    yield "A request belongs to the first class that matches. The floor is the average quality promised.\n"
    rows = (
        (
            name,
            _conditions(item.when),
            f"{item.floor:g}",
            f"{item.quality_per_usd:g}",
            f"{item.explore_share:g}",
            _listed(item.limits.model_dump(exclude_none=True)),
        )
        for name, item in config.traffic_classes.items()
    )
    heads = ("class", "requests", "floor", "quality per USD", "explores at most", "limits")
    yield from _table(heads, rows)


def _fallback(config: RouterConfig) -> Iterator[str]:
    rule = config.fallback
    yield "\n## Fallback\n"
    yield (
        f"On a timeout, a rate limit, a refusal or an error: up to {rule.lanes} other eligible lanes, best first, each "
        f"{rule.attempts} x, {rule.backoff_ms:g} ms apart; the last in another failure domain where one is eligible. "
        f"An answer that breaks its output contract is first asked for once more. Nothing left: {rule.finally_}.\n"
    )
    yield (
        "While a vendor is dark its lanes are left alone, and the rules above decide who answers instead: "
        "`router-ml outage PROVIDER --hours 48` says for which requests somebody does, at which cost and quality.\n"
    )


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield _line(heads)
    yield _line(["---"] * len(heads))
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _conditions(when: When | ClassWhen) -> str:
    return _listed(when.model_dump(exclude_none=True)) or "any"


def _listed(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{key} {_value(value)}" for key, value in values.items())


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return " or ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,g}" if isinstance(value, int | float) and value < 1e6 else str(value)
