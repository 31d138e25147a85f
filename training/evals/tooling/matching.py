"""Which of the calls that were made are which of those that are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from router_ml.config.execution import Tool
from training.evals.attempt import Turn
from training.evals.case import RightCall
from training.evals.tooling.values import wrong

Free = Mapping[str, Sequence[str]]
"""Arguments of tools that may be given as one likes, where the case does not say otherwise."""


@dataclass(frozen=True)
class Matched:
    """``pairs``: position of a turn -> position of the right call that it is; ``left``: turns that are none;
    ``missing``: right calls that are not optional and that no turn is."""

    pairs: dict[int, int]
    left: tuple[int, ...]
    missing: tuple[int, ...]


@dataclass(frozen=True)
class Matcher:
    """Compares calls, knowing the defaults of the tools."""

    tools: Mapping[str, Tool]
    free: Free

    def wrong(self, right: RightCall, turn: Turn) -> tuple[str, ...]:
        """Names of the arguments of a turn that are not those of a right call of the same tool."""
        free = set(self.free.get(right.tool, ())) - set(right.arguments)
        given = {name: value for name, value in (turn.arguments or {}).items() if name not in free}
        return wrong(right.arguments, given, defaults=self._defaults(right.tool))

    def fits(self, right: RightCall, turn: Turn) -> bool:
        """Whether a turn is a right call."""
        return right.tool == turn.tool and turn.arguments is not None and not self.wrong(right, turn)

    def match(self, calls: Sequence[RightCall], turns: Sequence[Turn]) -> Matched:
        """As many right calls as can be found among the turns, those first that may not be left out; of equal ones
        the earlier with the earlier (augmenting paths, Kuhn 1955)."""
        fitting = [[place for place, turn in enumerate(turns) if self.fits(right, turn)] for right in calls]
        owner: dict[int, int] = {}
        for one in sorted(range(len(calls)), key=lambda place: calls[place].optional):
            _place(one, fitting, owner, set())
        found = set(owner.values())
        return Matched(
            pairs=owner,
            left=tuple(place for place in range(len(turns)) if place not in owner),
            missing=tuple(one for one, right in enumerate(calls) if not right.optional and one not in found),
        )

    def too_early(self, calls: Sequence[RightCall], turns: Sequence[Turn]) -> list[int]:
        """Right calls that were made, but never after the results of those that they wait for. What was not made, or
        waits for what was not made, is not too early but missing."""
        rounds = [[turn.round for turn in turns if self.fits(right, turn)] for right in calls]
        return [
            one
            for one, right in enumerate(calls)
            if rounds[one] and any(rounds[first] and max(rounds[one]) <= min(rounds[first]) for first in right.after)
            if not right.optional
        ]

    def _defaults(self, name: str) -> dict[str, JsonValue]:
        said = self.tools[name].parameters.get("properties") if name in self.tools else None
        properties = said if isinstance(said, dict) else {}
        return {
            key: schema["default"]
            for key, schema in properties.items()
            if isinstance(schema, dict) and "default" in schema
        }


def _place(one: int, fitting: Sequence[Sequence[int]], owner: dict[int, int], seen: set[int]) -> bool:
    for turn in fitting[one]:
        if turn not in owner:
            owner[turn] = one
            return True
    for turn in fitting[one]:
        if turn not in seen:
            seen.add(turn)
            if _place(owner[turn], fitting, owner, seen):
                owner[turn] = one
                return True
    return False
