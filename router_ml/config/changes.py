"""Changes of the rules while a router runs: further policies, or a newer set of rules. Pure; nothing takes effect here.

Both are checked as ``load_config`` checks a whole file, and against the lanes and labels that are in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from router_ml.config.checks import check
from router_ml.config.load import Check, nothing_else
from router_ml.config.rules import Policy
from router_ml.config.schema import RouterConfig
from router_ml.config.section import Section
from router_ml.config.source import Source, dotted, read, shape_problems
from router_ml.errors import ConfigError, Problem

RULE_SECTIONS = ("policies", "guardrails", "notices", "output_policies")
"""The sections that a newer set of rules may change."""

_OPENED_ONCE = ("packs", "detectors")


class _Added(Section):
    policies: tuple[Policy, ...]


def added_policies(
    base: RouterConfig, given: Policy | Mapping[str, Any] | str | Path, *, also: Check = nothing_else
) -> tuple[Policy, ...]:
    """Policies to lay over a configuration.

    Args:
        given: one policy, as ``Policy`` or a mapping of its fields; a mapping with the key ``policies``; or the path of
            a YAML file with that key.

    Raises:
        ConfigError: a policy is wrong, names what the configuration does not have, or takes an id that is in use.
    """
    source = _source(given.model_dump(mode="json") if isinstance(given, Policy) else given, "override")
    if isinstance(source.value, dict) and "policies" not in source.value and not isinstance(given, str | Path):
        source.value = {"policies": [source.value]}
    try:
        added = _Added.model_validate(source.value).policies
    except ValidationError as error:
        raise ConfigError([*source.problems, *shape_problems(error, source, root=_Added)]) from None
    if not added:
        raise ConfigError([Problem(source.file, None, "policies", "it is empty.", "Add at least one policy.")])
    first = len(base.policies)
    whole = with_policies(base, added)
    problems = [*source.problems]
    problems += [
        Problem(source.file, source.line(path), dotted(path), issue.message, issue.fix)
        for issue in (*check(whole), *also(whole))
        if issue.path[0] == "policies" and len(issue.path) > 1 and int(issue.path[1]) >= first
        for path in [("policies", int(issue.path[1]) - first, *issue.path[2:])]
    ]
    if problems:
        raise ConfigError(problems)
    return added


def with_policies(base: RouterConfig, added: Sequence[Policy]) -> RouterConfig:
    """A configuration with further policies after its own. It allows no more than before: rules intersect."""
    return base.model_copy(update={"policies": (*base.policies, *added)})


def newer_rules(base: RouterConfig, given: RouterConfig | str | Path, *, also: Check = nothing_else) -> RouterConfig:
    """A configuration with the rules of another.

    Args:
        given: a whole configuration, or the path of a YAML file with some of its sections. Sections of rules that the
            file leaves out stay as they are; any other section has to be as it is in force.

    Raises:
        ConfigError: a rule is wrong, or something else than rules would change.
    """
    changes = given.model_dump(mode="json", by_alias=True) if isinstance(given, RouterConfig) else given
    source = _source(changes, "rules")
    if not isinstance(source.value, dict):
        message = f"expected a mapping of sections, found {type(source.value).__name__}."
        raise ConfigError([Problem(source.file, 1, "(file)", message, "Give a router.yaml.")])
    whole = base.model_dump(mode="json", by_alias=True)
    try:
        config = RouterConfig.model_validate({**whole, **source.value, "taxonomy": whole["taxonomy"]})
    except ValidationError as error:
        raise ConfigError([*source.problems, *shape_problems(error, source, root=RouterConfig)]) from None
    problems = [*source.problems, *_other_changes(base, config, source)]
    problems += [
        Problem(source.file, source.line(issue.path), dotted(issue.path), issue.message, issue.fix)
        for issue in (*check(config), *also(config))
    ]
    if problems:
        raise ConfigError(problems)
    return config


def rules_from(base: RouterConfig, other: RouterConfig, *, also: Check = nothing_else) -> RouterConfig:
    """A configuration with the rules of another, whatever else differs; packs and detectors stay as they were opened.

    Raises:
        ConfigError: a rule names what ``base`` does not have.
    """
    opened = {name: getattr(base.guardrails, name) for name in _OPENED_ONCE}
    sections = {name: getattr(other, name) for name in RULE_SECTIONS}
    sections["guardrails"] = other.guardrails.model_copy(update=opened)
    return newer_rules(base, base.model_copy(update=sections), also=also)


def compare_rules(before: RouterConfig, after: RouterConfig) -> dict[str, list[str]]:
    """The ids of rules that were ``added``, ``removed`` and ``changed``; those of answers and notices with the name of
    their section before them, and settings of the guardrails by their key."""
    old, new = dict(_by_id(before)), dict(_by_id(after))
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and old[name] != new[name]],
    }


def _by_id(config: RouterConfig) -> Iterator[tuple[str, object]]:
    yield from ((policy.id, policy) for policy in config.policies)
    yield from ((f"output_policies.{policy.id}", policy) for policy in config.output_policies)
    yield from ((f"notices.{name}", notice) for name, notice in config.notices.items())
    yield from ((f"guardrails.{name}", value) for name, value in config.guardrails)


def _other_changes(base: RouterConfig, config: RouterConfig, source: Source) -> Iterator[Problem]:
    """Sections that only a restart may change: learned parts and health are bound to the lanes of a running router."""
    fix = "Leave it as it is in force, or restart with this file."
    for name, field in RouterConfig.model_fields.items():
        if name not in RULE_SECTIONS and getattr(config, name) != getattr(base, name):
            key = field.alias or name
            yield Problem(source.file, source.line((key,)), key, "differs from what is in force.", fix)
    for name in _OPENED_ONCE:
        if getattr(config.guardrails, name) != getattr(base.guardrails, name):
            path = ("guardrails", name)
            yield Problem(source.file, source.line(path), dotted(path), "is read when a router is opened.", fix)


def _source(given: Mapping[str, Any] | str | Path, name: str) -> Source:
    """A file, or a mapping as if it had been one."""
    if isinstance(given, str | Path):
        return Source(read(Path(given), expected="a router.yaml"), str(given))
    try:
        source = Source(yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True), name)
    except yaml.YAMLError:
        message = "it holds what is neither text, number, list nor mapping."
        raise ConfigError([Problem(name, None, "(mapping)", message, "Give plain values.")]) from None
    source.lines.clear()  # nobody has seen these lines
    return source
