"""Does a challenger's guardrail let anything through that the champion's stopped?

Rules are compared on logged decisions, from their records. What reads a request (classifier, tagger, detectors) is not
in the record's power to compare: where it differs, whole requests have to be read by both, as examples give them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import get_args

from router_ml.config import RouterConfig, policy_sha256
from router_ml.contract import RouteDecision
from router_ml.contract.base import LogLevel
from router_ml.guardrails.rules.verdict import Verdict as Ruling
from router_ml.offline.gating.checks import Check
from router_ml.offline.policy_diff import compare_policies
from router_ml.ruling.of_record import rule_again
from router_ml.storage.bundle import Bundle

NAME = "guardrails"
EXPECTED = "identical or stricter"
MOST_DECISIONS = 20_000
_SHOWN = 3


@dataclass(frozen=True)
class Example:
    """One example under both: what the champion's rules make of it, and the challenger's. ``request``: it was read as
    a whole, not given as facts; ``broken``: the challenger does not do what is expected, and the champion does."""

    name: str
    before: Ruling
    after: Ruling
    request: bool
    broken: bool = False


def guardrail_check(
    challenger: Bundle, champion: Bundle | None, decisions: Iterable[RouteDecision], examples: Sequence[Example] = ()
) -> Check:
    """Compare the guardrails of two bundles on logged decisions and on examples."""
    if champion is None:
        return Check(NAME, None, None, EXPECTED, "The champion's bundle is not here. Name it: --against.")
    before, after = champion.config, challenger.config
    broken = [example.name for example in examples if example.broken]
    if broken:
        said = f"{len(broken)} examples do not come out as expected any more: {', '.join(broken[:_SHOWN])}."
        return Check(NAME, False, float(len(broken)), EXPECTED, said)
    cases = [(each.name, each.before, each.after) for each in examples]
    if policy_sha256(before) != policy_sha256(after):
        some = islice(decisions, MOST_DECISIONS)
        cases += [(each.decision_id, rule_again(before, each), rule_again(after, each)) for each in some]
    found = [f"{name} ({gap})" for name, was, now in cases for gap in looser(was, now, before, after)]
    if found:
        said = f"More is let through in {len(found)} ways on {len(cases)} cases: {'; '.join(found[:_SHOWN])}."
        return Check(NAME, False, float(len(found)), EXPECTED, said)
    fired = {policy for _, was, _ in cases for policy in was.policies}
    return _not_looser(challenger, champion, fired, len(cases), read=any(each.request for each in examples))


def _not_looser(challenger: Bundle, champion: Bundle, fired: set[str], cases: int, *, read: bool) -> Check:
    """Nothing more was let through; is that all there is to see? ``fired``: the champion's rules that did in a case."""

    def unknown(said: str) -> Check:
        return Check(NAME, None, None, EXPECTED, said)

    differs = list(_reading(challenger, champion))
    if differs and not read:
        said = f"Requests are read otherwise ({', '.join(differs)}) and no example gives a whole request to compare."
        return unknown(said + " Give a table of them: --examples.")
    changes = [each for each in compare_policies(champion.config, challenger.config).rules if each.change != "added"]
    if answers := [each.rule for each in changes if each.section == "output_policies"]:
        return unknown(
            f"Rules about answers differ ({', '.join(answers)}), which no record shows: router-ml policy diff."
        )
    if unseen := [each.rule for each in changes if each.section == "policies" and each.rule not in fired]:
        return unknown(
            f"Rules differ that fired in none of {cases} cases: {', '.join(unseen)}. Give --examples of them."
        )
    if not differs and policy_sha256(champion.config) == policy_sha256(challenger.config):
        return Check(NAME, True, 0.0, EXPECTED, "Rules, classifier, tagger and detectors are the same.")
    if not cases:
        return unknown("Rules differ and there is nothing to compare them on.")
    return Check(NAME, True, 0.0, EXPECTED, f"They differ; on {cases} cases nothing more is let through.")


def _reading(challenger: Bundle, champion: Bundle) -> Iterator[str]:
    new, old = challenger.manifest, champion.manifest
    pairs = {
        "encoder": (new.encoder_sha256, old.encoder_sha256),
        "classifier": (new.classifier_sha256, old.classifier_sha256),
        "tagger": (new.entities_sha256, old.entities_sha256),
        "detectors": (challenger.config.guardrails, champion.config.guardrails),
    }
    return (name for name, (one, other) in pairs.items() if one != other)


def looser(before: Ruling, after: Ruling, old: RouterConfig, new: RouterConfig) -> Iterator[str]:
    """What the second ruling lets through and the first did not.

    A lane that only the second configuration has is no more than its place: it counts where no lane of the same region
    and boundary was allowed before.
    """
    was = set(before.lanes) if before.action == "route" else set()
    now = set(after.lanes) if after.action == "route" else set()
    places = {_place(old, lane) for lane in was}
    for lane in sorted(now - was):
        if lane in old.lanes or _place(new, lane) not in places:
            yield f"lane {lane}"
    for lane in sorted(now & was):
        if _place(new, lane) not in places:
            yield f"lane {lane} in another place"
    yield from (f"tool {name}" for name in sorted(set(after.tools) - set(before.tools)))
    earlier = before.destinations.model_dump()
    for kind, names in after.destinations.model_dump().items():
        yield from (f"{kind} {name}" for name in sorted(set(names) - set(earlier[kind])))
    if before.approval and not after.approval and after.action == "route":
        yield "no approval"
    if after.explore and not before.explore:
        yield "explored"
    levels = get_args(LogLevel)  # most is kept first
    if levels.index(after.log) < levels.index(before.log):
        yield f"log {after.log}"


def _place(config: RouterConfig, lane: str) -> tuple[str, str]:
    found = config.lanes[lane]
    return str(found.region), str(found.boundary)
