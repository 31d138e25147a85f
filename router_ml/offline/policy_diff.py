"""Two sets of rules compared: which rules differ, and which decisions of a log would come out otherwise.

Each logged decision is ruled on again under both configurations, from its record alone. Which lane would be taken is
not asked, only what rules allow. A set of rules that a decision was made under must give the eligible lanes that were
recorded; where it does not, the decision counts as not reproducible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from router_ml.config import RouterConfig, policy_sha256
from router_ml.config.load import LEARNED_OF_LANES
from router_ml.config.rules import OutputPolicy, Policy
from router_ml.contract import Destinations, RouteDecision
from router_ml.errors import MissingExtraError
from router_ml.guardrails.rules.verdict import Verdict
from router_ml.ruling.of_record import rule_again

if TYPE_CHECKING:
    import pandas as pd

OTHER = "(other settings)"
"""Stands for the rules where none of them explains a change."""

KINDS = ("action", "queue", "tier", "lanes", "tools", "approval", "destinations", "output_contract", "explore", "log")
_SECTIONS = ("boundaries", "regions", "tools", "indexes", "rerankers", "judges", "trace_sinks", "guardrails", "notices")


@dataclass(frozen=True)
class RuleChange:
    """One rule that differs. ``parts`` are the keys whose content changed; ``unversioned``: under the same version."""

    section: str
    rule: str
    change: str
    parts: tuple[str, ...] = ()
    versions: tuple[str | None, str | None] = (None, None)

    @property
    def unversioned(self) -> bool:
        """Whether the content changed and the version did not."""
        return self.change == "changed" and self.versions[0] == self.versions[1]


@dataclass(frozen=True)
class DecisionChange:
    """One decision that would come out otherwise: ``kinds`` says in what, ``rules`` because of which rules:
    of those that differ, the ones that make a difference by themselves.

    ``lane`` is the planned one; ``lane_stays`` whether the new rules would still allow it (None: there was none).
    """

    decision_id: str
    kinds: tuple[str, ...]
    rules: tuple[str, ...]
    lane: str | None
    lane_stays: bool | None
    before: Verdict
    after: Verdict

    def to_dict(self) -> dict[str, Any]:
        """As plain values; of the verdicts only what differs."""
        pairs = {kind: {"before": _plain(self.before, kind), "after": _plain(self.after, kind)} for kind in self.kinds}
        said = {key: value for key, value in asdict(self).items() if key not in ("before", "after")}
        return {**said, "changes": pairs}


@dataclass(frozen=True)
class PolicyDiff:
    """``compared`` decisions were ruled on twice; ``not_reproducible`` are ids of those, made under the first
    configuration, for which it gives other lanes than recorded; ``without_circumstances`` come from an older contract
    that did not record what rules looked at, and were left out. ``settings`` are other sections that differ."""

    rules: tuple[RuleChange, ...]
    settings: tuple[str, ...]
    reordered: bool
    changes: tuple[DecisionChange, ...] = ()
    compared: int = 0
    without_circumstances: int = 0
    reproduced: int = 0
    not_reproducible: tuple[str, ...] = ()

    def by_kind(self) -> dict[str, int]:
        """How many decisions change in which respect; one may in several."""
        counts = Counter(kind for change in self.changes for kind in change.kinds)
        lost = sum(change.lane_stays is False for change in self.changes)
        return {kind: counts[kind] for kind in KINDS if counts[kind]} | ({"planned lane lost": lost} if lost else {})

    def by_rule(self) -> dict[str, int]:
        """How many decisions change because of which rule, the most first."""
        return dict(Counter(rule for change in self.changes for rule in change.rules).most_common())

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values."""
        rules = [{**asdict(rule), "unversioned": rule.unversioned} for rule in self.rules]
        own = {key: value for key, value in vars(self).items() if key not in ("rules", "changes")}
        counts = {"by_kind": self.by_kind(), "by_rule": self.by_rule()}
        return {"rules": rules, **own, **counts, "changes": [change.to_dict() for change in self.changes]}


def compare_policies(before: RouterConfig, after: RouterConfig, decisions: Iterable[RouteDecision] = ()) -> PolicyDiff:
    """Compare two configurations, and what they say on logged decisions."""
    rules = (
        *_rule_changes("policies", before.policies, after.policies),
        *_rule_changes("output_policies", before.output_policies, after.output_policies),
    )
    settings = _settings(before, after)
    edited = frozenset(change.rule for change in rules if change.section == "policies")
    culprits = _Culprits(before, after, edited)
    digest, changes, broken, old, compared, checked = policy_sha256(before), [], [], 0, 0, 0
    for decision in decisions:
        if "circumstances" not in decision.model_fields_set:
            old += 1
            continue
        compared += 1
        first, second = rule_again(before, decision), rule_again(after, decision)
        if decision.versions.policy_sha256 == digest:
            checked += 1
            if set(first.lanes) != set(decision.eligible):
                broken.append(decision.decision_id)
        if kinds := _kinds(first, second):
            stays = None if decision.lane is None else second.action == "route" and decision.lane in second.lanes
            why = culprits.of(decision, first, second)
            changes.append(DecisionChange(decision.decision_id, kinds, why, decision.lane, stays, first, second))
    return PolicyDiff(
        rules=rules,
        settings=settings,
        reordered=_reordered(before, after),
        changes=tuple(changes),
        compared=compared,
        without_circumstances=old,
        reproduced=checked - len(broken),
        not_reproducible=tuple(broken),
    )


def frame(changes: Sequence[DecisionChange]) -> pd.DataFrame:
    """Changed decisions as a table: one row each, with ``KIND_before`` and ``KIND_after`` of what may change.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    columns = ["decision_id", "kinds", "rules", "lane", "lane_stays"]
    rows = [
        {name: getattr(change, name) for name in columns}
        | {f"{kind}_before": _plain(change.before, kind) for kind in KINDS}
        | {f"{kind}_after": _plain(change.after, kind) for kind in KINDS}
        for change in changes
    ]
    return pd.DataFrame(rows, columns=[*columns, *(f"{kind}_{when}" for kind in KINDS for when in ("before", "after"))])


@dataclass(frozen=True)
class _Culprits:
    """The second configuration with one differing rule at a time as the first has it, to see what that rule does."""

    before: RouterConfig
    after: RouterConfig
    edited: frozenset[str]

    @cached_property
    def _without(self) -> dict[str, RouterConfig]:
        old = {rule.id: rule for rule in self.before.policies}
        result = {}
        for name in self.edited:
            rules = [old.get(rule.id) if rule.id == name else rule for rule in self.after.policies]
            if name not in {rule.id for rule in self.after.policies}:
                rules.insert([*old].index(name), old[name])
            kept = tuple(rule for rule in rules if rule is not None)
            result[name] = self.after.model_copy(update={"policies": kept})
        return result

    def of(self, decision: RouteDecision, first: Verdict, second: Verdict) -> tuple[str, ...]:
        """The rules because of which a decision comes out otherwise; unchanged ones where only they fired otherwise."""
        fired, later = set(first.policies), set(second.policies)
        suspects = sorted(self.edited & (fired | later))
        guilty = suspects
        if len(suspects) > 1:
            guilty = [name for name in suspects if _kinds(rule_again(self._without[name], decision), second)]
        return tuple(guilty or suspects or sorted(fired ^ later) or [OTHER])


def _kinds(first: Verdict, second: Verdict) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if _plain(first, kind) != _plain(second, kind))


def _plain(verdict: Verdict, kind: str) -> Any:
    """One respect of a verdict; names in alphabetical order, since theirs means nothing."""
    value = getattr(verdict, kind)
    if isinstance(value, Destinations):
        return {place: sorted(names) for place, names in value.model_dump().items()}
    return sorted(value) if isinstance(value, tuple) else value


def _rule_changes(
    section: str, before: Sequence[Policy | OutputPolicy], after: Sequence[Policy | OutputPolicy]
) -> Iterator[RuleChange]:
    old, new = {rule.id: rule for rule in before}, {rule.id: rule for rule in after}
    for name in dict.fromkeys([*old, *new]):
        first, second = old.get(name), new.get(name)
        versions = first.version if first else None, second.version if second else None
        if first is None or second is None:
            yield RuleChange(section, name, "added" if first is None else "removed", versions=versions)
        elif first != second:
            parts = tuple(key for key in type(first).model_fields if getattr(first, key) != getattr(second, key))
            yield RuleChange(section, name, "changed", tuple(key for key in parts if key != "version"), versions)


def _reordered(before: RouterConfig, after: RouterConfig) -> bool:
    """Whether rules of both stand in another order: of some effects the first counts."""
    new, old = [rule.id for rule in after.policies], [rule.id for rule in before.policies]
    return [name for name in new if name in old] != [name for name in old if name in new]


def _settings(before: RouterConfig, after: RouterConfig) -> tuple[str, ...]:
    """Other sections that decide what is allowed, where they differ."""
    plain = [name for name in _SECTIONS if getattr(before, name) != getattr(after, name)]
    lanes, classes = (
        [
            {name: lane.model_dump(exclude=set(LEARNED_OF_LANES)) for name, lane in each.lanes.items()}
            for each in (before, after)
        ],
        [{name: (c.when, c.limits) for name, c in each.traffic_classes.items()} for each in (before, after)],
    )
    more = [("lanes", lanes[0] != lanes[1]), ("traffic_classes", classes[0] != classes[1])]
    return (*plain, *(name for name, differs in more if differs))
