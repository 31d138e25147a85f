"""What the page of ``router-ml contract`` says of whatever data may go to, and of what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from router_ml.cli.markdown import table
from router_ml.config import RouterConfig
from router_ml.config.schema import Destination
from router_ml.contract.base import JsonObject


def lanes(config: RouterConfig) -> Iterator[str]:
    """What may answer."""
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
    yield from table(heads, rows)


def tools(config: RouterConfig) -> Iterator[str]:
    """What may be called."""
    if not config.tools:
        return
    yield "\n## Tools\n"
    rows = (
        (
            f"{name} ({tool.version})",
            tool.effect,
            "a person first" if tool.approval else "-",
            _place(tool.region, tool.boundary),
            tool.description,
        )
        for name, tool in config.tools.items()
    )
    yield from table(("tool", "effect", "approval", "place", "what it does"), rows)


def indexes(config: RouterConfig) -> Iterator[str]:
    """What may be looked up."""
    if not config.indexes:
        return
    yield "\n## Where answers are looked up\n"
    rows = (
        (
            name,
            index.folder or "of the program that executes decisions",
            _place(index.region, index.boundary),
            f"{index.top_k}",
        )
        for name, index in config.indexes.items()
    )
    yield from table(("index", "documents", "place", "passages at most"), rows)


def others(config: RouterConfig) -> Iterator[str]:
    """Whoever else is sent something of a request."""
    kinds: dict[str, Mapping[str, Destination]] = {
        "reranker": config.rerankers,
        "judge": config.judges,
        "sink of traces": config.trace_sinks,
    }
    if not any(kinds.values()):
        return
    yield "\n## Who else is sent data\n"
    yield "The rules hold for them as for lanes. A sink of traces gets no text.\n"
    rows = (
        (name, kind, _place(place.region, place.boundary))
        for kind, named in kinds.items()
        for name, place in named.items()
    )
    yield from table(("name", "what it is", "place"), rows)


def shapes(config: RouterConfig) -> Iterator[str]:
    """What answers may have to look like, and the notices that some get."""
    if config.output_contracts:
        yield "\n## Shapes of answers\n"
        rows = (
            (
                name,
                shape.type,
                ", ".join(_fields(shape.schema_) or shape.labels) or "any",
                "; ".join(
                    said
                    for said, holds in (
                        ("names its sources", shape.citations_required),
                        ("sources say so", shape.grounded),
                        (f"never {', '.join(shape.forbidden)}", shape.forbidden),
                    )
                    if holds
                )
                or "-",
            )
            for name, shape in config.output_contracts.items()
        )
        yield from table(("output_contract", "kind", "fields, or labels", "also"), rows)
    if config.notices:
        yield "\n## Notices\n"
        yield "One that has to be in an answer and is not is put under it; another wording may count as it.\n"
        yield from table(("notice", "text"), ((name, notice.text) for name, notice in config.notices.items()))


def _fields(schema: JsonObject | None) -> tuple[str, ...]:
    named = (schema or {}).get("properties")
    return tuple(named) if isinstance(named, dict) else ()


def _place(region: str | None, boundary: str | None) -> str:
    return ", ".join(part for part in (region, boundary) if part) or "not said"
