"""Who changed the rules in force, the bundle in force, the log itself or who may call, when and why."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from router_ml.contract.base import At, Identifier, JsonObject, Model

OverrideKind = Literal["override", "override_ended"]
RulesKind = Literal[OverrideKind, "policies_replaced"]
ReleaseKind = Literal[
    "registered", "judged", "shadowed", "canary_started", "canary_stopped", "promoted", "rolled_back", "approved"
]
LogKind = Literal["erased", "expired", "compacted", "imported"]
DrillKind = Literal["drill", "drill_ended"]
SwitchKind = Literal["place_off", "place_on"]
AccessKind = Literal["key_created", "key_revoked"]
AuditKind = Literal[RulesKind, ReleaseKind, LogKind, DrillKind, SwitchKind, AccessKind]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class AuditEvent(Model):
    """One change of the rules in force, of the bundle in force, of the log itself or of who may call, written before it
    took effect.

    ``detail``: the policies that were added, the ids of those added, removed and changed, or the event that was ended;
    of a release the versions before and after; of the log what was taken out or brought in; of a drill what counts as
    down, and for which share of sessions; of a switch the places that are off; of a key its id, name, scopes,
    organisation and limits. ``policy_sha256_before`` and
    ``policy_sha256_after`` are those that decisions record, empty where rules were not touched. ``expires_at``: until
    when an override, a drill or a switch holds; None until it is ended.
    """

    event_id: Identifier
    at: At
    kind: AuditKind
    who: Said
    why: Said
    detail: JsonObject = Field(default_factory=dict)
    policy_sha256_before: str = ""
    policy_sha256_after: str = ""
    expires_at: At | None = None
