"""``router-ml policy test``: does the configuration do with each example what is expected?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.cli.inputs import open_config
from router_ml.cli.policy_table import Example, Expected, Given, Table
from router_ml.config import RouterConfig
from router_ml.contract import Constraints, RouteDecision
from router_ml.errors import ConfigError, InvalidRequestError, Problem
from router_ml.guardrails.policy import risk_tier
from router_ml.guardrails.rules.apply import apply_rules
from router_ml.guardrails.rules.conditions import Facts
from router_ml.guardrails.rules.logic import NEUTRAL
from router_ml.guardrails.rules.verdict import Verdict, invalid, verdict
from router_ml.ruling.of_record import facts_of, rule_again

if TYPE_CHECKING:
    from router_ml.router import Router

_IN_MEMORY = "sqlite://"  # examples belong in no log
_MANY = 1_000  # characters: long enough for an unvalidated language to count
_NAMES = {"risk": "risks", "finding": "findings", "tool": "tools"}


@dataclass(frozen=True)
class Mismatch:
    """What was expected of one key, and what was found."""

    key: str
    expected: Any
    found: Any


@dataclass(frozen=True)
class Result:
    """One example: it holds where ``mismatches`` is empty."""

    name: str
    line: int | None
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True)
class PolicyTestReport:
    """``problems`` is empty for a table that can be run; only then there are results."""

    file: str
    config: str
    problems: tuple[Problem, ...] = ()
    results: tuple[Result, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every example came out as expected."""
        return not self.problems and not any(result.mismatches for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return {"ok": self.ok, **asdict(self)}


def policy_test(file: Path, *, config: Path | None = None, model: str | None = None) -> PolicyTestReport:
    """Run a table of examples.

    Args:
        file: the table.
        config: a ``router.yaml``; by default the one of ``model``.
        model: as ``Router.load`` takes it; opened only where an example gives a request.

    Raises:
        ConfigError: the configuration is wrong. BundleError, RegistryError: the model cannot be trusted or fetched.
    """
    try:
        table = Table(file)
    except ConfigError as error:
        return PolicyTestReport(str(file), str(config or model or ""), problems=error.problems)
    router: Router | None = None
    if any(example.request is not None for example in table.examples):
        from router_ml.router import Router
        from router_ml.storage.loading import MODEL_VARIABLE, shipped_bundle

        router = Router.load(model, config=config, log=_IN_MEMORY)
        settings, where = router.config, config or model or os.environ.get(MODEL_VARIABLE) or shipped_bundle()
    else:
        where, settings = open_config(config, model=model)
    problems = table.problems(settings)
    if problems:
        return PolicyTestReport(str(file), str(where), problems=tuple(problems))
    results = (
        Result(example.name, table.line(index), tuple(mismatches(example.expect, ruled(example, settings, router))))
        for index, example in enumerate(table.examples)
    )
    return PolicyTestReport(str(file), str(where), results=tuple(results))


def ruled(example: Example, config: RouterConfig, router: Router | None) -> Verdict:
    """What becomes of an example: by the whole router for a request, by the rules alone for facts."""
    if example.request is None or router is None:
        facts = _facts(config, example.facts or Given())
        try:
            ruling = apply_rules(config, facts, constraints=Constraints(), tokens_in=0)
        except InvalidRequestError:
            return invalid(facts.tier)
        return verdict(config, ruling, facts.tier)
    try:
        decision = router.predict_route(example.request, seed=0)
    except InvalidRequestError:
        return invalid("low")
    if example.facts is not None:
        return rule_again(config, decision, _facts(config, example.facts, decision))
    return _of_decision(config, decision)


def _of_decision(config: RouterConfig, decision: RouteDecision) -> Verdict:
    return replace(
        rule_again(config, decision),
        action=decision.action,
        queue=decision.queue,
        tier=decision.risk_tier,
        lanes=decision.eligible,
        policies=tuple(fired.id for fired in decision.policies),
        tools=tuple(tool.name for tool in decision.tools),
        output_contract=decision.output_contract.name,
        destinations=decision.destinations,
        log=decision.log_level,
    )


def _facts(config: RouterConfig, given: Given, decision: RouteDecision | None = None) -> Facts:
    """Given facts over those of a decision, or over ordinary ones; with the tier that they bring if none is given."""
    said = {key: value for key, value in given.model_dump(exclude_none=True).items() if key != "tier"}
    values: dict[str, Any] = {
        _NAMES.get(k, k): frozenset(v) if k in ("risk", "finding") else v for k, v in said.items()
    }
    base = NEUTRAL if decision is None else facts_of(config, decision)
    if given.finding and given.guard_state is None:
        values["guard_state"] = "hit"
    facts = replace(base, **values)
    writes = any(config.tools[name].effect == "write" for name in facts.tools if name in config.tools)
    org = facts.org.strip().casefold() if facts.org is not None else None  # as requests are read
    tier = given.tier or risk_tier(
        config.guardrails,
        risks=facts.risks,
        guard_state=facts.guard_state,
        language_validated=facts.language_validated,
        language_chars=decision.circumstances.language_chars if decision else _MANY,
        abstained=decision is not None and (decision.intent.abstained or decision.domain.abstained),
        channel=facts.channel,
        write_tool=writes,
    )
    return replace(facts, write_tool=writes, org=org, tier=tier)


def mismatches(expect: Expected, found: Verdict) -> Iterator[Mismatch]:
    """Every expectation that does not hold."""
    lanes = set(found.lanes)
    for key in Expected.model_fields:
        if key not in expect.model_fields_set or key == "destinations":
            continue
        wanted = getattr(expect, key)
        if key in ("includes", "excludes"):
            wrong = set(wanted) - lanes if key == "includes" else set(wanted) & lanes
            if wrong:
                yield Mismatch(key, list(wanted), list(found.lanes))
        elif not _same(wanted, getattr(found, key)):
            yield Mismatch(key, wanted, getattr(found, key))
    for key, wanted in expect.destinations:
        if wanted is not None and not _same(wanted, getattr(found.destinations, key)):
            yield Mismatch(f"destinations.{key}", wanted, getattr(found.destinations, key))


def _same(wanted: object, found: object) -> bool:
    """Equal; of names, the same ones in any order."""
    if isinstance(wanted, tuple) and isinstance(found, tuple):
        return set(wanted) == set(found)
    return wanted == found
