"""Where requests went, one place at a time: every hop that was reported, else the lanes that were planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import Hop, RouteDecision
from router_ml.offline.facts import At, planned

if TYPE_CHECKING:
    from router_ml.storage.stories import Story


@dataclass(frozen=True)
class Breach:
    """A place where ``never`` holds. ``execution`` is the number of the execution of its decision and ``hop`` that of
    the hop, from 0; both None where it was only planned. ``frozen``: at the place that the decision froze for the lane,
    which is not the one that the hop states. ``perhaps``: of the decision it is not known whether ``where`` holds."""

    decision_id: str
    at: datetime
    lane: str
    provider: str | None
    boundary: str | None
    lane_region: str | None
    execution: int | None = None
    hop: int | None = None
    frozen: bool = False
    perhaps: bool = False


def visits(story: Story) -> Iterator[tuple[At, list[str] | None, Breach]]:
    """Every place that a request went to; where none was reported, those that were planned."""
    decision, reported = story.decision, False
    for number, execution in enumerate(story.executions):
        tools = [call.name for call in execution.tool_calls]
        for index, hop in enumerate(execution.hops):
            reported = True
            for at, frozen in _places_of(decision, hop):
                yield at, tools, _breach(decision, at, execution=number, hop=index, frozen=frozen)
    if not reported and decision.lane is not None:
        for lane in (decision.lane, *sorted(decision.fallback.lanes() - {decision.lane})):
            at = planned(decision, lane)
            yield at, None, _breach(decision, at)


def _places_of(decision: RouteDecision, hop: Hop) -> Iterator[tuple[At, bool]]:
    stated = At(hop.lane, hop.provider, hop.boundary, hop.region, hop.served_model)
    yield stated, False
    place = decision.places.get(hop.lane)
    if place is not None and (place.provider, place.boundary, place.region) != (hop.provider, hop.boundary, hop.region):
        yield At(hop.lane, place.provider, place.boundary, place.region, hop.served_model), True


def _breach(decision: RouteDecision, at: At, **found: Any) -> Breach:
    place = (at.lane, at.provider, at.boundary, at.lane_region)
    return Breach(decision.decision_id, decision.created_at, *place, **found)
