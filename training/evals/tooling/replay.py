"""Tools that say what a script says: the replay of a trace, with the faults that are written into it.

A call is parsed and validated as executions do it, so that a lane is told the same of a call that is wrong. Then the
first step of the script that fits and is not used up answers. A fault is a step: an ``error``, or a ``result`` that is
empty, cut off, out of date, huge, or that holds instructions or the data of somebody else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from router_ml.contract.base import JsonObject
from router_ml.execution.tools.arguments import BadArguments, read
from router_ml.execution.tools.results import shortened
from router_ml.execution.tools.toolbox import as_offer
from training.evals.attempt import Turn
from training.evals.case import Case, Step
from training.evals.suite import Suite
from training.evals.tooling.values import holds

NOT_OFFERED = "not a tool of this request"
NOT_THERE = {
    "read": "not found: nothing matches these arguments",
    "write": "rejected: nothing matches these arguments; nothing was done",
}
"""What a call is told that no step of the script fits, by the effect of its tool."""


@dataclass
class _Left:
    step: Step
    answered: int = 0

    @property
    def spent(self) -> bool:
        return self.step.times is not None and self.answered >= self.step.times


class Replay:
    """The tools of one attempt at a case; not to be shared by two, since steps are used up.

    Raises:
        ConfigError: the parameters of a tool are not valid JSON Schema.
        MissingExtraError: jsonschema is not installed.
    """

    def __init__(self, suite: Suite, case: Case) -> None:
        self._tools = {name: suite.file.tools[name] for name in case.tools}
        self._checker = suite.checker
        self._script = [_Left(step) for step in case.script]
        self._called: Counter[str] = Counter()

    def offered(self) -> list[JsonObject]:
        """The tools of the case, in the OpenAI shape, as executions offer them."""
        return [as_offer(name, tool) for name, tool in self._tools.items()]

    def answer(self, name: str, raw: str, *, round: int = 1) -> Turn:
        """What comes of a call, with its ``result``, or the ``error`` that the lane is told.

        Args:
            raw: the arguments as the lane wrote them.
            round: in which of its answers, from 1.
        """
        turn = Turn(name, raw, _as_object(raw), round=round)
        if name not in self._tools:
            return replace(turn, error=NOT_OFFERED)
        try:
            arguments = self._checker.arguments(name, raw)
        except BadArguments as problem:
            return replace(turn, error=str(problem))
        most = self._tools[name].max_calls
        if most is not None and self._called[name] >= most:
            return replace(turn, error=f"called {most} times, the most for one request")
        self._called[name] += 1
        return self._said(replace(turn, arguments=arguments))

    def _said(self, turn: Turn) -> Turn:
        for left in self._script:
            if (
                left.step.tool == turn.tool
                and not left.spent
                and holds(left.step.arguments or {}, turn.arguments or {})
            ):
                left.answered += 1
                return replace(turn, result=shortened(left.step.result), error=left.step.error)
        return replace(turn, error=NOT_THERE[self._tools[turn.tool].effect])


def _as_object(raw: str) -> JsonObject | None:
    if not raw.strip():
        return {}
    try:
        value = read(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
