"""What happened to a request, in time: moments from its decision to its last outcome, and the calls of each run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from router_ml.contract import Execution, Hop

if TYPE_CHECKING:
    from router_ml.execution.story.story import Story

LEAST = 0.008  # of the width, so that what took no time is still seen
KINDS = {
    **{"refused": "warn", "human_review": "warn", "denied": "bad", "expired": "bad", "failed": "bad"},
    **{"cancelled": "warn", "requested": "warn", "granted": "good", "answered": "good", "allow": "good"},
}


@dataclass(frozen=True)
class Moment:
    """``what`` happened at a time; ``kind``: good, warn, bad, or nothing; ``words``: of it."""

    at: datetime
    what: str
    kind: str
    words: str


@dataclass(frozen=True)
class Call:
    """A hop on the axis of its run: ``start`` and ``width`` are shares of it."""

    hop: Hop
    start: float
    width: float

    @property
    def kind(self) -> str:
        """How it went: good, bad, or off where nothing was sent."""
        return "off" if not self.hop.called else "bad" if self.hop.failed else "good"

    @property
    def ended(self) -> str:
        """The same in a word."""
        return (self.hop.kind or "failed").replace("_", " ") if self.hop.failed else "answered"


@dataclass(frozen=True)
class Run:
    """An execution with its calls; ``took_ms``: the length of the axis."""

    execution: Execution
    calls: tuple[Call, ...]
    took_ms: float


def moments(story: Story) -> list[Moment]:
    """What happened besides the calls, oldest first."""
    return [
        Moment(_utc(event["at"]), event["what"], KINDS.get(event["state"] or "", ""), _words(event))
        for event in story.events()
        if event["what"] not in ("hop", "lookup", "tool")
    ]


def runs_of(story: Story) -> list[Run]:
    """The executions of a request, oldest first."""
    return [run_of(execution) for execution in story.executions]


def run_of(execution: Execution) -> Run:
    """An execution on its axis."""
    began = min((_utc(hop.at) for hop in execution.hops if hop.at is not None), default=None)
    offsets, clock = [], 0.0
    for hop in execution.hops:  # those without a time follow the one before
        at = clock if hop.at is None or began is None else (_utc(hop.at) - began).total_seconds() * 1000
        offsets.append(max(at, 0.0))
        clock = offsets[-1] + hop.latency_ms
    ends = [offset + hop.latency_ms for offset, hop in zip(offsets, execution.hops, strict=True)]
    took = max([*ends, 1e-3])
    calls = (
        Call(
            hop,
            min(offset / took, 1 - LEAST),
            min(max(hop.latency_ms / took, LEAST), 1 - min(offset / took, 1 - LEAST)),
        )
        for offset, hop in zip(offsets, execution.hops, strict=True)
    )
    return Run(execution, tuple(calls), took)


def _words(event: dict[str, object]) -> str:
    parts = [str(event[name]) for name in ("name", "state", "lane", "who", "error") if event[name] is not None]
    if event["quality"] is not None:
        parts.append(f"rated {event['quality']:.2f}")
    return ", ".join(dict.fromkeys(parts)).replace("_", " ")


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
