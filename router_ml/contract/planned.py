"""How a lane is to be used, and what to do when it fails."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from router_ml.contract.base import JsonObject, Milliseconds, Model, RetrievalStrategy, Usd


class Decoding(Model):
    """How the lane is to decode. ``grammar``: in the GBNF form, where the lane can be held to one."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str | None = None
    response_format: JsonObject | None = None
    grammar: str | None = None


class Limits(Model):
    """Hard limits of the execution."""

    max_input_tokens: int | None = None
    max_context_tokens: int | None = None
    max_tool_calls: int = 0
    deadline_ms: Milliseconds | None = None
    max_cost_usd: Usd | None = None


class Retrieval(Model):
    """Whether and where to look things up."""

    strategy: RetrievalStrategy = "none"
    index: str | None = None
    top_k: int = 0
    reranker: str | None = None


class PlannedTool(Model):
    """A tool the lane may (or, if required, must) call; ``effect`` None in records of earlier releases."""

    name: str
    version: str
    effect: Literal["read", "write"] | None = None
    required: bool = False
    approval: bool = False


class Step(Model):
    """One step of a fallback: a lane, how often, and the pause between attempts."""

    lane: str
    attempts: int = Field(default=1, ge=1)
    backoff_ms: Milliseconds = 0


class Fallback(Model):
    """What to do when the lane fails, by kind of failure, and when nothing is left."""

    on_timeout: tuple[Step, ...] = ()
    on_rate_limit: tuple[Step, ...] = ()
    on_schema_failure: tuple[Step, ...] = ()
    on_refusal: tuple[Step, ...] = ()
    on_error: tuple[Step, ...] = ()
    finally_: Literal["human_review", "error", "static_answer"] = Field(default="error", alias="finally")

    def lanes(self) -> frozenset[str]:
        """Every lane that any step names."""
        rules = (self.on_timeout, self.on_rate_limit, self.on_schema_failure, self.on_refusal, self.on_error)
        return frozenset(step.lane for rule in rules for step in rule)
