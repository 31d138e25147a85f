"""Names in rules that only the detectors know: types of findings, packs, languages; and risks that nothing brings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from router_ml.config.issues import Issue, unknown
from router_ml.config.schema import RouterConfig
from router_ml.guardrails import patterns
from router_ml.guardrails.detectors.detector import Detector
from router_ml.guardrails.rules.analysis import Note

ENTITIES = ("person", "address", "organization")
"""Types that the entity tagger reports."""

_ISO_639 = re.compile(r"[a-z]{2,3}")
_BY_RULE = frozenset({"state_change"})  # risks that wording brings, not a detector


def packs() -> Mapping[str, Sequence[Detector]]:
    """The further sets of detectors that ship, by name."""
    found: Mapping[str, Sequence[Detector]] = getattr(patterns, "PACKS", {})
    return found


def issues(config: RouterConfig) -> Iterator[Issue]:
    """What can never be found as it is written: unknown packs, types of findings, language codes."""
    yield from unknown(("guardrails", "packs"), config.guardrails.packs, packs(), "pack of detectors")
    for section, index, named in _findings(config):
        here = (section, index, "when", "finding")
        if not config.guardrails.detectors:  # what those report is known when they run
            yield from _types(here, named, config)
    for index, policy in enumerate(config.policies):
        for code in policy.when.language or ():
            if not _ISO_639.fullmatch(code):
                fix = "Write the code of ISO 639, such as en or yue; und where no language can be told."
                yield Issue(("policies", index, "when", "language"), f"{code!r} is not a language code.", fix)


def _findings(config: RouterConfig) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for index, policy in enumerate(config.policies):
        yield "policies", index, policy.when.finding or ()
    for index, answer in enumerate(config.output_policies):
        yield "output_policies", index, answer.when.finding or ()


def _types(path: tuple[str | int, ...], named: Sequence[str], config: RouterConfig) -> Iterator[Issue]:
    known = findings(config)
    for name in named:
        pack = next((pack for pack, rows in packs().items() if name in {row.type for row in rows}), None)
        if name not in known and pack is not None:
            yield Issue(path, f"{name!r} is not looked for.", f"Add {pack!r} to guardrails.packs.")
        elif name not in known:
            yield from unknown(path, [name], known, "type of finding")


def findings(config: RouterConfig) -> tuple[str, ...]:
    """Every type of finding that is looked for, those of one's own detectors aside."""
    rows = (*patterns.DETECTORS, *(row for pack in config.guardrails.packs for row in packs().get(pack, ())))
    return (*dict.fromkeys(row.type for row in rows), *ENTITIES)


def notes(config: RouterConfig, *, languages: frozenset[str]) -> Iterator[Note]:
    """Rules that may never fire, depending on what else is there.

    Args:
        languages: the codes that the detection of languages can tell.
    """
    by_rule = _BY_RULE.union(row.risk for row in patterns.DETECTORS)
    for policy in config.policies:
        for code in policy.when.language or ():
            if _ISO_639.fullmatch(code) and code not in languages:
                yield Note("reference", (policy.id,), f"{policy.id} asks for language {code}, which is never detected.")
        for risk in policy.when.risk or ():
            if not config.taxonomy.risks and risk not in by_rule:
                message = f"{policy.id} asks for risk {risk}, which no detector brings; a bundle's classifier has to."
                yield Note("reference", (policy.id,), message)
    known = findings(config)
    for section, index, named in _findings(config) if config.guardrails.detectors else ():
        for name in named:
            if name not in known:
                policy_id = getattr(config, section)[index].id
                message = f"{policy_id} asks for finding {name}, which one of your own detectors has to report."
                yield Note("reference", (policy_id,), message)
