"""Values that a configuration knows: a question about one that was never used is not a slip of the pen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from router_ml.config import RouterConfig
from router_ml.guardrails.rules.conditions import SCANNED_RISKS

Known = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Vocabulary:
    """``known``: by field, the values that the configuration names, in lower case; ``used``: those at which one of its
    lanes stands, for fields of places."""

    known: Known = field(default_factory=dict)
    used: Known = field(default_factory=dict)


NO_WORDS = Vocabulary()


def vocabulary(config: RouterConfig) -> Vocabulary:
    """The values that a ``router.yaml`` knows. Organisations, languages, arms and bundles it does not list."""
    lanes = config.lanes.values()
    used = {
        "lane": frozenset(name.casefold() for name in config.lanes),
        "provider": frozenset(lane.provider.casefold() for lane in lanes),
        "boundary": frozenset(lane.boundary.casefold() for lane in lanes),
        "lane_region": frozenset(lane.region.casefold() for lane in lanes),
        "model": frozenset(lane.model.casefold() for lane in lanes),
    }
    names = {
        "boundary": config.boundaries,
        "lane_region": config.regions,
        "region": config.regions,
        "class": config.traffic_classes,
        "tool": config.tools,
        "policy": [policy.id for policy in config.policies],
        "intent": config.taxonomy.intents,
        "domain": config.taxonomy.domains,
        "risk": config.taxonomy.risks,
        "finding": SCANNED_RISKS,
    }
    listed = {name: frozenset(value.casefold() for value in values) for name, values in names.items()}
    return Vocabulary(
        {name: listed.get(name, frozenset()) | used.get(name, frozenset()) for name in listed | used}, used
    )
