"""What may be asked about a logged decision, and about each place that it went to.

An incomplete scan found what it found, and there may be more; that is "not known", never "no".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router_ml.contract import TIERS, RouteDecision
from router_ml.guardrails.rules.conditions import ELSEWHERE, SCANNED_RISKS
from router_ml.offline.proving.condition import Values

OF_DECISION: dict[str, tuple[str, ...] | None] = {
    **{"finding": None, "risk": None, "tier": TIERS, "guard_state": ("clean", "hit", "unknown")},
    **{"class": None, "org": None, "region": None, "channel": ("web", "app", "api", "batch"), "language": None},
    **{"intent": None, "domain": None, "mode": ("chat", "batch")},
    **{"action": ("route", "clarify", "human_review", "refuse"), "policy": None, "tool": None},
    **{"arm": None, "bundle": None},
}
OF_PLACE: dict[str, tuple[str, ...] | None] = dict.fromkeys(("lane", "provider", "boundary", "lane_region", "model"))
FIELDS = {**OF_DECISION, **OF_PLACE}
DETECTED = frozenset({"finding", "risk", "tier", "guard_state", "policy"})
"""Fields that say what was detected, not what was there."""
PREDICTED = frozenset({"intent", "domain", "mode", "language"})


@dataclass(frozen=True)
class At:
    """A place that a request went to, or was planned to go to; None: not known."""

    lane: str | None
    provider: str | None
    boundary: str | None
    lane_region: str | None
    model: str | None = None


NOWHERE = At("", "", "", "", "")


def stated(*place: str | None) -> At:
    """A place as a record states it; what is blank there is not known."""
    return At(*((each or "").strip() or None for each in place))


def planned(decision: RouteDecision, lane: str) -> At:
    """Where a lane stood when a request was decided."""
    place = decision.places.get(lane.strip())
    model = decision.model if lane == decision.lane else None
    if place is None:
        return stated(lane, None, None, None, model)
    return stated(lane, place.provider, place.boundary, place.region, model)


def facts(
    decision: RouteDecision, at: At | None = None, *, tools: Iterable[str] | None = None
) -> Callable[[str], Values]:
    """What is known of each field.

    Args:
        at: the place that is asked about; by default that of the planned lane.
        tools: those that were called; by default those that were planned.
    """
    place = at or (planned(decision, decision.lane) if decision.lane is not None else NOWHERE)
    called = [tool.name for tool in decision.tools] if tools is None else tools

    def of(name: str) -> Values:
        if name in OF_PLACE:
            value = getattr(place, name)
            return Values(frozenset(), complete=False) if value is None else _some([value] if value else [])
        return _some(called) if name == "tool" else _OF[name](decision)

    return of


def _some(values: Iterable[str | None], *, complete: bool = True) -> Values:
    return Values(frozenset(value.casefold() for value in values if value is not None), complete)


def _scanned(decision: RouteDecision) -> bool:
    return decision.guard_state != "unknown" and not decision.circumstances.missed


def _findings(decision: RouteDecision) -> Values:
    """Types of findings, and the kinds that they are of: pii, secrets, prompt_injection."""
    kinds = [risk.name for risk in decision.risks if risk.name in SCANNED_RISKS and risk.source == "rule"]
    return _some([*kinds, *(finding.type for finding in decision.findings)], complete=_scanned(decision))


def _org(decision: RouteDecision) -> Values:
    """The organisation; not known where its name may not be kept."""
    found = decision.circumstances.org
    withheld = found is None and (
        decision.guard_state == "unknown" or any(each.part.startswith("metadata") for each in decision.findings)
    )
    return Values(frozenset(), complete=False) if withheld or found == ELSEWHERE else _some([found])


def _region(decision: RouteDecision) -> Values:
    found = decision.circumstances.region
    return Values(frozenset(), complete=False) if found == ELSEWHERE else _some([found])


_OF: dict[str, Callable[[RouteDecision], Values]] = {
    "finding": _findings,
    "risk": lambda d: _some((risk.name for risk in d.risks), complete=_scanned(d)),
    "tier": lambda d: _some([d.risk_tier]),
    "guard_state": lambda d: _some([d.guard_state]),
    "class": lambda d: _some([d.traffic_class]),
    "org": _org,
    "region": _region,
    "channel": lambda d: _some([d.circumstances.channel]),
    "language": lambda d: _some([d.language.code]),
    "intent": lambda d: _some([d.intent.label]),
    "domain": lambda d: _some([d.domain.label]),
    "mode": lambda d: _some([d.mode.label]),
    "action": lambda d: _some([d.action]),
    "policy": lambda d: _some(fired.id for fired in d.policies),
    "arm": lambda d: _some([d.state.arm]),
    "bundle": lambda d: _some([d.versions.bundle]),
}
