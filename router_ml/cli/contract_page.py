"""``router-ml contract``: the routing contract of one ``router.yaml``, for people who review it without reading code.

It is derived from the configuration alone, so it cannot differ from what a router does with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router_ml.cli.contract_words import INPUTS, LOGGED, OUTPUTS, WORDS
from router_ml.cli.markdown import conditions, listed, table
from router_ml.config import RouterConfig, config_sha256, policy_sha256
from router_ml.config.rules import OutputPolicy, OutputThen, Policy
from router_ml.contract import CONTRACT_VERSION, TIERS
from router_ml.deciding.recording import must_be_kept
from router_ml.offline.coverage import policy_lanes


def contract_record(config: RouterConfig) -> dict[str, Any]:
    """What the page says of a configuration, as plain values."""
    whole = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    sections = (
        "boundaries",
        "regions",
        "lanes",
        "tools",
        "indexes",
        "output_contracts",
        "guardrails",
        "policies",
        "output_policies",
        "traffic_classes",
        "fallback",
    )
    digests = {"config_sha256": config_sha256(config), "policy_sha256": policy_sha256(config)}
    owned = {owner: list(rules) for owner, rules in owners(config).items()}
    said = {key: whole[key] for key in (*sections, "logging") if key in whole}
    return {"contract": CONTRACT_VERSION, **digests, **said, "owners": owned}


def contract_page(config: RouterConfig) -> str:
    """The routing contract as Markdown: inputs, outputs, lanes, tools, rules, classes, fallback, log, owners."""
    parts = (
        _head,
        _exchange,
        _lanes,
        _tools,
        _indexes,
        _risks,
        _policies,
        _output_policies,
        _classes,
        _fallback,
        _log,
        _owners,
        _words,
    )
    return "\n".join(line for part in parts for line in part(config))


def owners(config: RouterConfig) -> dict[str, tuple[str, ...]]:
    """The rules of each owner, those on requests before those on answers."""
    found: dict[str, list[str]] = {}
    rules: list[Policy | OutputPolicy] = [*config.policies, *config.output_policies]
    for rule in rules:
        found.setdefault(rule.owner, []).append(rule.id)
    return {owner: tuple(named) for owner, named in sorted(found.items())}


def _head(config: RouterConfig) -> Iterator[str]:
    yield f"# Routing contract {CONTRACT_VERSION}\n"
    yield (
        "What happens to every request: hard rules take lanes away first; among those left, what was learned picks the "
        "best quality for the money that keeps the promise of the traffic class. What cannot be checked counts as "
        "found."
    )
    yield f"\nConfiguration `{config_sha256(config)[:12]}`, rules `{policy_sha256(config)[:12]}`."
    places = f"Regions: {', '.join(config.regions)}. " if config.regions else ""
    yield f"{places}Boundaries from narrow to wide: {', '.join(config.boundaries)}."


def _exchange(config: RouterConfig) -> Iterator[str]:
    yield "\n## What comes in\n"
    yield from table(("field", "what it is", "required"), INPUTS)
    yield "\n## What is decided\n"
    yield from table(("field", "what it says"), OUTPUTS)


def _lanes(config: RouterConfig) -> Iterator[str]:
    yield "\n## Lanes\n"
    rows = (
        (
            name if lane.enabled else f"{name} (disabled)",
            lane.model,
            f"{lane.provider} / {lane.failure_domain}",
            f"{lane.region}, {lane.boundary}",
            f"{lane.price.input_per_mtok:g} / {lane.price.output_per_mtok:g}",
            f"{lane.context_window:,}",
            f"{lane.grade}",
            ", ".join(lane.capabilities),
        )
        for name, lane in config.lanes.items()
    )
    heads = ("lane", "model", "provider / failure domain", "place", "USD per M in / out", "window", "grade", "can")
    yield from table(heads, rows)


def _tools(config: RouterConfig) -> Iterator[str]:
    if not config.tools:
        return
    yield "\n## Tools\n"
    rows = (
        (
            f"{name} ({tool.version})",
            tool.effect,
            "a person first" if tool.approval else "-",
            ", ".join(part for part in (tool.region, tool.boundary) if part) or "not said",
            tool.description,
        )
        for name, tool in config.tools.items()
    )
    yield from table(("tool", "effect", "approval", "place", "what it does"), rows)


def _indexes(config: RouterConfig) -> Iterator[str]:
    if not config.indexes:
        return
    yield "\n## Where answers are looked up\n"
    rows = (
        (
            name,
            index.folder or "of the program that executes decisions",
            ", ".join(part for part in (index.region, index.boundary) if part) or "not said",
            f"{index.top_k}",
        )
        for name, index in config.indexes.items()
    )
    yield from table(("index", "documents", "place", "passages at most"), rows)


def _risks(config: RouterConfig) -> Iterator[str]:
    yield "\n## Risks\n"
    yield (
        "What is found in a request gives it a tier; the highest counts, and nothing lowers it. Policies name risks "
        f"and tiers. What could not be scanned: {config.guardrails.unknown_tier}. A request that may use a tool which "
        f"changes something: at least {config.guardrails.write_tool_tier}.\n"
    )
    tiers = config.guardrails.risk_tiers
    rows = ((tier, ", ".join(risk for risk, found in tiers.items() if found == tier)) for tier in reversed(TIERS))
    yield from table(("tier", "risks"), (row for row in rows if row[1]))


def _words(config: RouterConfig) -> Iterator[str]:
    yield "## Words\n"
    used = {"index": config.indexes, "tool": config.tools}
    yield from table(("word", "means"), (row for row in WORDS if used.get(row[0], True)))
    yield ""


def _policies(config: RouterConfig) -> Iterator[str]:
    yield "\n## Policies\n"
    yield "Every policy that fires narrows what is left; none can widen it.\n"
    rows = (
        (
            f"{policy.id} ({policy.version})",
            policy.owner,
            conditions(policy.when),
            row.effect,
            "-" if row.lanes is None else ", ".join(row.lanes) or "none",
            policy.rationale,
        )
        for policy, row in zip(config.policies, policy_lanes(config), strict=True)
    )
    yield from table(("policy", "owner", "fires on", "does", "leaves, alone", "why"), rows)


def _output_policies(config: RouterConfig) -> Iterator[str]:
    if not config.output_policies:
        return
    yield "\n## Policies on answers\n"
    yield "They hold for every lane. Withholding outranks a person's look.\n"
    rows = (
        (f"{rule.id} ({rule.version})", rule.owner, conditions(rule.when), _done(rule.then), rule.rationale)
        for rule in config.output_policies
    )
    yield from table(("policy", "owner", "fires on", "does", "why"), rows)


def _done(then: OutputThen) -> str:
    said = then.model_dump(exclude_none=True)
    return "; ".join(key if key == "withhold" else f"{key} {value}" for key, value in said.items())


def _classes(config: RouterConfig) -> Iterator[str]:
    yield "\n## Traffic classes\n"
    yield "A request belongs to the first class that matches. The floor is the average quality promised.\n"
    rows = (
        (
            name,
            conditions(item.when),
            f"{item.floor:g}",
            f"{item.quality_per_usd:g}",
            f"{item.budget_usd_per_day:g}, then {item.at_cap}" if item.budget_usd_per_day else "-",
            f"{item.explore_share:g}",
            listed(item.limits.model_dump(exclude_none=True)),
        )
        for name, item in config.traffic_classes.items()
    )
    heads = ("class", "requests", "floor", "quality per USD", "USD a day", "explores at most", "limits")
    yield from table(heads, rows)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _fallback(config: RouterConfig) -> Iterator[str]:
    rule = config.fallback
    yield "\n## Fallback\n"
    yield (
        f"On a timeout, a rate limit, a refusal or an error: up to {rule.lanes} other eligible lanes, best first, each "
        f"{_times(rule.attempts)}, {rule.backoff_ms:g} ms apart; the last in another failure domain where one is "
        "eligible. An answer that breaks its output contract is first asked for once more. "
        f"Nothing left: {rule.finally_}.\n"
    )
    yield (
        "While a vendor is dark its lanes are left alone, and the rules above decide who answers instead: "
        "`router-ml outage PROVIDER --hours 48` says for which requests somebody does, at which cost and quality.\n"
    )


def _log(config: RouterConfig) -> Iterator[str]:
    yield "## What has to be logged\n"
    yield from table(("record", "written", "holds"), LOGGED)
    rules = config.logging
    yield (
        "\nEach record has its place in a chain of digests, so that a change shows (`router-ml log verify`). Of a "
        "request with personal data or secrets neither text nor embedding is kept, whatever the table says; a person "
        f"(metadata `{rules.subject}`) can be erased and the chain still holds.\n"
    )
    rows = (
        (
            tier,
            rules.of(tier).level,
            "for good" if rules.of(tier).days is None else f"{rules.of(tier).days} days",
            ", ".join(name for name in config.traffic_classes if not must_be_kept(config, name, tier)) or "none",
        )
        for tier in TIERS
    )
    yield from table(
        ("risk tier", "the most that is kept", "how long", "classes that go on where the log cannot be written"), rows
    )


def _owners(config: RouterConfig) -> Iterator[str]:
    yield "\n## Owners\n"
    yield "Who answers for which rule. A change of rules takes effect with an audit event: who, when, why.\n"
    rows = ((owner, ", ".join(rules), "") for owner, rules in owners(config).items())
    yield from table(("owner", "rules", "reviewed, on"), rows)
    yield ""
