"""What a lane did with a case."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from router_ml.contract import FailureKind
from router_ml.contract.base import JsonObject
from router_ml.execution.lanes.reply import Reply


@dataclass(frozen=True)
class Turn:
    """One call of a tool that a lane made. ``raw``: its arguments as it wrote them, ``arguments`` None where these are
    no JSON object; ``result`` or ``error``: what it was told; ``round``: in which of its answers, from 1."""

    tool: str
    raw: str
    arguments: JsonObject | None
    result: JsonValue = None
    error: str | None = None
    round: int = 1


@dataclass(frozen=True)
class Attempt:
    """One attempt at one case.

    ``reply``: the last answer, None where there was none; then ``error`` says why, as hops do. ``turns``: calls of
    tools, in order; ``rounds``: answers that asked for tools; ``looped``: it was stopped because it would not end.
    ``latency_ms``: of all its calls, ``first_ms`` to the first byte where it was streamed; ``tokens_in``,
    ``tokens_out``, ``cost_usd``: of all its calls, the last None where one did not say; ``assumed_usd``: what calls
    that failed, or did not say, may have cost beside. ``retries``: calls that failed in passing before.
    ``served_model``, ``fingerprint``: what the provider says it was.
    """

    lane: str
    case: str
    reply: Reply | None
    error: FailureKind | None = None
    detail: str = ""
    turns: tuple[Turn, ...] = ()
    rounds: int = 0
    looped: bool = False
    latency_ms: float = 0.0
    first_ms: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    assumed_usd: float = 0.0
    retries: int = 0
    served_model: str | None = None
    fingerprint: str | None = None

    @property
    def spent_usd(self) -> float:
        """What was paid for it, or may have been."""
        return (self.cost_usd or 0.0) + self.assumed_usd

    @property
    def text(self) -> str:
        """What a reader sees; empty where there was no answer."""
        return "" if self.reply is None else self.reply.text
