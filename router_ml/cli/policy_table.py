"""The table of ``router-ml policy test``: requests or facts, and what is expected to become of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from router_ml.config import RouterConfig
from router_ml.config.issues import Issue, unknown
from router_ml.config.section import Section
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.contract import RiskTier, RouteRequest
from router_ml.contract.base import Action, Channel, GuardState, LogLevel, Mode
from router_ml.errors import ConfigError, Problem
from router_ml.guardrails.rules.references import findings

_PIN = "session-pin"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _request(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Given(Section):
    """Facts by the names that conditions use. What is left out is ordinary; ``tier`` follows from the rest."""

    intent: str | None = None
    domain: str | None = None
    mode: Mode | None = None
    channel: Channel | None = None
    org: str | None = None
    region: str | None = None
    risk: Names | None = None
    tier: RiskTier | None = None
    finding: Names | None = None
    guard_state: GuardState | None = None
    tool: Names | None = None
    language: str | None = None
    language_validated: bool | None = None


class Places(Section):
    """Destinations beside lanes and tools; each list exact, None: not asked."""

    indexes: Names | None = None
    rerankers: Names | None = None
    judges: Names | None = None
    trace_sinks: Names | None = None


class Expected(Section):
    """What should come out; what is left out is not asked. ``lanes``, ``policies`` and ``tools`` are exact sets.

    ``includes`` and ``excludes`` name some lanes. ``output_contract`` of facts is the one that a rule demands (null:
    none); of a request the one that is planned.
    """

    lanes: Names | None = None
    includes: Names = ()
    excludes: Names = ()
    action: Action | Literal["invalid"] | None = None
    queue: str | None = None
    tier: RiskTier | None = None
    policies: Names | None = None
    tools: Names | None = None
    approval: bool | None = None
    destinations: Places = Places()
    output_contract: str | None = None
    explore: bool | None = None
    log: LogLevel | None = None


class Example(Section):
    """One row. Facts beside a request replace what the router reads in it."""

    name: str
    request: Annotated[RouteRequest | None, BeforeValidator(_request)] = None
    facts: Given | None = None
    expect: Expected


class Table:
    """Examples of a file, and the line on which each starts."""

    def __init__(self, path: Path) -> None:
        """Read a table.

        Raises:
            ConfigError: with every problem of its shape, each with file, line, key and fix.
        """
        self._source = Source(read(path, expected="a table of examples"), str(path))
        value = self._source.value
        problems = list(self._source.problems)
        if not isinstance(value, list) or not value:
            message = f"expected a list of examples, found {type(value).__name__ if value else 'nothing'}."
            fix = "Write one per item: - name, request or facts, expect."
            raise ConfigError([*problems, Problem(str(path), 1, "(file)", message, fix)])
        try:
            self.examples = TypeAdapter(tuple[Example, ...]).validate_python(value)
        except ValidationError as error:
            raise ConfigError([*problems, *shape_problems(error, self._source, root=Example)]) from None
        if problems:
            raise ConfigError(problems)

    def line(self, index: int) -> int | None:
        """The line on which an example starts."""
        return self._source.line((index,))

    def problems(self, config: RouterConfig) -> list[Problem]:
        """Names that the configuration does not have: an expectation with a typo in it may always hold."""
        return [
            Problem(self._source.file, self._source.line(issue.path), dotted(issue.path), issue.message, issue.fix)
            for index, example in enumerate(self.examples)
            for issue in issues_of(example, config, index=index)
        ]


def issues_of(example: Example, config: RouterConfig, *, index: int = 0) -> Iterator[Issue]:
    """What is wrong with one example: names that the configuration does not have, or nothing given or expected.
    ``index``: of the example in its table, with which each path begins."""
    expect, given, request = example.expect, example.facts, example.request
    if given is None and request is None:
        yield Issue((index,), "neither a request nor facts are given.", "Add 'request' or 'facts'.")
    if not expect.model_fields_set:
        yield Issue((index, "expect"), "nothing is expected, so it always holds.", "Add 'lanes', 'action' or others.")
    places = expect.destinations
    contract = () if expect.output_contract is None else (expect.output_contract,)
    asked: list[tuple[tuple[str, ...], tuple[str, ...] | None, tuple[str, ...], str]] = [
        *(
            (("expect", key), getattr(expect, key), tuple(config.lanes), "lane")
            for key in ("lanes", "includes", "excludes")
        ),
        (("expect", "policies"), expect.policies, (*(policy.id for policy in config.policies), _PIN), "policy"),
        (("expect", "tools"), expect.tools, tuple(config.tools), "tool"),
        (
            ("expect", "output_contract"),
            contract,
            (*config.output_contracts, "text", "inline", "none"),
            "output contract",
        ),
        *(
            (("expect", "destinations", key), getattr(places, key), tuple(getattr(config, key)), "destination")
            for key in Places.model_fields
        ),
    ]
    if given is not None:
        asked += _of_facts(given, config)
    for path, names, known, what in asked:
        yield from unknown((index, *path), names or (), known, what)


def _of_facts(
    given: Given, config: RouterConfig
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...] | None, tuple[str, ...], str]]:
    taxonomy = config.taxonomy
    yield ("facts", "tool"), given.tool, tuple(config.tools), "tool"
    if not config.guardrails.detectors:
        yield ("facts", "finding"), given.finding, findings(config), "type of finding"
    if taxonomy.risks:
        yield ("facts", "risk"), given.risk, taxonomy.risks, "risk"
    for key, known in (("intent", taxonomy.intents), ("domain", taxonomy.domains)):
        value = getattr(given, key)
        if known and value is not None:
            yield ("facts", key), (value,), known, key
