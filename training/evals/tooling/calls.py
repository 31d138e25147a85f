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
_IN_DOUBT, _AGAIN = "write_after_timeout", "made again, unknown whether it had been done"
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
            yield from self._left(matcher, place)
        for place in sorted(matched.pairs):
            if self._in_doubt(place):
                yield Difference(_IN_DOUBT, f"{turns[place].tool}: {_AGAIN}")
        yield from self._not_made(matcher, matched)

    def _left(self, matcher: Matcher, place: int) -> Iterator[Difference]:
        """What is wrong with a call that is none of the right ones."""
        turn = self.seen.attempt.turns[place]
        if turn.tool not in self.seen.case.tools:
            yield Difference("invented_tool", "a tool that was not offered")
            return
        if (problem := self._problem(turn)) is not None:
            yield Difference("invalid_arguments", f"{turn.tool}: {problem}")
            if any(right.tool == turn.tool for right in self.seen.case.calls):
                self._forgive(turn.tool)
            else:
                yield self._other(matcher, turn)
        elif not over_limit(turn) and not _injected(self.seen, turn):  # which the checks of both say
            repeated = self._repeated(place)
            yield from (self._other(matcher, turn),) if repeated is None else repeated

    def _problem(self, turn: Turn) -> str | None:
        try:
            self.seen.suite.checker.arguments(turn.tool, turn.raw)
        except BadArguments as problem:
            return str(problem)
        return None

    def _in_doubt(self, place: int) -> bool:
        """Whether a write is made again, nobody having looked whether it was done the time before."""
        turns = self.seen.attempt.turns
        before = next((at for at in range(place - 1, -1, -1) if _alike(turns[at], turns[place])), None)
        if before is None or not self._writes(turns[place]) or not unknown(turns[before]):
            return False
        return all(failed(one) or self._writes(one) for one in turns[before + 1 : place])

    def _repeated(self, place: int) -> tuple[Difference, ...] | None:
        """What is wrong with making a call again; None where it was not made before."""
        turns = self.seen.attempt.turns
        turn = turns[place]
        alike = [at for at, one in enumerate(turns) if _alike(one, turn)]
        earlier = [at for at in alike if at < place]
        if not earlier:
            return None
        first = turns[earlier[-1]]
        if self._writes(turn):
            if unknown(first):
                return (Difference(_IN_DOUBT, f"{turn.tool}: {_AGAIN}"),)
            return (
                () if failed(first) else (Difference("repeated_write", f"{turn.tool}: made again after it was done"),)
            )
        again = len(earlier) == 1 and in_passing(first)
        if again or len(alike) >= self.same or any(self._writes(one) for one in turns[earlier[-1] + 1 : place]):
            return ()
        return (Difference("extra_call", f"{turn.tool}: made again though its result was there"),)

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
