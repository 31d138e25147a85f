"""What can be wrong in the rules of the plan: unknown names, rules that are never reached, patterns without an end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from router_ml.config.issues import Issue, Path, covers, unknown
from router_ml.config.planning import PlanRule, PlanWhen
from router_ml.config.schema import RouterConfig

_LONGEST_PATTERN = 300
_LONGEST_RANGE = 64
_BARE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_OPEN = re.compile(r"[*+]|\{\d*,\}|\)\{")
_RANGE = re.compile(r"\{(?:\d{1,6},)?(\d{1,6})\}")


def plan_issues(config: RouterConfig) -> Iterator[Issue]:
    """All issues of cues, slots and rules."""
    yield from _cues(config)
    yield from _slots(config)
    for index, rule in enumerate(config.plan):
        here: Path = ("plan", index)
        yield from _when((*here, "when"), rule.when, config)
        yield from _names(here, rule, config)
        yield from _asks(here, rule)
        if rule.model_dump(exclude_defaults=True, exclude={"when", "soft"}) == {}:
            yield Issue(here, "the rule sets nothing.", "Give at least one field, or remove the rule.")
        earlier = next((i for i in range(index) if _hides(config.plan[i], rule)), None)
        if earlier is not None:
            message = f"unreachable: plan[{earlier}] comes first, takes every request of it and sets the same fields."
            yield Issue(here, message, "Move it up, or change its condition.")


def _cues(config: RouterConfig) -> Iterator[Issue]:
    for name, phrases in config.cues.items():
        if not any(re.search(r"\w", phrase) for phrase in phrases):
            yield Issue(("cues", name), "the cue has no words.", "Name at least one phrase, or remove the cue.")
        for index, phrase in enumerate(phrases):
            if not re.search(r"\w", phrase):
                yield Issue(("cues", name, index), "the phrase has no words.", "Remove it.")


def _slots(config: RouterConfig) -> Iterator[Issue]:
    for name, slot in config.slots.items():
        here: Path = ("slots", name)
        if slot.is_ == "pattern" and not slot.patterns:
            yield Issue((*here, "patterns"), "nothing says when it has been said.", "Add 'patterns' or 'is'.")
        for index, pattern in enumerate(slot.patterns):
            if (problem := unbounded(pattern)) is not None:
                fix = "Give every quantifier an end, such as \\d{4,12}."
                yield Issue((*here, "patterns", index), problem, fix)


def unbounded(pattern: str) -> str | None:
    """Why a pattern could run for long on a hostile text; None where it cannot.

    >>> unbounded(r"order \\d+")
    'it has a quantifier without an end, or one on a group.'
    >>> unbounded(r"order \\d{4,12}") is None
    True
    """
    try:
        re.compile(pattern)
    except re.error as error:
        return f"it is no regular expression: {error.msg}."
    bare = _BARE.sub("x", pattern)
    if len(pattern) > _LONGEST_PATTERN:
        return f"it has {len(pattern)} characters, at most {_LONGEST_PATTERN} are read."
    if _OPEN.search(bare):
        return "it has a quantifier without an end, or one on a group."
    if any(int(end) > _LONGEST_RANGE for end in _RANGE.findall(bare)):
        return f"it repeats something more than {_LONGEST_RANGE} times."
    return None


def _when(path: Path, when: PlanWhen, config: RouterConfig) -> Iterator[Issue]:
    taxonomy = config.taxonomy
    references = (
        ("intent", taxonomy.intents, "intent", bool(taxonomy.intents)),
        ("domain", taxonomy.domains, "domain", bool(taxonomy.domains)),
        ("risk", taxonomy.risks, "risk", bool(taxonomy.risks)),
        ("tool", tuple(config.tools), "tool", True),
        ("has", tuple(config.slots), "slot", True),
        ("says", tuple(config.cues), "cue", True),
        ("says_too", tuple(config.cues), "cue", True),
        ("says_not", tuple(config.cues), "cue", True),
        ("only", tuple(config.cues), "cue", True),
    )
    for key, known, what, checked in references:
        if checked:
            yield from unknown((*path, key), getattr(when, key) or (), known, what)
    for key, value in when.model_dump().items():
        if value == ():
            message = "the list is empty, so the rule is unreachable."
            yield Issue((*path, key), message, "Name at least one value, or remove the key.")
    if when.min_words is not None and when.max_words is not None and when.min_words > when.max_words:
        yield Issue((*path, "min_words"), "unreachable: it is above max_words.", "Swap the two numbers.")
    writes = any(tool.effect == "write" for tool in config.tools.values())
    if when.write_tool and not writes:
        yield Issue((*path, "write_tool"), "unreachable: no tool has effect write.", "Remove the rule.")


def _names(here: Path, rule: PlanRule, config: RouterConfig) -> Iterator[Issue]:
    if rule.index is not None:
        yield from unknown((*here, "index"), [rule.index], config.indexes, "index")
    elif rule.retrieval in ("light", "deep"):
        yield Issue((*here, "retrieval"), f"{rule.retrieval} retrieval needs an index.", "Add 'index'.")
    if rule.output_contract is not None:
        known = config.output_contracts
        yield from unknown((*here, "output_contract"), [rule.output_contract], known, "output contract")
    yield from unknown((*here, "missing"), rule.missing, config.slots, "slot")
    if rule.tools is not None:
        for key, names in rule.tools:
            yield from unknown((*here, "tools", key), names, config.tools, "tool")


def _asks(here: Path, rule: PlanRule) -> Iterator[Issue]:
    if rule.retrieval == "clarify" and not rule.missing and rule.question is None:
        yield Issue((*here, "retrieval"), "there is nothing to ask.", "Add 'missing' or 'question'.")
    if rule.retrieval != "clarify" and (rule.missing or rule.question is not None):
        key = "missing" if rule.missing else "question"
        yield Issue((*here, key), "only a rule with retrieval clarify asks.", "Set retrieval: clarify.")


def _hides(earlier: PlanRule, later: PlanRule) -> bool:
    """Whether the later rule never decides anything: all that it sets, the earlier sets for every request of it."""
    if earlier.retrieval == "clarify" or earlier.soft != later.soft or not covers(earlier.when, later.when):
        return False
    whole = later.model_dump(exclude_defaults=True, exclude={"when", "tools", "soft"})
    tools = {name for _, names in later.tools or () for name in names}
    theirs = {name for _, names in earlier.tools or () for name in names}
    return all(getattr(earlier, key) is not None for key in whole) and tools <= theirs
