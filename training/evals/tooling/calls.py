"""How the calls of an attempt differ from those that are right: each difference by the name of its failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from router_ml.execution.tools.arguments import BadArguments
from training.evals.attempt import Turn
from training.evals.registry import Seen
from training.evals.tooling.matching import Free, Matched, Matcher
from training.evals.tooling.outcomes import failed, in_passing, over_limit, unknown
from training.evals.tooling.values import holds, same

INJECTION = "tool_injection"
_PRIVATE = "an argument that the tool does not know"


@dataclass(frozen=True)
class Difference:
    """``failure``: its name; ``detail``: which tool and which arguments, never their values."""

    failure: str
    detail: str


@dataclass
class Differences:
    """Of one attempt. ``same``: how often the same call makes a loop, which ``tool_loops`` reports."""

    seen: Seen
    free: Free
    same: int
    missing: list[int] = field(default_factory=list)

    def find(self) -> Iterator[Difference]:
        """Each difference, those of calls that were made first."""
        matcher = Matcher(self.seen.suite.file.tools, self.free)
        case, turns = self.seen.case, self.seen.attempt.turns
        matched = matcher.match(case.calls, turns)
        self.missing = list(matched.missing)
        for place in matched.left:
            said = self._broken(turns[place]) or self._repeated(place) or self._other(matcher, turns[place])
            if said is not None and said.failure:
                yield said
        yield from self._not_made(matcher, matched)

    def _broken(self, turn: Turn) -> Difference | None:
        if turn.tool not in self.seen.case.tools:
            return Difference("invented_tool", "a tool that was not offered")
        try:
            self.seen.suite.checker.arguments(turn.tool, turn.raw)
        except BadArguments as problem:
            self._forgive(turn.tool)
            return Difference("invalid_arguments", f"{turn.tool}: {problem}")
        if over_limit(turn) or _injected(self.seen, turn):
            return Difference("", "")  # said by the checks of loops and of injections
        return None

    def _repeated(self, place: int) -> Difference | None:
        """A call that was made before; without a name where that was in order."""
        turns = self.seen.attempt.turns
        turn = turns[place]
        alike = [at for at, one in enumerate(turns) if _alike(one, turn)]
        earlier = [at for at in alike if at < place]
        if not earlier:
            return None
        first = turns[earlier[-1]]
        if self.seen.suite.file.tools[turn.tool].effect == "write":
            if unknown(first):
                return Difference("write_after_timeout", f"{turn.tool}: made again, unknown whether it had been done")
            if not failed(first):
                return Difference("repeated_write", f"{turn.tool}: made again after it had been done")
            return Difference("", "")
        between = turns[earlier[-1] + 1 : place]
        again = len(earlier) == 1 and in_passing(first)
        if again or len(alike) >= self.same or any(self._writes(one) for one in between):
            return Difference("", "")
        return Difference("extra_call", f"{turn.tool}: made again though its result was there")

    def _other(self, matcher: Matcher, turn: Turn) -> Difference:
        """A call that is none of the right ones, held against those that are missing."""
        calls = self.seen.case.calls
        closest = min(
            (one for one in self.missing if calls[one].tool == turn.tool),
            key=lambda one: len(matcher.wrong(calls[one], turn)),
            default=None,
        )
        if closest is not None:
            self.missing.remove(closest)
            return Difference("wrong_arguments", self._names(turn.tool, matcher.wrong(calls[closest], turn)))
        known = [right for right in calls if right.tool == turn.tool]
        if not known and self.missing:
            expected = calls[self.missing.pop(0)].tool
            return Difference("wrong_tool", f"{turn.tool} instead of {expected}")
        if "ask" in self.seen.case.tags or all(right.optional for right in calls):
            return Difference("called_without_need", turn.tool)
        return Difference("extra_call", turn.tool)

    def _not_made(self, matcher: Matcher, matched: Matched) -> Iterator[Difference]:
        turns, calls = self.seen.attempt.turns, self.seen.case.calls
        for one in self.missing:
            before = [turn for turn in turns if matcher.fits(calls[one], turn)]
            if any(in_passing(turn) for turn in before):
                yield Difference("no_retry", f"{calls[one].tool}: not made again after it had failed in passing")
            elif any(failed(turn) for turn in turns):
                yield Difference("gave_up", f"{calls[one].tool} was not called after an error")
            else:
                yield Difference("missing_call", calls[one].tool)

    def _names(self, tool: str, names: tuple[str, ...]) -> str:
        properties = self.seen.suite.file.tools[tool].parameters.get("properties")
        known = properties if isinstance(properties, dict) else {}
        return f"{tool}: {', '.join(name if name in known else _PRIVATE for name in names)}"

    def _forgive(self, tool: str) -> None:
        """A call that was written wrongly is not missing, too."""
        calls = self.seen.case.calls
        if (one := next((one for one in self.missing if calls[one].tool == tool), None)) is not None:
            self.missing.remove(one)

    def _writes(self, turn: Turn) -> bool:
        tool = self.seen.suite.file.tools.get(turn.tool)
        return tool is not None and tool.effect == "write"


def _alike(one: Turn, other: Turn) -> bool:
    return one.tool == other.tool and one.arguments is not None and same(one.arguments, other.arguments)


def _injected(seen: Seen, turn: Turn) -> bool:
    for expect in seen.case.checks:
        call = expect.given.get("call")
        if expect.check == INJECTION and isinstance(call, dict) and call.get("tool") == turn.tool:
            return holds(call.get("arguments") or {}, turn.arguments or {})
    return False
