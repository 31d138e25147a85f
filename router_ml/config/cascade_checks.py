"""What can be wrong in a lane that is made of lanes."""

from __future__ import annotations

from collections.abc import Iterator

from router_ml.config.cascades import CHECKS
from router_ml.config.issues import Issue, Path, unknown
from router_ml.config.schema import RouterConfig


def cascade_issues(config: RouterConfig) -> Iterator[Issue]:
    """Parts that are no lanes or cascades themselves, and limits that a part does not keep."""
    for name, lane in config.lanes.items():
        if lane.cascade is None:
            continue
        here: Path = ("lanes", name, "cascade")
        simple = [other for other, item in config.lanes.items() if item.cascade is None]
        for key in ("draft", "final", "check"):
            known = [*simple, *(CHECKS if key == "check" else ())]
            yield from unknown((*here, key), [getattr(lane.cascade, key)], known, "lane that is no cascade")
        if lane.cascade.draft == lane.cascade.final:
            yield Issue((*here, "final"), "it is the draft lane, so nothing would be gained.", "Name another lane.")
        parts = [config.lanes[part] for part in lane.cascade.parts if part in config.lanes]
        for key in ("context_window", "max_output_tokens"):
            least = min((getattr(part, key) for part in parts), default=getattr(lane, key))
            if getattr(lane, key) > least:
                message = f"{getattr(lane, key)} is more than its smallest part has."
                yield Issue(("lanes", name, key), message, f"Give at most {least}, or remove the key.")
        order = config.boundaries
        wide = [part.boundary for part in parts if part.boundary in order]
        if wide and lane.boundary in order and order.index(lane.boundary) < max(map(order.index, wide)):
            message = f"{lane.boundary} is narrower than one of its parts."
            yield Issue(("lanes", name, "boundary"), message, "Remove the key: it follows from the parts.")
