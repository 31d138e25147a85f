"""What the page of ``router-ml contract`` says of the rules: risks, policies on requests and answers, who owns them."""

from __future__ import annotations

from collections.abc import Iterator

from router_ml.cli.markdown import conditions, table
from router_ml.config import RouterConfig
from router_ml.config.rules import OutputPolicy, OutputThen, Policy
from router_ml.contract import TIERS
from router_ml.offline.coverage import policy_lanes


def risks(config: RouterConfig) -> Iterator[str]:
    """What a request is found to hold, and how grave that is."""
    yield "\n## Risks\n"
    yield "What is found in a request gives it a tier; the highest counts, and nothing lowers it.\n"
    rails = config.guardrails
    risks, also = (
        rails.risk_tiers.items(),
        (
            (rails.unknown_tier, f"what could not be scanned, as beyond {rails.max_bytes:,} bytes"),
            (rails.write_tool_tier, "a tool is allowed that changes something"),
            (
                rails.unvalidated_language_tier,
                f"{rails.unvalidated_language_min_chars} characters in an untested language",
            ),
            (rails.abstained_tier, "not understood surely"),
            *((tier, f"channel {channel}") for channel, tier in rails.channel_tiers.items()),
        ),
    )
    rows = (
        (tier, ", ".join(risk for risk, at in risks if at == tier), "; ".join(what for at, what in also if at == tier))
        for tier in reversed(TIERS)
    )
    yield from table(("tier", "risks", "also"), (row for row in rows if any(row[1:])))


def policies(config: RouterConfig) -> Iterator[str]:
    """The rules on requests."""
    yield "\n## Policies\n"
    yield (
        "Every policy that fires narrows what is left; none can widen it. It fires where all of its conditions, parted "
        "by a semicolon, hold; where two name a queue or a shape of the answer, the first counts. Lanes that are "
        "switched off while the router runs are not on this page.\n"
    )
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


def output_policies(config: RouterConfig) -> Iterator[str]:
    """The rules on answers."""
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


def reviewed(config: RouterConfig) -> Iterator[str]:
    """Who answers for which rule."""
    yield "\n## Owners\n"
    yield "Who answers for which rule. A change of rules takes effect with an audit event: who, when, why.\n"
    rows = ((owner, ", ".join(rules), "") for owner, rules in owners(config).items())
    yield from table(("owner", "rules", "reviewed, on"), rows)
    yield ""


def owners(config: RouterConfig) -> dict[str, tuple[str, ...]]:
    """The rules of each owner, those on requests before those on answers."""
    found: dict[str, list[str]] = {}
    rules: list[Policy | OutputPolicy] = [*config.policies, *config.output_policies]
    for rule in rules:
        found.setdefault(rule.owner, []).append(rule.id)
    return {owner: tuple(named) for owner, named in sorted(found.items())}
