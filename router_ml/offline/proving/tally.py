"""Counting for a proof: decisions that a condition holds for, places that another holds for, and rules in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from router_ml.contract import RouteDecision
from router_ml.contract.base import is_shadow, is_unacted
from router_ml.offline.proving.condition import Condition, Values, comparisons, holds
from router_ml.offline.proving.facts import facts, planned
from router_ml.offline.proving.visits import Breach, is_reported, visits

if TYPE_CHECKING:
    from router_ml.storage.views.stories import Story

KEPT = 1000  # exceptions listed one by one; all are counted


@dataclass(frozen=True)
class InForce:
    """A version of the rules: of the first and the last of its ``decisions`` in the window; ``matched`` of them are
    those that were asked about."""

    policy_sha256: str
    config_sha256: str
    bundle: str
    first: datetime
    last: datetime
    decisions: int
    matched: int


class Tally:
    """What was looked at, one story after the other."""

    def __init__(self, asked: Condition, forbidden: Condition) -> None:
        self.asked, self.forbidden = asked, forbidden
        self.decisions = self.matched = self.perhaps = self.executed = self.planned_only = self.nowhere = 0
        self.hops = self.exceptions = self.unknown = 0
        self.listed: list[Breach] = []
        self.versions: dict[tuple[str, str, str], InForce] = {}
        self.unseen = {
            (name, each.field, value)
            for name, condition in (("--where", asked), ("--never", forbidden))
            for each in comparisons(condition)
            for value in each.values
        }

    def add(self, story: Story) -> None:
        """Look at a decision and at every place that it went to."""
        decision = story.decision
        told = is_reported(story)
        if is_unacted(decision.decision_id) and not (told and is_shadow(decision.decision_id)):
            return  # nobody acted on it; the cases of an evaluation are nobody's data
        self.decisions += 1
        self._see("--where", facts(decision))
        for lane in {*decision.places, *decision.excluded} if self.unseen else ():
            for name in ("--where", "--never"):
                self._see(name, facts(decision, planned(decision, lane)))
        met = holds(self.asked, facts(decision))
        places = visits(story)
        for at, tools, _ in places:
            self._see("--never", facts(decision, at, tools=tools))
        self._in_force(decision, asked=met is not False)
        if met is False:
            return
        self.matched += 1
        self.perhaps += met is None
        self.executed += told
        self.planned_only += not told and decision.lane is not None
        self.nowhere += not told and decision.lane is None
        self.hops += sum(len(execution.hops) for execution in story.executions)
        last = None
        for at, tools, breach in places:
            if breach.frozen and last == (breach.execution, breach.hop):
                continue  # the hop is one exception, however many of its places are
            hit = holds(self.forbidden, facts(decision, at, tools=tools))
            self.unknown += hit is None
            if hit:
                self.exceptions += 1
                last = breach.execution, breach.hop
                if len(self.listed) < KEPT:
                    self.listed.append(replace(breach, perhaps=met is None))

    def _see(self, name: str, known: Callable[[str], Values]) -> None:
        """Which values of the conditions are there at all: one that is not may be a slip of the pen."""
        if self.unseen:
            self.unseen = {each for each in self.unseen if each[0] != name or each[2] not in known(each[1]).known}

    def _in_force(self, decision: RouteDecision, *, asked: bool) -> None:
        said = decision.versions
        key, at = (said.policy_sha256, said.config_sha256, said.bundle), decision.created_at
        old = self.versions.get(key, InForce(*key, first=at, last=at, decisions=0, matched=0))
        first, last = min(old.first, at), max(old.last, at)
        self.versions[key] = InForce(*key, first, last, old.decisions + 1, old.matched + asked)
