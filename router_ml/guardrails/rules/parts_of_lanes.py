"""A lane that is made of lanes may be used only where all of its parts may."""

from __future__ import annotations

from router_ml.config.schema import RouterConfig
from router_ml.guardrails.policy import Ruling, without

CASCADE = "cascade parts"


def whole_cascades(config: RouterConfig, ruling: Ruling) -> Ruling:
    """A ruling without the cascades of which a part is excluded, for whatever reason that is."""
    gone = {
        name: tuple(f"part {part} is excluded" for part in lane.cascade.parts if part not in ruling.eligible)
        for name, lane in config.lanes.items()
        if lane.cascade is not None and name in ruling.eligible
    }
    return without(ruling, gone, rule=CASCADE) if any(gone.values()) else ruling
