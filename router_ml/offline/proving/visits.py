"""Where requests went, one place at a time: all that was reported, and where that says too little, what was planned.

An execution reports places by its hops or, in its short form, by the lane that answered alone; an outcome may name a
lane, too. Hops that were not made went nowhere. A lane without a hop stood where the decision froze it; what neither
says is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import Hop, RouteDecision
from router_ml.offline.proving.facts import At, planned, stated

if TYPE_CHECKING:
    from router_ml.storage.views.stories import Story

NOT_KNOWN = At(None, None, None, None)


@dataclass(frozen=True)
class Breach:
    """A place where ``never`` holds. ``execution`` is the number of the execution of its decision and ``hop`` that of
    the hop, from 0; without a hop, the lane is the one that answered. ``outcome``: the source of the outcome that names
    the lane. All three None: the place is that of the plan. ``frozen``: at the place that the decision froze for the
    lane, which is not the one that the hop states. ``perhaps``: it is not known whether ``where`` holds."""

    decision_id: str
    at: datetime
    lane: str | None
    provider: str | None
    boundary: str | None
    lane_region: str | None
    execution: int | None = None
    hop: int | None = None
    frozen: bool = False
    perhaps: bool = False
    outcome: str | None = None

    @property
    def only_planned(self) -> bool:
        """Nobody reported a place; a tool of ``never`` may have been called all the same."""
        return self.execution is None and self.outcome is None


Visit = tuple[At, list[str] | None, Breach]


def visits(story: Story) -> list[Visit]:
    """Every place that a request went to, with the tools that were called there, None where only the plan names them.

    Without hops, a lane other than the planned one says that others may have been called before it: those of the plan.
    Tools of an execution that names no lane may have been called at any place.
    """
    decision = story.decision
    loose = [call.name for run in story.executions if not run.hops and not run.final_lane for call in run.tool_calls]
    named = _named(story, loose)
    found = [*_executed(story, loose), *named.values()]
    lanes = {*named, *(run.final_lane for run in story.executions if run.final_lane)}
    hops = any(run.hops for run in story.executions)
    if not hops and decision.lane is not None and lanes != {decision.lane}:
        tools = [call.name for run in story.executions for call in run.tool_calls] or None
        for lane in (decision.lane, *sorted(decision.fallback.lanes() - {decision.lane})):
            at = planned(decision, lane)
            found.append((at, tools, _breach(decision, at)))
    if loose and not found:
        number = next(number for number, run in enumerate(story.executions) if run.tool_calls)
        found.append((NOT_KNOWN, loose, _breach(decision, NOT_KNOWN, execution=number)))
    return found


def is_reported(story: Story) -> bool:
    """Whether anybody said where the request went, or what was called for it."""
    done = any(run.hops or run.final_lane or run.tool_calls for run in story.executions)
    return done or any(each.executed_lane for each in (*story.outcomes, *story.overtaken))


def _executed(story: Story, loose: list[str]) -> Iterator[Visit]:
    decision = story.decision
    for number, run in enumerate(story.executions):
        called = [*(call.name for call in run.tool_calls), *loose]
        for index, hop in enumerate(run.hops):
            for at, frozen in _places_of(decision, hop) if hop.called else ():
                yield at, called, _breach(decision, at, execution=number, hop=index, frozen=frozen)
        if run.final_lane and run.final_lane not in {hop.lane for hop in run.hops if hop.called}:
            at = planned(decision, run.final_lane)
            yield at, called if run.hops else called or None, _breach(decision, at, execution=number)


def _named(story: Story, loose: list[str]) -> dict[str, Visit]:
    """Lanes that outcomes name and executions do not."""
    there = {lane for run in story.executions for lane in (run.final_lane, *(hop.lane for hop in run.hops))}
    found: dict[str, Visit] = {}
    for outcome in (*story.overtaken, *story.outcomes):
        lane = outcome.executed_lane
        if lane and lane not in there:
            at = planned(story.decision, lane)
            found.setdefault(lane, (at, loose or None, _breach(story.decision, at, outcome=outcome.source)))
    return found


def _places_of(decision: RouteDecision, hop: Hop) -> Iterator[tuple[At, bool]]:
    """Where a hop says that it went, its blanks filled from the decision; and the place that the decision froze for its
    lane, should that be another one."""
    place = planned(decision, hop.lane)
    said = stated(
        hop.lane,
        hop.provider.strip() or place.provider,
        hop.boundary.strip() or place.boundary,
        hop.region.strip() or place.lane_region,
        hop.served_model,
    )
    yield said, False
    frozen = At(said.lane, place.provider, place.boundary, place.lane_region, said.model)
    if frozen != said and hop.lane.strip() in decision.places:
        yield frozen, True


def _breach(decision: RouteDecision, at: At, **found: Any) -> Breach:
    place = (at.lane, at.provider, at.boundary, at.lane_region)
    return Breach(decision.decision_id, decision.created_at, *place, **found)
