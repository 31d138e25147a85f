"""Which rules of the plan are for a request, and what has to be asked first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router_ml.config import RouterConfig
from router_ml.config.planning import PlanRule, PlanWhen
from router_ml.planning.guess import Advice
from router_ml.planning.seen import Seen, missing
from router_ml.planning.situation import Situation, matches


@dataclass(frozen=True)
class Clarification:
    """What is asked back, and the slots that are missing. Both are of the configuration, never of the request."""

    question: str
    missing: tuple[str, ...]


def matching(config: RouterConfig, situation: Situation, seen: Seen) -> tuple[PlanRule, ...]:
    """The rules that are for a request, in their order; one that asks back only where there is something to ask."""
    found = (rule for rule in config.plan if holds(config, rule.when, situation, seen))
    return tuple(rule for rule in found if rule.retrieval != "clarify" or clarification(config, rule, seen))


def holds(config: RouterConfig, when: PlanWhen, situation: Situation, seen: Seen) -> bool:
    """Whether every condition that is given holds; those that cost least are looked at first."""
    return (
        matches(when, situation)
        and all(_facts(config, when, seen))
        and all(_words(config, when, seen))
        and (when.document is None or seen.document is when.document)
    )


def _facts(config: RouterConfig, when: PlanWhen, seen: Seen) -> Iterator[bool]:
    """Conditions that no word has to be looked up for."""
    if when.tool is not None:
        yield any(name in seen.tools for name in when.tool)
    if when.write_tool is not None:
        yield any(config.tools[name].effect == "write" for name in seen.tools) is when.write_tool
    if when.tier is not None:
        yield seen.tier in when.tier
    if when.risk is not None:
        yield not seen.risks.isdisjoint(when.risk)
    if when.follow_up is not None:
        yield seen.follow_up is when.follow_up


def _words(config: RouterConfig, when: PlanWhen, seen: Seen) -> Iterator[bool]:
    """Conditions on what is asked."""
    if when.min_words is not None:
        yield seen.words >= when.min_words
    if when.max_words is not None:
        yield seen.words <= when.max_words
    for names in (when.says, when.says_too):
        if names is not None:
            yield any(seen.says(config.cues[name]) for name in names)
    if when.says_not is not None:
        yield not any(seen.says(config.cues[name]) for name in when.says_not)
    if when.only is not None:
        yield seen.has_only([word for name in when.only for word in config.cues[name]])
    if when.has is not None:
        yield any(seen.has(name, config.slots[name]) for name in when.has)


def clarification(config: RouterConfig, rule: PlanRule, seen: Seen) -> Clarification | None:
    """What a rule would ask; None where nothing is missing or it has been asked before."""
    names = missing(seen, rule.missing, config.slots)
    if not names and (rule.missing or rule.question is None):
        return None
    question = rule.question or " ".join(config.slots[name].question for name in names)
    return None if seen.was_asked(question) else Clarification(question, names)


def asked_back(config: RouterConfig, seen: Seen, advice: Advice) -> Clarification | None:
    """What has to be asked before anything else: where the first rule that sets retrieval says so, or outcomes taught
    so; never for what has been said."""
    first = advice.first("retrieval", learned=advice.guess.ask or advice.guess.retrieval)
    if first is not None:
        return clarification(config, first, seen) if first.retrieval == "clarify" else None
    if advice.guess.ask not in config.slots:
        return None
    return clarification(config, PlanRule(retrieval="clarify", missing=(str(advice.guess.ask),)), seen)
