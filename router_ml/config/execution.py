"""How decisions are carried out: endpoints of lanes, patience, breakers, tools, indexes, reviews."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from router_ml.config.section import Fraction, NotNegative, Positive, Section
from router_ml.contract.base import JsonObject, OutputType


class Endpoint(Section):
    """Where and how a lane is called.

    ``base_url``, or the environment variable ``base_url_env`` that holds it; neither: the vendor's own. ``key_env``:
    the environment variable that holds the key; None: the one that the vendor's client reads, and no key at all for an
    address of one's own. A key never stands here.
    ``max_concurrency``: calls at a time from this process; ``requests_per_minute``: at most, None for no limit.
    """

    base_url: str | None = None
    base_url_env: str | None = None
    key_env: str | None = None
    timeout_ms: Positive = 30_000.0
    max_concurrency: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)


class Breaker(Section):
    """When a lane or a provider is left alone: after ``failures`` in a row, or once ``share`` of at least ``least``
    calls within ``window_ms`` failed. After ``open_ms``, which doubles with each failed probe up to ``max_open_ms``,
    ``probes`` calls may try whether it is back."""

    failures: int = Field(default=5, ge=1)
    share: Fraction = 0.5
    least: int = Field(default=20, ge=1)
    window_ms: Positive = 30_000.0
    open_ms: Positive = 5_000.0
    max_open_ms: Positive = 300_000.0
    probes: int = Field(default=1, ge=1)


class Review(Section):
    """People who look first: how long a request waits for one, and what happens if nobody says anything.

    ``keep_private``: what waits of requests whose text the log may not keep lies in the database too, so that people
    can look at it from another process; by default only in the memory of the process that asked.
    """

    expires_minutes: Positive = 1440.0
    on_expiry: Literal["deny", "refuse", "static_answer"] = "deny"
    keep_private: bool = False


class ExecutionRules(Section):
    """What holds for every execution.

    ``jitter``: share of a pause that is drawn at random; ``max_retry_after_ms``: a provider that asks for a longer
    pause is left for the next lane; ``repairs``: attempts to have an answer corrected that broke its contract;
    ``max_tool_rounds``: times that the results of tools go back to a lane; ``repeats``: how often the same call of a
    tool may be made; ``static_answer``: what is said where the fallback ends with it.
    """

    jitter: Fraction = 0.5
    max_retry_after_ms: NotNegative = 2_000.0
    repairs: int = Field(default=1, ge=0, le=3)
    max_tool_rounds: int = Field(default=6, ge=0, le=50)
    repeats: int = Field(default=2, ge=1, le=10)
    static_answer: str = "This request cannot be answered at the moment. Please try again later."
    breaker: Breaker = Breaker()
    review: Review = Review()


class Tool(Section):
    """A tool that lanes may be offered. Write tools change something.

    ``parameters``: JSON Schema of its arguments, ``result``: of what it returns. ``contract``: ``FILE`` or
    ``FILE#TOOL``, a file beside ``router.yaml`` that says this instead (``docs/tools.md``). ``idempotent``: calling it
    twice is calling it once, so that it may be tried again. ``max_calls``: per request.
    """

    version: str
    effect: Literal["read", "write"]
    description: str = ""
    approval: bool = False
    idempotent: bool = False
    timeout_ms: Positive = 10_000.0
    max_calls: int | None = Field(default=None, ge=1)
    contract: str | None = None
    region: str | None = None
    boundary: str | None = None
    parameters: JsonObject = Field(default_factory=dict)
    result: JsonObject = Field(default_factory=dict)


class Index(Section):
    """A retrieval index and where its data lives; ``folder``: of documents, for the one that is built in."""

    top_k: int = Field(default=5, gt=0)
    reranker: str | None = None
    folder: str | None = None
    region: str | None = None
    boundary: str | None = None


class ContractSpec(Section):
    """A named output contract; its fields are those of ``OutputContract``."""

    type: OutputType = "text"
    schema_: JsonObject | None = Field(default=None, alias="schema")
    citations_required: bool = False
    labels: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    grounded: bool = False
