"""``router-ml contract``: the routing contract of one ``router.yaml``, for people who review it without reading code.

It is derived from the configuration alone, so it cannot differ from what a router does with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from router_ml.cli import contract_places, contract_rules
from router_ml.cli.contract_rules import owners
from router_ml.cli.contract_words import INPUTS, LOGGED, OUTPUTS, WORDS
from router_ml.cli.markdown import conditions, listed, spoken, table
from router_ml.config import RouterConfig, config_sha256, policy_sha256
from router_ml.config.schema import TrafficClass
from router_ml.contract import CONTRACT_VERSION, TIERS
from router_ml.deciding.recording import must_be_kept


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
        "notices",
        "rerankers",
        "judges",
        "trace_sinks",
        "traffic_classes",
        "fallback",
    )
    digests = {"config_sha256": config_sha256(config), "policy_sha256": policy_sha256(config)}
    owned = {owner: list(rules) for owner, rules in owners(config).items()}
    said = {key: whole[key] for key in (*sections, "logging") if key in whole}
    if config.logging.url is not None:
        said["logging"]["url"] = _without_password(config.logging.url)
    return {"contract": CONTRACT_VERSION, **digests, **said, "owners": owned}


def contract_page(config: RouterConfig) -> str:
    """The routing contract as Markdown: inputs, outputs, lanes, tools, rules, classes, fallback, log, owners, words."""
    parts = (
        _head,
        _exchange,
        contract_places.lanes,
        contract_places.tools,
        contract_places.indexes,
        contract_places.others,
        contract_rules.risks,
        contract_rules.policies,
        contract_rules.output_policies,
        contract_places.shapes,
        _classes,
        _fallback,
        _log,
        contract_rules.reviewed,
    )
    page = "\n".join(line for part in parts for line in part(config))
    return "\n".join([page, *_words(page)])


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


def _words(page: str) -> Iterator[str]:
    """Those of the words that are on a page."""
    yield "## Words\n"
    rows = (row for row in WORDS if any(word.removesuffix(" NAME") in page for word in row[0].split(", ")))
    yield from table(("word", "means"), rows)
    yield ""


def _classes(config: RouterConfig) -> Iterator[str]:
    yield "\n## Traffic classes\n"
    never = f" Nothing is explored at tier {spoken(rule.never_at)}." if (rule := config.exploration).never_at else ""
    yield (
        "A request belongs to the class that it names, else to the first one that matches. The floor is the average "
        "quality promised: `router-ml check` says whether it is certified, `router-ml floors` whether it is kept."
        f"{never}\n"
    )
    rows = (
        (
            name,
            conditions(item.when),
            _floor(item),
            f"{item.quality_per_usd:g}",
            f"{item.budget_usd_per_day:g}, then {item.at_cap}" if item.budget_usd_per_day else "-",
            f"{item.explore_share:g}",
            listed(item.limits.model_dump(exclude_none=True)),
        )
        for name, item in config.traffic_classes.items()
    )
    heads = ("class", "requests", "floor", "quality per USD", "USD a day", "explores at most", "limits")
    yield from table(heads, rows)


def _floor(item: TrafficClass) -> str:
    promise = item.promise
    return f"{item.floor:g}" if promise.kind == "mean" else f"at most {promise.max_loss:g} below the best lane"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _fallback(config: RouterConfig) -> Iterator[str]:
    rule, repairs = config.fallback, config.execution.repairs
    first = f", after the first lane itself {_times(rule.attempts - 1)} more but for a refusal" * (rule.attempts > 1)
    others = (
        f"up to {rule.lanes} other eligible lane{'s' * (rule.lanes > 1)}, best first, each {_times(rule.attempts)}, "
        f"{rule.backoff_ms:g} ms apart{first}; the last in another failure domain where one is eligible"
        if rule.lanes
        else f"no other lane{first}"
    )
    broken = f"is first asked for {_times(repairs)} more" if repairs else "is followed in the same way"
    last = f': "{config.execution.static_answer}"' if rule.finally_ == "static_answer" else ""
    yield "\n## Fallback\n"
    yield (
        f"On a timeout, a rate limit, a refusal or an error: {others}. An answer that breaks its output contract "
        f"{broken}. Nothing left: {rule.finally_}{last}.\n"
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
        f"\n{_where(rules.url)} Each record has its place in a chain of digests, so that a change shows "
        "(`router-ml log verify`). Of a request in which a detector found anything, in its session too, or that could "
        "not be scanned, neither text nor embedding is kept, whatever the table says; a person (metadata "
        f"`{rules.subject}`) can be erased and the chain still holds.\n"
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


def _where(url: str | None) -> str:
    if url is None:
        return "**No log is named here: nothing of this is kept unless $ROUTER_ML_LOG names one.**"
    return f"Kept in `{_without_password(url)}`, unless $ROUTER_ML_LOG names another log."


def _without_password(url: str) -> str:
    return re.sub(r"//.*@", "//", url).partition("?")[0]  # a password may hold any sign, and stand among the options
