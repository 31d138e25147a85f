"""The steps of an approval: what each says, and what is said of one that stands in the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Literal

from router_ml.config.execution import Review
from router_ml.contract import Approval
from router_ml.contract.base import walk_strings
from router_ml.deciding.rechecking import as_request
from router_ml.errors import InvalidRequestError
from router_ml.execution.reviews.kept import Suspended
from router_ml.execution.tools.arguments import arguments_sha256, canonical
from router_ml.guardrails.digests import json_digest, key_from_environment
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.state.sessions import is_private
from router_ml.storage.service.held import Held

LONGEST = 2000


def is_hidden(router: Router | Rollout, suspended: Suspended) -> bool:
    """Whether the log may keep no word of it: by its decision, or by what has come in since."""
    decision, asked = suspended.decision, suspended.tool_request
    if decision.log_level != "text" or is_private(decision):
        return True
    came = [message for message in suspended.messages if message.get("role") != "user"]
    waits = [asked.arguments if asked else "", suspended.answer or "", *suspended.citations]
    beside = [passage.text for passage in suspended.progress.passages]
    tools = list(suspended.progress.client.tools)
    said = [text for _, text in walk_strings([came, waits, beside, tools])]
    new = as_request(said)
    return new is not None and router.scan(new).state != "clean"


def requested(
    suspended: Suspended,
    *,
    subject: Literal["tool", "request"],
    reason: str,
    queue: str | None,
    now: datetime,
    rules: Review,
    private: bool,
) -> Approval:
    """The step that asks."""
    asked, decision = suspended.tool_request, suspended.decision
    name, version = suspended.tool
    return Approval(
        approval_id=suspended.approval_id,
        decision_id=decision.decision_id,
        subject=subject,
        tool=name,
        version=version,
        arguments_sha256="" if asked is None else _digest(canonical(asked.arguments), private=private),
        state="requested",
        queue=queue or decision.queue,
        reason=reason,
        expires_at=now + timedelta(minutes=rules.expires_minutes),
        on_expiry=rules.on_expiry,
        at=now,
    )


def decided(last: Approval, *, granted: bool, who: str, why: str, now: datetime, until: datetime) -> Approval:
    """The step that answers; a grant says until when it may be used.

    Raises:
        InvalidRequestError: who or why is missing.
    """
    said = {"who": _said("who", who), "why": _said("why", why), "at": now}
    holds = {"state": "granted", "expires_at": until} if granted else {"state": "denied"}
    return last.model_copy(update={**said, **holds})


def expired(last: Approval, row: Held) -> Approval:
    """The step that nobody took in time."""
    return last.model_copy(update={"state": "expired", "who": None, "why": None, "at": row.until})


def told(last: Approval, *, taken: bool = False) -> str:
    """Why nothing can be done after this step."""
    at = f"{last.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if last.state == "requested":
        return f"Nobody has decided approval {last.approval_id} yet. See router-ml approvals."
    if last.state == "expired":
        return f"Approval {last.approval_id} expired on {at}. Send the request again."
    by = f"Approval {last.approval_id} was {last.state} by {last.who} on {at}"
    return f"{by}, and has been taken since." if taken else f"{by}. What was decided stays."


def _digest(arguments: str, *, private: bool) -> str:
    """The digest that the record of the call has as well (``withholding``, ``ToolCall.key``), so that the two can be
    matched: keyed where there is a key; a plain one only of what may be read anyway."""
    try:
        given = json.loads(arguments)
    except ValueError:
        return ""  # no call is ever made of it
    if not isinstance(given, dict):
        return ""
    key = key_from_environment()
    if key is not None:
        return json_digest("arguments", given, key) or ""
    return "" if private else arguments_sha256(given)


def _said(name: str, value: str) -> str:
    said = value.strip()
    if not said or len(said) > LONGEST:
        raise InvalidRequestError(f"Found {name} of {len(said)} characters, expected 1 to {LONGEST}: it is audited.")
    return said
