"""Rows as decisions: read by the router's own bundle and rules, planned for the lane that was chosen elsewhere.

Labels, risks, tier, findings, embedding, features and estimates are what this router says of the request now, by the
way that its own decisions take. Lane and propensities are those of the row, whatever the rules would have said: they
have happened. ``versions.bundle`` names the import, since no bundle of ours chose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from router_ml.allocation.choose import as_contract
from router_ml.contract import Outcome, RouteDecision
from router_ml.contract.decision import Place, PolicyFired
from router_ml.deciding.recording import Made

if TYPE_CHECKING:
    from router_ml.offline.importing.rows import Row
    from router_ml.router import Router

PREFIX = "imp_"
MARK = "import:"


def decision_id(source: str, key: str) -> str:
    """The id of a row of a source: the same row has the same one, whenever it is imported."""
    whole = f"{source}\0{key}".encode("utf-8", "surrogatepass")
    return PREFIX + hashlib.sha256(whole).hexdigest()[:32]


def fired_by(source: str, mapping_sha256: str) -> tuple[str, str]:
    """Id and version of what stands for an import among the policies of its decisions."""
    return MARK + source, mapping_sha256[:12]


def decide(router: Router, rows: Sequence[Row], *, source: str, mapping_sha256: str) -> list[Made]:
    """A decision for each row, and what it was made from; nothing is kept."""
    stamps = [(0, row.at, decision_id(source, row.key)) for row in rows]
    made = router.made_beside([row.request for row in rows], stamps=stamps)
    return [_as_it_was(router, one, row, source, mapping_sha256) for one, row in zip(made, rows, strict=True)]


def outcome_of(row: Row, *, source: str) -> Outcome | None:
    """What a row says of how it went; None where it says nothing."""
    if (row.quality, row.cost_usd, row.latency_ms, row.labels, row.executed) == (None,) * 5:
        return None
    return Outcome(
        decision_id=decision_id(source, row.key),
        executed_lane=row.executed,
        quality=row.quality,
        labels=row.labels,
        rated_probability=row.rated_probability,
        cost_usd=row.cost_usd,
        latency_ms=row.latency_ms,
        source=MARK + source,
        at=row.rated_at,
    )


def _as_it_was(router: Router, made: Made, row: Row, source: str, mapping_sha256: str) -> Made:
    seen, lanes = made.decision, router.config.lanes
    reachable = {row.lane, *row.propensities}
    eligible = tuple(lane for lane in lanes if lane in reachable or lane in seen.eligible)
    name, version = fired_by(source, mapping_sha256)
    fired = PolicyFired(id=name, version=version, effect=f"recorded as it was: lane {row.lane}")
    drawn = "drawn" if row.drawn else "not drawn"
    decision = seen.model_copy(
        update={
            "action": "route",
            "question": None,
            "missing": (),
            "queue": None,
            "reason": f"Imported from {source}: {row.lane} had answered, {drawn}; the rest is what is known of it now.",
            "lane": row.lane,
            "model": lanes[row.lane].model,
            "eligible": eligible,
            "excluded": {lane: why for lane, why in seen.excluded.items() if lane not in eligible},
            "narrowing": (),
            "places": {name: _place(router, name) for name in eligible},
            "estimates": _estimates(router, made, eligible),
            "learned_estimate": None if seen.learned_lane in eligible else seen.learned_estimate,
            "overridden_by": (),
            "propensities": dict(row.propensities),
            "propensity": row.propensities[row.lane],
            "explored": row.propensities[row.lane] < max(row.propensities.values()),
            "policies": (*seen.policies, fired),
            "versions": seen.versions.model_copy(update={"bundle": MARK + source, "registry": None}),
        }
    )
    request = made.request
    if row.user is not None:  # only now: a name in a column is no risk of the request
        subject = router.config.logging.subject
        request = request.model_copy(update={"metadata": {**request.metadata, subject: row.user}})
    return replace(made, request=request, decision=RouteDecision.model_validate(decision.model_dump()), named=True)


def _estimates(router: Router, made: Made, eligible: tuple[str, ...]) -> dict[str, object]:
    """Those of the decision, and of the lanes that rules took away though they were reachable."""
    missing = [lane for lane in eligible if lane not in made.decision.estimates]
    more = {}
    if missing:
        found = router.estimate(made.request, made.understood, batch=False)
        more = as_contract(found, list(router.config.lanes), missing)
    return {**made.decision.estimates, **more}


def _place(router: Router, name: str) -> Place:
    lane = router.config.lanes[name]
    return Place(provider=lane.provider, region=lane.region, boundary=lane.boundary)
